"""Reads events of schema.org in JSON-LD, as ticket shops and venues publish them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from signalrl.errors import ConfigError
from signalrl.events.entries import Entry, Judge, SkippedError
from signalrl.events.venues import Location

MAX_DEPTH = 8
"""How deep lists and graphs may lie inside of each other."""
_CALLED_OFF = {
    "eventcancelled": "cancelled",
    "eventpostponed": "postponed",
    "eventmovedonline": "moved to where no traffic is",
}
_CAPACITIES = ("maximumPhysicalAttendeeCapacity", "maximumAttendeeCapacity")


def read_jsonld(path: Path, data: bytes, judge: Judge) -> Iterator[Entry]:
    """Yield the events of a JSON-LD file: one, a list, a graph, or an ``ItemList``.

    Args:
        path: The file, for errors.
        data: Its content.
        judge: Takes the notes.

    Raises:
        ConfigError: It is no JSON, or holds no event.
    """
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        said = " ".join(str(error).split())[:120]
        raise ConfigError(
            f"{path}: expected JSON in UTF-8, got: {said}; export it again"
        ) from error
    events = list(_events(content, 0))
    if not events:
        raise ConfigError(
            f'{path}: expected events of schema.org ("@type": "Event" or a kind of it), found none'
        )
    for event in events:
        title = _text(event.get("name"))
        try:
            yield _entry(event, title)
        except SkippedError as error:
            judge.note(title or _text(event.get("@id")), f"{error}; it is left out")


def _events(content: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    if depth > MAX_DEPTH:
        return
    if isinstance(content, list):
        for part in content:
            yield from _events(part, depth + 1)
    elif isinstance(content, Mapping):
        if any(kind.endswith(("Event", "Festival")) for kind in _types(content)):
            yield content
        for key in ("@graph", "itemListElement", "item", "event", "events", "subEvent"):
            if key in content:
                yield from _events(content[key], depth + 1)


def _types(event: Mapping[str, Any]) -> list[str]:
    """Return the types without the place where they are defined, the most special first."""
    kinds = event.get("@type")
    texts = [str(kind) for kind in (kinds if isinstance(kinds, list) else [kinds])]
    return sorted((text.rsplit("/", 1)[-1] for text in texts), key=lambda text: text == "Event")


def _entry(event: Mapping[str, Any], title: str) -> Entry:
    status = _text(event.get("eventStatus")).rsplit("/", 1)[-1].lower()
    if status in _CALLED_OFF:
        raise SkippedError(f"{_CALLED_OFF[status]}, as it was to begin {event.get('startDate')}")
    if _text(event.get("eventAttendanceMode")).endswith("OnlineEventAttendanceMode"):
        raise SkippedError("expected an event that people go to, got one that is online")
    begin = _time(event, "startDate")
    if begin is None:
        raise SkippedError("expected a beginning (startDate), got none")
    place = event.get("location")
    place = place[0] if isinstance(place, list) and place else place
    named = place if isinstance(place, Mapping) else {"name": place}
    capacity = [event.get(key, named.get(key)) for key in _CAPACITIES]
    return Entry(
        title=title,
        uid=_text(event.get("@id") or event.get("identifier") or event.get("url")),
        begin=begin,
        end=_time(event, "endDate"),
        places=tuple(_text(named.get(key)) for key in ("identifier", "@id", "name")),
        location=_location(named.get("geo")),
        kinds=tuple(kind for kind in _types(event) if kind != "Event"),
        attendance=next((_text(number) for number in capacity if number is not None), ""),
    )


def _time(event: Mapping[str, Any], key: str) -> datetime | date | None:
    text = _text(event.get(key))
    return parse_time(text, key) if text else None


def parse_time(text: str, key: str) -> datetime | date:
    """Return a time or a date of ISO 8601.

    Raises:
        SkippedError: It is neither.
    """
    text = text.strip()
    try:
        if len(text) <= 10:
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SkippedError(
            f"expected a time such as 2026-05-09T18:30+02:00 as {key}, got {text[:40]!r}"
        ) from error
    return moment


def _location(geo: Any) -> Location | None:
    try:
        return Location(lat=float(geo["latitude"]), lon=float(geo["longitude"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _text(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, Mapping):
        value = value.get("@value", value.get("name"))
    return "" if value is None or isinstance(value, list | Mapping) else str(value)
