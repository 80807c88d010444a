"""Reads calendars of events and merges them into one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
    events: list[Event] = []
    notes: list[Note] = []
    for path in paths:
        judge = Judge(path.name, registry)
        own = (judge.judge(entry) for entry in _entries(path, judge, first, last))
        inside = [
            e for e in own if e is not None and e.begin < last and max(e.end, e.begin) >= first
        ]
        events = _merged(events, inside, judge)
        notes += judge.notes
    return Calendar(tuple(sorted(events, key=lambda e: (e.begin, e.venue, e.uid))), tuple(notes))


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


def _merged(known: Sequence[Event], found: Iterable[Event], judge: Judge) -> list[Event]:
    events = list(known)
    for event in found:
        twin = next((i for i, other in enumerate(events) if _is_same(other, event)), None)
        if twin is None:
            events.append(event)
            continue
        other = events[twin]
        judge.note(event.title, f"the same as {other.title!r} of {other.begin:%Y-%m-%d %H:%M}")
        if other.attendance is None:
            events[twin] = replace(other, attendance=event.attendance)
    return events


def _is_same(one: Event, other: Event) -> bool:
    if one.venue != other.venue:
        return False
    apart = abs(one.begin.timestamp() - other.begin.timestamp())
    if one.uid == other.uid and apart == 0:
        return True
    titles = difflib.SequenceMatcher(None, folded(one.title), folded(other.title))
    return apart <= SAME_WITHIN.total_seconds() and titles.ratio() >= ALIKE
