"""Reads calendars of events and merges them into one."""

from __future__ import annotations

import difflib
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from signalrl.errors import ConfigError
from signalrl.events.entries import Entry, Judge, Note
from signalrl.events.event import Event
from signalrl.events.ics import read_ics
from signalrl.events.jsonld import read_jsonld
from signalrl.events.table import read_table
from signalrl.events.venues import Registry, folded
from signalrl.files import read_limited

MAX_BYTES = 50_000_000
SAME_WITHIN = timedelta(minutes=10)
"""Two events of alike titles at one venue that begin this near to each other are one."""
ALIKE = 0.6
"""How alike titles have to be, 1 being equal (``difflib``)."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The events of one or several files.

    Attributes:
        events: In the order of time.
        notes: What was skipped or assumed, in the order of reading.
    """

    events: tuple[Event, ...]
    notes: tuple[Note, ...]


def read_calendars(
    paths: Sequence[Path], registry: Registry, first: datetime, last: datetime
) -> Calendar:
    """Read the events of a window from all files, each event once.

    What one entry lacks is noted, and the rest is read. Where two sources have one event, the
    earlier one counts, and takes from the other an attendance or a title that it lacks. What a
    source calls off is called off in those behind it, and in all of them what has its identity.

    Args:
        paths: iCalendar (``.ics``), JSON-LD (``.json``, ``.jsonld``) or CSV files.
        registry: Venues and kinds of events.
        first: Begin of the window, with a zone.
        last: Its end; an event that is on at some time in between belongs to it.

    Raises:
        ConfigError: A file is missing, broken or of another kind, or the window has no zone.
    """
    for name, moment in (("first", first), ("last", last)):
        if moment.utcoffset() is None:
            raise ConfigError(f"{name}: expected a time with a zone, got {moment.isoformat()}")
    known = _Known()
    notes: list[Note] = []
    for path in paths:
        judge = Judge(path.name, registry)
        known.begin_source()
        for entry in _entries(path, judge, first, last):
            if entry.cancelled:  # what it lacks is of no interest
                for event in Judge(path.name, registry).judge(entry):
                    known.cancel(event, judge)
                continue
            for event in judge.judge(entry):
                if _is_inside(event, first, last):
                    known.add(event, judge)
        notes += judge.notes
    events = sorted(known.events, key=lambda e: (e.begin.timestamp(), e.venue, e.uid))
    return Calendar(tuple(_told_apart(events)), tuple(notes))


def _told_apart(events: Iterable[Event]) -> Iterator[Event]:
    """Add the venue to an identity that is taken; sources may number their events alike."""
    taken: set[str] = set()
    for event in events:
        own = replace(event, uid=f"{event.uid} at {event.venue}") if event.uid in taken else event
        taken.add(own.uid)
        yield own


def _is_inside(event: Event, first: datetime, last: datetime) -> bool:
    """Compare instants: Python compares two times of one zone by what the clocks show."""
    begin, end = event.begin.timestamp(), event.end.timestamp()
    return begin < last.timestamp() and (end > first.timestamp() or begin >= first.timestamp())


def _entries(path: Path, judge: Judge, first: datetime, last: datetime) -> Iterable[Entry]:
    data = read_limited(path, MAX_BYTES)
    match path.suffix.lower():
        case ".ics":
            return read_ics(path, data, judge, first, last)
        case ".json" | ".jsonld":
            return read_jsonld(path, data, judge)
        case ".csv":
            return read_table(path, data, judge)
    raise ConfigError(f"{path}: expected a file .ics, .json, .jsonld or .csv, got {path.name}")


@dataclass(slots=True)
class _Found:
    """Events, to be found by venue and time."""

    events: list[Event | None] = field(default_factory=list)
    _at: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, event: Event) -> None:
        """Add an event under the next number."""
        insort(self._at[event.venue], (event.begin.timestamp(), len(self.events)))
        self.events.append(event)

    def near(self, event: Event) -> Iterator[tuple[int, Event]]:
        """Yield those that begin at nearly the same time at the same venue, and their numbers."""
        near, within_s = self._at[event.venue], SAME_WITHIN.total_seconds()
        begin = event.begin.timestamp()
        for at_s, number in near[bisect_left(near, (begin - within_s, -1)) :]:
            if at_s > begin + within_s:
                return
            if (other := self.events[number]) is not None:
                yield number, other


@dataclass(slots=True)
class _Known:
    """Events so far, each once, and those that were called off."""

    _kept: _Found = field(default_factory=_Found)
    _called_off: _Found = field(default_factory=_Found)
    _before: int = 0
    """How many were called off by the sources before this one."""

    @property
    def events(self) -> list[Event]:
        """All that were not called off."""
        return [event for event in self._kept.events if event is not None]

    def begin_source(self) -> None:
        """Take what comes from here on as that of the next source."""
        self._before = len(self._called_off.events)

    def add(self, event: Event, judge: Judge) -> None:
        """Add an event, or what it tells of one that is known."""
        for number, other in self._called_off.near(event):
            is_earlier = number < self._before
            if other.uid == event.uid or (is_earlier and _have_alike_titles(other, event)):
                judge.note(event.title, f"called off as {_named(other)}; it is left out")
                return
        for number, other in self._kept.near(event):
            if other.uid == event.uid or _are_alike(other, event):
                judge.note(event.title, f"the same as {_named(other)}")
                self._kept.events[number] = _completed(other, event)
                return
        for _, other in self._kept.near(event):
            judge.note(
                event.title,
                f"at nearly the time of {_named(other)}, under another title; both are counted",
            )
        self._kept.add(event)

    def cancel(self, event: Event, judge: Judge) -> None:
        """Take out what is called off, where an earlier source has it under this identity."""
        self._called_off.add(event)
        for number, other in self._kept.near(event):
            if other.uid == event.uid:
                judge.note(event.title, f"calls off {_named(other)}")
                self._kept.events[number] = None


def _are_alike(one: Event, other: Event) -> bool:
    """Whether titles are alike, or one event has none but the name of its venue."""
    return one.venue in (one.title, other.title) or _have_alike_titles(one, other)


def _have_alike_titles(one: Event, other: Event) -> bool:
    return difflib.SequenceMatcher(None, folded(one.title), folded(other.title)).ratio() >= ALIKE


def _completed(event: Event, other: Event) -> Event:
    """Return an event with what it lacks and the same one of another source has."""
    attendance = other.attendance if event.attendance is None else event.attendance
    title = other.title if event.title == event.venue else event.title
    return replace(event, attendance=attendance, title=title)


def _named(event: Event) -> str:
    return f"{event.title!r} of {event.begin:%Y-%m-%d %H:%M}"
