"""Reads calendars of events and merges them into one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from signalrl.errors import ConfigError
from signalrl.events.entries import Entry, Judge, Note, clean
from signalrl.events.event import Event
from signalrl.events.ics import read_ics
from signalrl.events.jsonld import read_jsonld
from signalrl.events.merging import Known
from signalrl.events.table import read_table
from signalrl.events.venues import Registry
from signalrl.files import read_limited

MAX_BYTES = 50_000_000


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
    known = Known()
    notes: list[Note] = []
    for path in paths:
        judge = Judge(path.name, registry)
        known.begin_source()
        for entry in _entries(path, judge, first, last):
            if entry.cancelled and entry.begin is None:
                known.cancel_all(clean(entry.uid), judge)
                continue
            if entry.cancelled:  # what it lacks is of no interest
                for event in Judge(path.name, registry).judge(entry):
                    known.cancel(event, judge)
                continue
            for event in judge.judge(entry):
                if _is_inside(event, first, last):
                    known.add(event, judge, is_told=bool(clean(entry.uid)))
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
