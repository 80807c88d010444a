"""Draws which event an episode is about, and the traffic of all events of its day."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path

from signalrl.errors import ConfigError
from signalrl.events.calendar import read_calendars
from signalrl.events.clocks import later
from signalrl.events.entries import Note
from signalrl.events.event import Event
from signalrl.events.turnout import Trips, Turnout, draw_turnout, usual_end_s
from signalrl.events.venues import Registry, read_venues
from signalrl.scenario.demand_schema import VISITOR, EventTraffic, Phase
from signalrl.scenario.schema import Scenario
from signalrl.scenario.streams import stream
from signalrl.scenario.vehicles import Vehicle, hundredths

_AROUND = timedelta(days=1)
"""Events that begin or end this long before or after an episode may have traffic in it."""
_ZONES = timedelta(days=1)
"""How far midnight may be apart on the clocks of two venues."""


@dataclass(frozen=True, slots=True)
class Season:
    """The events that episodes of a scenario may be about.

    Attributes:
        registry: Their venues and kinds.
        events: All of them, in the order of time.
        notes: What of the calendars was skipped or assumed.
    """

    registry: Registry
    events: tuple[Event, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Occasion:
    """What an episode is about.

    Attributes:
        event: The event.
        phase: Whether its visitors come or leave.
        clock: The time at simulated second 0, with the venue's zone.
    """

    event: Event
    phase: Phase
    clock: datetime


def load_season(scenario: Scenario) -> Season:
    """Read venues and calendars of a scenario with events; read again only when they change.

    Raises:
        ConfigError: It has no events, a file is broken, or no event is left.
    """
    events, venues = _traffic(scenario), scenario.venues_file
    assert venues is not None
    files = (venues, *scenario.calendar_files)
    changed_ns = tuple(path.stat().st_mtime_ns for path in files)
    return _season(files, changed_ns, events.first_day, events.last_day)


@lru_cache(maxsize=8)
def _season(
    files: tuple[Path, ...], _changed_ns: tuple[int, ...], first_day: date, last_day: date
) -> Season:
    registry = read_venues(files[0])
    earliest = first_day - min(_ZONES, first_day - date.min)
    latest = last_day + min(_ZONES, date.max - last_day)
    first = datetime.combine(earliest, time.min, registry.local)
    last = datetime.combine(latest, time.max, registry.local)
    found = read_calendars(files[1:], registry, first, last)
    # By the clocks of each venue, which may be others than those of the registry.
    of_season = [
        event
        for event in found.events
        if event.begin.date() <= last_day and event.end.date() >= first_day
    ]
    roads = {key: bool(venue.gates and venue.car_parks) for key, venue in registry.venues.items()}
    events = tuple(event for event in of_season if roads[event.venue])
    without = Counter(event.venue for event in of_season if not roads[event.venue])
    notes = (
        *found.notes,
        *(
            Note(
                files[0].name,
                venue,
                "expected gates and car_parks, on which visitors enter and leave the network, got "
                f"none; {number} events are left out",
            )
            for venue, number in sorted(without.items())
        ),
    )
    if not events:
        said = "; ".join(note.message for note in notes[:3])
        raise ConfigError(
            f"{', '.join(map(str, files[1:]))}: expected an event from {first_day} to "
            f"{last_day}, found none{f' ({said})' if said else ''}"
        )
    return Season(registry, events, notes)


def draw_occasion(scenario: Scenario, season: Season, seed: int) -> Occasion:
    """Draw what an episode of a scenario with events is about."""
    traffic, random = _traffic(scenario), stream(seed, "occasion")
    event = season.events[random.integers(len(season.events))]
    phase = traffic.phases[random.integers(len(traffic.phases))]
    return occasion_of(scenario, season, event, phase)


def occasion_of(scenario: Scenario, season: Season, event: Event, phase: Phase) -> Occasion:
    """Return the episode of a phase of an event."""
    anchor = event.begin
    if phase == "egress":
        kind = season.registry.kind(event.kind)
        anchor = later(event.begin, usual_end_s(event, kind))
    before_s = scenario.begin_s + _traffic(scenario).lead_s[phase]
    return Occasion(event, phase, later(anchor, -before_s))


def events_around(
    season: Season, clock: datetime, begin_s: float, end_s: float
) -> tuple[Event, ...]:
    """Return the events that may have traffic between two times.

    Args:
        season: The events.
        clock: The time at simulated second 0.
        begin_s: The earlier time, in simulated s.
        end_s: The later one.
    """
    first, last = later(clock, begin_s) - _AROUND, later(clock, end_s) + _AROUND
    return tuple(event for event in season.events if event.begin < last and event.end > first)


def draw_event_traffic(
    season: Season,
    traffic: EventTraffic,
    occasion: Occasion,
    begin_s: float,
    end_s: float,
    seed: int,
) -> Iterator[Vehicle]:
    """Draw the vehicles of all events around an episode.

    Args:
        season: The events.
        traffic: How they are drawn.
        occasion: What the episode is about.
        begin_s: Who departs before this simulated second is left out.
        end_s: The same of who departs then or later.
        seed: Decides everything.
    """
    if not _happens(traffic, seed):
        return
    for event in events_around(season, occasion.clock, begin_s, end_s):
        after_s = event.begin.timestamp() - occasion.clock.timestamp()
        turnout = realise(season, traffic, event, seed)
        # SUMO takes few signs in a name, and a calendar any.
        digest = hashlib.blake2b(event.uid.encode(), digest_size=4).hexdigest()
        for name, trips in (("in", turnout.arrivals), ("out", turnout.departures)):
            for vehicle in _vehicles(f"event_{digest}_{name}", trips, after_s):
                if begin_s <= vehicle.depart_s < end_s:
                    yield vehicle


def told_of(scenario: Scenario, seed: int) -> str | None:
    """Return what the episode of a seed is about, in words; None where a scenario has no events."""
    if scenario.events is None:
        return None
    occasion = draw_occasion(scenario, load_season(scenario), seed)
    if not _happens(scenario.events, seed):
        return f"no event, on {occasion.event.begin:%Y-%m-%d}"
    return f"{occasion.event.title}, {occasion.event.begin:%Y-%m-%d %H:%M}, {occasion.phase}"


def _traffic(scenario: Scenario) -> EventTraffic:
    if scenario.events is None:
        raise ConfigError(
            f"{scenario.name}: expected an environment with events (the key events), got one "
            "without; see docs/events.md on how to add venues and a calendar"
        )
    return scenario.events


def _happens(traffic: EventTraffic, seed: int) -> bool:
    return bool(stream(seed, "happens").uniform() < traffic.probability)


def realise(season: Season, traffic: EventTraffic, event: Event, seed: int) -> Turnout:
    """Draw the turnout of an event in an episode."""
    random = stream(seed, f"event {event.uid}")
    return draw_turnout(random, event, season.registry, random.uniform(*traffic.attendance_factor))


def wall_offset_s(clock: datetime, begin_s: float) -> float:
    """Return what a simulated time lacks to s after midnight on the clocks of a place.

    Args:
        clock: The time at simulated second 0.
        begin_s: Simulated second whose clocks count: they may have been changed since second 0.
    """
    wall = later(clock, begin_s)
    passed = timedelta(hours=wall.hour, minutes=wall.minute, seconds=wall.second)
    return passed.total_seconds() - begin_s


def _vehicles(label: str, trips: Trips, after_s: float) -> Iterator[Vehicle]:
    ways = zip(trips.origin.tolist(), trips.destination.tolist(), strict=True)
    departs_s = hundredths(trips.depart_s + after_s)
    for number, (depart_s, way) in enumerate(zip(departs_s, ways, strict=True)):
        yield Vehicle(depart_s, label, number, VISITOR, *way, ())
