"""Histories of counts without SUMO: what detectors would have seen of drawn turnouts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from signalrl.events.event import Event
from signalrl.events.event_days import EventDay, event_days
from signalrl.events.history import Counts, Series, edges_of
from signalrl.events.turnout import draw_turnout
from signalrl.events.venues import Registry

INTERVAL_S = 300.0
ROADS = ("w_in", "w_out", "e_in", "e_out")


def registry(exit_veh_h: float = 3000.0, **kinds: Any) -> Registry:
    """One venue with two exits; kinds replace the usual ones."""
    arena = {
        "capacity": 20_000,
        "attendance": 8_000,
        "car_parks": {
            "park": {
                "spaces": 9000,
                "entrances": ["n_in", "s_in"],
                "exits": {"n_out": exit_veh_h, "s_out": exit_veh_h},
            }
        },
        "gates": {
            "west": {"inbound": "w_in", "outbound": "w_out", "weight": 3},
            "east": {"inbound": "e_in", "outbound": "e_out", "weight": 1},
        },
    }
    data = {"zone": "Europe/Berlin", "venues": {"arena": arena}}
    return Registry.model_validate(data).model_copy(update={"kinds": kinds})


def changed(registry: Registry, kind: str = "sports", **egress: float) -> Registry:
    """A registry in which the egress of a kind is another one."""
    known = registry.kind(kind)
    departures = known.departures.model_copy(update=egress)
    return registry.model_copy(
        update={"kinds": {kind: known.model_copy(update={"departures": departures})}}
    )


def weekly(number: int, registry: Registry, kind: str = "sports") -> list[Event]:
    """Events on as many Saturdays."""
    begin = datetime(2026, 1, 3, 18, 30, tzinfo=registry.local)
    return [
        Event(
            begin + timedelta(weeks=i),
            begin + timedelta(weeks=i, hours=2),
            "arena",
            f"match {i}",
            kind,
            None,
            str(i),
        )
        for i in range(number)
    ]


def history(
    truth: Registry, events: Sequence[Event], seed: int = 1, street_veh_h: float | None = None
) -> Counts:
    """Count the drawn turnouts of events: at the car parks, or at gates with other traffic."""
    known = set(edges_of(truth.venue("arena")))
    edges = sorted(known - set(ROADS) if street_veh_h is None else known & set(ROADS))
    first = events[0].begin.timestamp() - 86_400
    steps = int((events[-1].begin.timestamp() + 2 * 86_400 - first) / INTERVAL_S)
    bounds = first + INTERVAL_S * np.arange(steps + 1)
    random = np.random.default_rng([seed, 99])
    total = {edge: random.poisson((street_veh_h or 0.0) / 12, steps) for edge in edges}
    for number, event in enumerate(events):
        turnout = draw_turnout(np.random.default_rng([seed, number]), event, truth)
        for trips in (turnout.arrivals, turnout.departures):
            times = trips.depart_s + event.begin.timestamp()
            for edge in edges:
                here = (trips.origin == edge) | (trips.destination == edge)
                total[edge] = total[edge] + np.histogram(times[here], bounds)[0]
    return Counts(
        INTERVAL_S, {e: Series(bounds[:-1], v.astype(float)) for e, v in total.items()}, ()
    )


def days_of(
    truth: Registry,
    number: int,
    prior: Registry,
    seed: int = 1,
    kind: str = "sports",
    **more: Any,
) -> tuple[EventDay, ...]:
    """What was seen of weekly events that go as a registry says, in the terms of another one."""
    events = weekly(number, prior, kind)
    return event_days(history(truth, events, seed, **more), prior, events)[0]
