"""The inflow of visitors that the calendar leads to expect at each phase, over an episode.

It is the expectation that the event plans are designed for: begin, end and people of the events,
and what drives on any other day; nothing of the traffic that is drawn. Visitors drive from stop
line to stop line without queues, by the ways that drivers are expected to take.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from signalrl.control.inflow import INFLOW_AHEAD_S, ExpectedInflow
from signalrl.events.event import Event
from signalrl.events.venues import Registry
from signalrl.forecast.assignment import assign
from signalrl.forecast.evening import DRAWS, TURNS, events_of
from signalrl.forecast.traffic import KINDS, Traffic, Window, draw_traffic
from signalrl.forecast.turning import Turning
from signalrl.network.capacity import Capacity, find_movements
from signalrl.network.model import Network
from signalrl.network.timing import GREEN
from signalrl.scenario.event_demand import draw_occasion, load_season
from signalrl.scenario.schema import Scenario

FloatArray = npt.NDArray[np.float64]

GO = GREEN + "s"
"""Letters of a state that let somebody go, as in the observation."""


class InflowForecast:
    """What the calendar leads to expect in the episodes of a scenario.

    An expectation takes seconds. Each is left in a folder, where whoever shares it finds it.

    Args:
        scenario: One with events; its ``forecast`` says how wrong the calendar is.
        network: Its signals.
        folder: An existing folder for this scenario's expectations.
    """

    def __init__(self, scenario: Scenario, network: Network, folder: Path) -> None:
        self._scenario, self._network, self._folder = scenario, network, folder

    def of(self, seed: int) -> ExpectedInflow:
        """Return what is expected of an episode: equal for all seeds that have its occasion.

        Raises:
            ConfigError: The scenario has surges, which no calendar knows, a venue has no roads, or
                the calendar is wrong by more than a day.
            NetworkError: Nobody passes a signal.
            SimulationError: SUMO's router failed.
        """
        scenario, options = self._scenario, self._scenario.forecast
        assert scenario.events is not None
        season = load_season(scenario)
        occasion = draw_occasion(scenario, season, seed)
        # What the last decision looks ahead to is in it, too.
        end_s = scenario.end_s + max(INFLOW_AHEAD_S)
        window = Window(occasion.clock, scenario.begin_s, end_s)
        factor = options.attendance_factor
        events = events_of(scenario, season, window, options.late_s, factor)
        name = hashlib.sha256(repr((window, events)).encode()).hexdigest()[:32]
        path = self._folder / f"inflow-{name}.npy"
        if path.is_file():
            values = np.load(path, allow_pickle=False)
            return ExpectedInflow(window.begin_s, window.step_s, values)
        found = expect_inflow(scenario, self._network, season.registry, events, window)
        _write(path, found)
        return found


def expect_inflow(
    scenario: Scenario,
    network: Network,
    registry: Registry,
    events: Sequence[Event],
    window: Window,
) -> ExpectedInflow:
    """Return the visitors that are expected at each phase from any step of a window on.

    Args:
        scenario: Says what drives on any day.
        network: Its signals.
        registry: The venues of the events.
        events: The events around the window, as the calendar has them.
        window: The time; who would come later is not expected.

    Raises:
        ConfigError: The scenario has surges, which no calendar knows, or a venue has no roads.
        NetworkError: Nobody passes a signal.
        SimulationError: SUMO's router failed.
    """
    traffic = draw_traffic(scenario, registry, events, window, DRAWS)
    if not traffic.crowds:
        none = ExpectedInflow.nothing(len(network.signals), network.max_phases)
        return replace(none, begin_s=window.begin_s, step_s=window.step_s)
    capacity = Capacity(find_movements(network))
    turning = assign(scenario, capacity, traffic, TURNS).turning
    by_phase = served(network, capacity) @ visitors(turning, traffic).T
    until = np.concatenate((np.zeros((*by_phase.shape[:2], 1)), by_phase.cumsum(axis=2)), axis=2)
    first = np.arange(window.steps)
    ahead = []
    for ahead_s in INFLOW_AHEAD_S:
        last = np.minimum(first + round(ahead_s / window.step_s), window.steps)
        ahead.append((until[:, :, last] - until[:, :, first]) / (ahead_s / 60.0))
    values = np.ascontiguousarray(np.stack(ahead, axis=3).transpose(2, 0, 1, 3), np.float32)
    return ExpectedInflow(window.begin_s, window.step_s, values)


def served(network: Network, capacity: Capacity) -> FloatArray:
    """Return the share of each movement's links that each phase lets go, ``(S, P, movements)``."""
    edge_of = {lane.id: lane.edge for lane in network.lanes}
    at = {movement.key: i for i, movement in enumerate(capacity.movements)}
    shape = (len(network.signals), network.max_phases, len(at))
    going, links = np.zeros(shape), np.zeros(len(at))
    for s, signal in enumerate(network.signals):
        for link in signal.links:
            movement = at.get((edge_of.get(link.from_lane, ""), edge_of.get(link.to_lane, "")))
            if movement is None or link.crossing:
                continue
            links[movement] += 1.0
            for phase in signal.phases:
                going[s, phase.index, movement] += phase.state[link.position] in GO
    return going / links


def visitors(turning: Turning, traffic: Traffic) -> FloatArray:
    """Return the visitors who come to each stop line, as a mean, ``(steps, movements)``.

    From one stop line to the next they take a step at least, as in
    :func:`signalrl.forecast.loading.load`.
    """
    steps, movements = traffic.window.steps, turning.flows.shape[2]
    setting_off = np.zeros((steps, len(turning.entries)))
    for entry, (kind, edge) in enumerate(turning.entries):
        if kind:
            setting_off[:, entry] = traffic.visitors(kind, [edge]).mean(axis=1)
    hops, ways_in = (
        np.maximum(1, np.rint(time_s / traffic.window.step_s)).astype(np.intp)
        for time_s in (turning.hop_s, turning.entry_s)
    )
    longest = int(max(hops.max(initial=1), ways_in.max(initial=1)))
    coming = np.zeros((steps + longest, len(KINDS) * movements))
    for step, period in enumerate(turning.period_of):
        passing = setting_off[step] * turning.entry_passes[period]
        entering = passing[turning.entry_of] * turning.entry_share[period]
        np.add.at(coming, (step + ways_in, turning.entry_to), entering)
        moved = coming[step, turning.hop_from] * turning.hop_share[period]
        np.add.at(coming, (step + hops, turning.hop_to), moved)
    found: FloatArray = coming[:steps].reshape(steps, len(KINDS), movements).sum(axis=1)
    return found


def _write(path: Path, found: ExpectedInflow) -> None:
    """Write a file at once: others may look for it, or write the same."""
    handle, draft = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        np.save(file, found.values, allow_pickle=False)
    Path(draft).replace(path)
