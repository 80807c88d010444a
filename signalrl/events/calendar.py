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
    earlier one counts, and takes from the other an attendance that it lacks.

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
        for entry in _entries(path, judge, first, last):
            event = judge.judge(entry)
            if event is not None and _is_inside(event, first, last):
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
    data = _content(path)
    match path.suffix.lower():
        case ".ics":
            return read_ics(path, data, judge, first, last)
        case ".json" | ".jsonld":
            return read_jsonld(path, data, judge)
        case ".csv":
            return read_table(path, data, judge)
    raise ConfigError(f"{path}: expected a file .ics, .json, .jsonld or .csv, got {path.name}")


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ConfigError(
                f"{path}: expected at most {MAX_BYTES // 10**6} MB, got {size // 10**6}; split it"
            )
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: expected a readable file, got: {error.strerror}; look at the path"
        ) from error


@dataclass(slots=True)
class _Known:
    """Events so far, each once, to be found by venue and time."""

    events: list[Event] = field(default_factory=list)
    _at: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, event: Event, judge: Judge) -> None:
        """Add an event, or what it tells of one that is known."""
        begin = event.begin.timestamp()
        near = self._at[event.venue]
        within_s = SAME_WITHIN.total_seconds()
        at = bisect_left(near, (begin - within_s, -1))
        while at < len(near) and near[at][0] <= begin + within_s:
            number = near[at][1]
            other = self.events[number]
            if other.uid == event.uid or _are_alike(other.title, event.title):
                judge.note(
                    event.title, f"the same as {other.title!r} of {other.begin:%Y-%m-%d %H:%M}"
                )
                if other.attendance is None:
                    self.events[number] = replace(other, attendance=event.attendance)
                return
            at += 1
        insort(near, (begin, len(self.events)))
        self.events.append(event)


def _are_alike(one: str, other: str) -> bool:
    return difflib.SequenceMatcher(None, folded(one), folded(other)).ratio() >= ALIKE
