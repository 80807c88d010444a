"""The signal plans of an evening: which plan runs when, from what the calendar leads to expect."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from signalrl.errors import ConfigError
from signalrl.events.clocks import later
from signalrl.events.event import Event
from signalrl.events.turnout import expected_people
from signalrl.events.venues import Registry
from signalrl.forecast.assignment import Assignment, assign
from signalrl.forecast.offsets import with_offsets
from signalrl.forecast.plans import Bounds, Designer, SignalPlan
from signalrl.forecast.traffic import KINDS, Traffic, Window, draw_traffic
from signalrl.network.capacity import Capacity, find_movements
from signalrl.network.model import Network
from signalrl.scenario.event_demand import Season, events_around
from signalrl.scenario.schema import Scenario

FloatArray = npt.NDArray[np.float64]

PERIOD_S = 1800.0
"""How long a plan runs at least while visitors are on the road."""
DRAWS = 16
"""Draws of the traffic, the mean of which the plans are for."""
TURNS = 8
"""How often the ways of drivers are sought."""
MOST_LATE_S = 86_400.0
"""By how much a calendar may be wrong."""


@dataclass(frozen=True, slots=True)
class Period:
    """A part of the evening with plans of its own.

    Attributes:
        begin_s: Its begin, in simulated s.
        end_s: Its end.
        volumes_veh_h: Expected traffic by movement.
        plans: The plan of each signal.
        coming: Whether more visitors are expected to come in it than to leave.
    """

    begin_s: float
    end_s: float
    volumes_veh_h: FloatArray
    plans: Mapping[str, SignalPlan]
    coming: bool


def plan_evening(
    scenario: Scenario,
    network: Network,
    registry: Registry | None,
    events: Sequence[Event],
    window: Window,
    anchors_s: Sequence[float] = (),
    bounds: Bounds | None = None,
    *,
    coordinated: bool = True,
) -> tuple[Period, ...]:
    """Design the plans of a window of time.

    Args:
        scenario: Says what drives on any day.
        network: The signals.
        registry: The venues of the events.
        events: The events of the calendar around the window; none for a day like any other.
        window: The time.
        anchors_s: Simulated seconds at which plans change, such as the ends of events; every half
            hour before and after the last one they may change, too. The begin of the window by
            default.
        bounds: What plans may be.
        coordinated: Whether all signals have one cycle, with offsets for green waves.

    Raises:
        ConfigError: No calendar can tell the scenario's traffic.
        NetworkError: Nobody passes a signal.
        SimulationError: SUMO's router failed.
    """
    traffic = draw_traffic(scenario, registry, events, window, DRAWS)
    slices = slices_of(traffic, anchors_s or (window.begin_s,))
    capacity = Capacity(find_movements(network))
    found = assign(scenario, capacity, traffic, TURNS)
    gates = _gates(capacity, found)
    designer = Designer(network, scenario.timing, bounds, gates)
    periods, (_, arriving, leaving) = [], _rates(traffic)
    for begin_s, end_s in slices:
        volumes = _volumes(found, traffic, begin_s, end_s)
        plans = designer.design(volumes)
        if coordinated:
            plans = designer.design(volumes, designer.common_cycle_s(plans))
            plans = with_offsets(network, scenario.timing, found.turning, capacity, volumes, plans)
        steps = _steps(window, begin_s, end_s)
        coming = bool(arriving[steps].sum() > leaving[steps].sum())
        periods.append(Period(begin_s, end_s, volumes, plans, coming))
    return tuple(periods)


def events_of(
    scenario: Scenario, season: Season, window: Window, late_s: float = 0.0, factor: float = 1.0
) -> tuple[Event, ...]:
    """Return the events that may have traffic in a window, as the calendar has them.

    Args:
        scenario: One with events.
        season: Its calendar; with a probability of 0 none of its events happens.
        window: The time.
        late_s: By how many s the calendar has them too late; too early where it is below 0.
        factor: How many times their people the calendar expects.

    Raises:
        ConfigError: The calendar is wrong by more than a day.
    """
    assert scenario.events is not None
    if not abs(late_s) <= MOST_LATE_S:
        raise ConfigError(
            f"late_s: expected at most {MOST_LATE_S:g} s, early or late, got {late_s:g}; events of "
            "other days are not looked at"
        )
    if scenario.events.probability <= 0.0:
        return ()
    near = events_around(season, window.clock, window.begin_s, window.end_s)
    return as_expected(season.registry, near, late_s, factor)


def as_expected(
    registry: Registry, events: Sequence[Event], late_s: float, factor: float
) -> tuple[Event, ...]:
    """Return events as a calendar has them that is wrong.

    Args:
        registry: Their venues.
        events: The events as they are.
        late_s: By how many s the calendar has them too late; too early where it is below 0.
        factor: How many times their people the calendar expects.
    """
    return tuple(
        replace(
            event,
            begin=later(event.begin, late_s),
            end=later(event.end, late_s),
            attendance=round(factor * expected_people(event, registry.venue(event.venue))),
        )
        for event in events
    )


def _gates(capacity: Capacity, found: Assignment) -> list[str]:
    """Return the approaches on which vehicles enter, of signals that have others too.

    Where all enter, a queue is as good on one side as on the other, and green is for all of them.
    """
    inside = set(found.turning.hop_approach.tolist())
    signal_of = dict(zip(capacity.of_approach.tolist(), capacity.movements, strict=True))
    protected = {signal_of[i].signal for i in inside}
    return [
        edge
        for i, edge in enumerate(capacity.approaches)
        if i not in inside and signal_of[i].signal in protected
    ]


def slices_of(traffic: Traffic, anchors_s: Sequence[float]) -> list[tuple[float, float]]:
    """Return the periods: half hours around the last anchor, and a change at each of the others.

    Those without visitors are taken together.
    """
    window, last_s = traffic.window, max(anchors_s)
    first = math.floor((window.begin_s - last_s) / PERIOD_S)
    grid = [last_s + PERIOD_S * (first + i) for i in range(1, 1000)]
    grid = [s for s in grid if all(abs(s - a) >= PERIOD_S / 2 for a in anchors_s if a != last_s)]
    edges = sorted({s for s in (*grid, *anchors_s) if window.begin_s < s < window.end_s})
    bounds = [window.begin_s, *edges, window.end_s]
    rate = sum((_rates(traffic)[kind] for kind in (1, 2)), np.zeros(window.steps))
    found: list[tuple[float, float, bool]] = []
    for begin_s, end_s in pairwise(bounds):
        quiet = not rate[_steps(window, begin_s, end_s)].any()
        if quiet and found and found[-1][2]:
            begin_s = found.pop()[0]
        found.append((begin_s, end_s, quiet))
    return [(begin_s, end_s) for begin_s, end_s, _ in found]


def _volumes(found: Assignment, traffic: Traffic, begin_s: float, end_s: float) -> FloatArray:
    """Return the mean traffic by movement of a period.

    The ways are those of the assignment's periods, the numbers those of these minutes.
    """
    turning, window = found.turning, traffic.window
    steps = _steps(window, begin_s, end_s)
    volumes = np.zeros(turning.flows.shape[2])
    for kind, rate in enumerate(_rates(traffic)):
        for period in np.unique(turning.period_of[steps]):
            mine = steps & (turning.period_of == period)
            mean = rate[turning.period_of == period].mean()
            if mean > 0.0:
                volumes += turning.flows[period, kind] * rate[mine].sum() / mean / steps.sum()
    return volumes


def _rates(traffic: Traffic) -> list[FloatArray]:
    """Return how many vehicles of each kind set off in each step."""
    found = [np.zeros(traffic.window.steps) for _ in KINDS]
    for key, rate in traffic.mean().items():
        found[key.kind] += rate
    return found


def _steps(window: Window, begin_s: float, end_s: float) -> npt.NDArray[np.bool_]:
    """Return which steps a period has: those with their middle in it, at least that it is in."""
    at_s = window.begin_s + (np.arange(window.steps) + 0.5) * window.step_s
    inside: npt.NDArray[np.bool_] = (at_s >= begin_s) & (at_s < end_s)
    if not inside.any():
        inside[np.abs(at_s - (begin_s + end_s) / 2.0).argmin()] = True
    return inside
