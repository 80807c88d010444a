"""When gates may hold: while the calendar leads to expect visitors on the road."""

from __future__ import annotations

import numpy as np

from signalrl.events.turnout import draw_turnout
from signalrl.scenario.event_demand import Occasion, Season, events_around, later
from signalrl.scenario.streams import stream

DRAWS = 16
BIN_S = 300.0
MARGIN_S = 600.0
"""Gates are armed so long before and after, since an evening differs from the mean."""


def armed_times(
    season: Season, occasion: Occasion, begin_s: float, end_s: float, least_veh_h: float
) -> tuple[tuple[float, float], ...]:
    """Return from when to when so many visitors are expected, in simulated s.

    The expectation knows the calendar, not the traffic that is drawn for an episode.

    Args:
        season: The calendar.
        occasion: Says which time of which day simulated second 0 is.
        begin_s: Begin of the time that is looked at.
        end_s: Its end.
        least_veh_h: Visitors who enter the network, coming or leaving, as a mean of draws.
    """
    edges = np.arange(begin_s, end_s + BIN_S, BIN_S)
    counts = np.zeros(len(edges) - 1)
    first, last = (later(occasion.clock, time_s) for time_s in (begin_s, end_s))
    for event in events_around(season, first, last):
        after_s = event.begin.timestamp() - occasion.clock.timestamp()
        for draw in range(DRAWS):
            turnout = draw_turnout(stream(draw, f"arming {event.uid}"), event, season.registry)
            for trips in (turnout.arrivals, turnout.departures):
                counts += np.histogram(trips.depart_s + after_s, edges)[0]
    busy = counts / DRAWS * 3600.0 / BIN_S >= least_veh_h
    found: list[tuple[float, float]] = []
    for begin, is_busy in zip(edges[:-1], busy, strict=True):
        if not is_busy:
            continue
        span = float(begin) - MARGIN_S, float(begin) + BIN_S + MARGIN_S
        if found and span[0] <= found[-1][1]:
            span = found.pop()[0], span[1]
        found.append(span)
    return tuple(found)
