"""Which times of a day are forecast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from signalrl.errors import ConfigError
from signalrl.events.event import Event
from signalrl.forecast.traffic import Window
from signalrl.scenario.event_demand import (
    Occasion,
    Season,
    draw_occasion,
    events_around,
    occasion_of,
)
from signalrl.scenario.schema import Scenario

COMING = LEAVING = timedelta(hours=3)
"""From so long before an event, and until so long after it, visitors are looked for on the road."""
AROUND = timedelta(days=400)
"""How far before and after a day the events of another calendar are read."""
EVENING_S = 4 * 3600.0
"""How much of an evening is loaded where its visitors are still on the road at midnight."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a day that is forecast.

    Attributes:
        label: A word for it.
        window: The time.
        events: Events that may have visitors on the road then.
        anchors_s: Simulated seconds at which the event that it is about begins, or usually ends.
        before_s: For how long the network has to be loaded before, in s, so that what is left of
            the evening before is on the road.
    """

    label: str
    window: Window
    events: tuple[Event, ...]
    anchors_s: tuple[float, ...] = ()
    before_s: float = 0.0


def with_calendars(calendars: Sequence[Path], day: date | None) -> dict[str, Any]:
    """Return the settings of a scenario with other calendars in place of its own.

    Args:
        calendars: The files; none for its own.
        day: The day that is of interest; today by default.
    """
    if not calendars:
        return {}
    middle = day or date.today()
    return {
        "events": {
            "calendars": [str(path.resolve()) for path in calendars],
            "first_day": str(middle - min(AROUND, middle - date.min)),
            "last_day": str(middle + min(AROUND, date.max - middle)),
        }
    }


def as_announced(scenario: Scenario) -> Scenario:
    """Return a scenario whose events all happen, before as many people as the calendar expects.

    Trainings may vary both. A forecast takes the calendar at its word, and so do the evenings in
    SUMO that are set beside it.
    """
    assert scenario.events is not None
    said = {"probability": 1.0, "attendance_factor": (1.0, 1.0)}
    return scenario.model_copy(update={"events": scenario.events.model_copy(update=said)})


def knows_all_hours(scenario: Scenario) -> bool:
    """Whether the usual traffic of all hours of a day is known."""
    demand = scenario.demand
    return demand is not None and demand.profile.clock == "day" and not scenario.routes


def parts_of_day(scenario: Scenario, season: Season, day: date) -> tuple[Part, ...]:
    """Return the parts of a day that are forecast.

    That is the whole day where the usual traffic of all its hours is known (``demand.profile`` on
    the clock of a day). Where it was recorded for an hour, that hour is laid before the beginning
    and around the end of each event, as in the environment's episodes.

    Raises:
        ConfigError: The day is outside of the season, or the environment has no event on it and
            needs one.
    """
    assert scenario.events is not None
    if not scenario.events.first_day <= day <= scenario.events.last_day:
        raise ConfigError(
            f"{scenario.name}: expected a day of the season, from {scenario.events.first_day} to "
            f"{scenario.events.last_day}, got {day}; change first_day and last_day of its events, "
            "or name another calendar (--calendar)"
        )
    if knows_all_hours(scenario):
        return (_whole_day(season, day),)
    occasions = occasions_of_day(scenario, season, day)
    found = tuple(_part_of(scenario, season, occasion) for occasion in occasions)
    if not found:
        some = ", ".join(map(str, event_days(scenario, season)[:3]))
        raise ConfigError(
            f"{scenario.name}: expected a day with an event, such as {some}, got {day}; the "
            "traffic of this environment is known around events only"
        )
    return found


def _whole_day(season: Season, day: date) -> Part:
    """Return a day from midnight to midnight, by the clocks of the venue with an event on it."""
    of_day = (event for event in season.events if event.begin.date() == day)
    zone = next((event.begin.tzinfo for event in of_day), season.registry.local)
    midnight = datetime.combine(day, time.min, zone)
    ends = datetime.combine(day + timedelta(days=1), time.min, zone)
    window = Window(midnight, 0.0, ends.timestamp() - midnight.timestamp())
    events = events_around(season, midnight, 0.0, window.end_s)
    late = any(event.begin < midnight < event.end + LEAVING for event in events)
    return Part("day", window, events, before_s=EVENING_S if late else 0.0)


def drawn_part(scenario: Scenario, season: Season, seed: int) -> tuple[Occasion, Part]:
    """Return what the episode of a seed is about, and the time that it takes."""
    occasion = draw_occasion(scenario, season, seed)
    return occasion, _part_of(scenario, season, occasion)


def next_day(scenario: Scenario, season: Season, today: date) -> date:
    """Return the next day with an event, or the first of the season where all are past."""
    days = event_days(scenario, season)
    return next((day for day in days if day >= today), days[0])


def event_days(scenario: Scenario, season: Season) -> list[date]:
    """Return the days of the season on which an event begins, or its first where none does.

    The first event of a season may have begun on the evening before it.
    """
    assert scenario.events is not None
    first = scenario.events.first_day
    return sorted({day for e in season.events if (day := e.begin.date()) >= first}) or [first]


def occasions_of_day(scenario: Scenario, season: Season, day: date) -> Iterator[Occasion]:
    """Yield what episodes of a day may be about: its events, before them and after them."""
    assert scenario.events is not None
    for event in season.events:
        if event.begin.date() == day:
            for phase in scenario.events.phases:
                yield occasion_of(scenario, season, event, phase)


def _part_of(scenario: Scenario, season: Season, occasion: Occasion) -> Part:
    window = Window(occasion.clock, scenario.begin_s, scenario.end_s)
    events = events_around(season, occasion.clock, scenario.begin_s, scenario.end_s)
    label = f"{occasion.event.title} ({occasion.phase})"
    assert scenario.events is not None
    anchor_s = scenario.begin_s + scenario.events.lead_s[occasion.phase]
    return Part(label, window, events, (anchor_s,))
