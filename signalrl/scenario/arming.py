"""When gates may begin to hold: where the calendar leads to expect more than a district bears."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from signalrl.events.turnout import draw_turnout
from signalrl.network.gridlock import Diagram
from signalrl.scenario.demand import profile_factors
from signalrl.scenario.event_demand import Occasion, Season, events_around, wall_offset_s
from signalrl.scenario.schema import Scenario
from signalrl.scenario.streams import stream

FloatArray = npt.NDArray[np.float64]

DRAWS = 16
BIN_S = 300.0
BEFORE_S = 7200.0
"""A backlog is looked for from so long before the begin of an episode."""
MARGIN_S = 900.0
"""Gates are armed so long before and after, since an evening differs from the mean."""


def armed_times(
    scenario: Scenario,
    season: Season,
    occasion: Occasion,
    diagram: Diagram,
    recorded_s: npt.ArrayLike = (),
) -> tuple[tuple[float, float], ...]:
    """Return from when to when gates may begin to hold, in simulated s.

    The expected traffic is that of any day and, as a mean of draws that know the calendar and not
    the traffic of an episode, the visitors. What of it a district can't let out waits; gates are
    armed while more waits than the district's critical accumulation.

    Args:
        scenario: Says what drives on any day, and how long an episode is.
        season: The calendar.
        occasion: Says which time of which day simulated second 0 is.
        diagram: What the district discharges.
        recorded_s: When recorded vehicles set off. Gates don't hold them, and yet they fill it.
    """
    bounds = np.arange(scenario.begin_s - BEFORE_S, scenario.end_s + BIN_S, BIN_S)
    coming = _usual(scenario, occasion, bounds)
    coming += np.mean(scenario.scale_range or 1.0) * np.histogram(recorded_s, bounds)[0]
    if scenario.events is not None and scenario.events.probability > 0.0:
        coming += _visitors(season, occasion, bounds)
    waiting = 0.0
    found: list[tuple[float, float]] = []
    for begin, vehicles in zip(bounds[:-1], coming, strict=True):
        waiting = max(0.0, waiting + vehicles - diagram.capacity_veh_h * BIN_S / 3600.0)
        if waiting < diagram.critical_veh:
            continue
        span = float(begin) - MARGIN_S, float(begin) + BIN_S + MARGIN_S
        if found and span[0] <= found[-1][1]:
            span = found.pop()[0], span[1]
        found.append(span)
    return tuple(found)


def _usual(scenario: Scenario, occasion: Occasion, bounds: FloatArray) -> FloatArray:
    """Return the vehicles of any day that are drawn and set off between bounds, as a mean."""
    if scenario.demand is None:
        return np.zeros(len(bounds) - 1)
    veh_h = (
        sum(scenario.demand.scale_range) / 2.0 * sum(flow.veh_h for flow in scenario.demand.flows)
    )
    midnight_s = wall_offset_s(occasion.clock, scenario.begin_s)
    middles = (bounds[:-1] + bounds[1:]) / 2.0
    factors = profile_factors(scenario.demand.profile, middles, midnight_s)
    return veh_h * factors * np.diff(bounds) / 3600.0


def _visitors(season: Season, occasion: Occasion, bounds: FloatArray) -> FloatArray:
    """Return the visitors who set off between bounds, coming or leaving, as a mean."""
    counts = np.zeros(len(bounds) - 1)
    for event in events_around(season, occasion.clock, float(bounds[0]), float(bounds[-1])):
        after_s = event.begin.timestamp() - occasion.clock.timestamp()
        for draw in range(DRAWS):
            turnout = draw_turnout(stream(draw, f"arming {event.uid}"), event, season.registry)
            for trips in (turnout.arrivals, turnout.departures):
                counts += np.histogram(trips.depart_s + after_s, bounds)[0]
    return counts / DRAWS
