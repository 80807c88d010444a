"""Reads events of schema.org in JSON-LD, as ticket shops and venues publish them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from signalrl.errors import ConfigError
from signalrl.events.entries import Entry, Judge, SkippedError
from signalrl.events.venues import Location

MAX_DEPTH = 8
"""How deep lists and graphs may lie inside of each other."""
MAX_PARENT = timedelta(days=14)
"""An event of several parts that lasts no longer counts as one; a longer one is its parts."""
_CALLED_OFF = {
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "postponed": "postponed",
    "movedonline": "moved to where no traffic is",
}
_GOES_ON = ("", "scheduled", "rescheduled")
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
    events, places = list(_events(content, 0)), dict(_identified(content, 0))
    # Parts of a festival may lie beside it, and be named by it alone.
    parts = {
        part.get("@id")
        for event in events
        for part in _listed(event.get("subEvent"))
        if isinstance(part, Mapping)
    } - {None}
    events = [event for event in events if event.get("@id") not in parts]
    if not events:
        raise ConfigError(
            f'{path}: expected events of schema.org ("@type": "Event" or a kind of it), found none'
        )
    for event in events:
        title = _text(event.get("name"))
        try:
            yield _entry(event, title, places, judge)
        except SkippedError as error:
            judge.note(title or _text(event.get("@id")), f"{error}; it is left out")


def _events(content: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    if depth > MAX_DEPTH:
        return
    if isinstance(content, list):
        for part in content:
            yield from _events(part, depth + 1)
    elif isinstance(content, Mapping):
        keys = ["@graph", "itemListElement", "item", "event", "events", "subEvent"]
        if any(kind.endswith(("Event", "Festival")) for kind in _types(content)):
            # Visitors of a festival would come once more for each of its bands.
            if is_one := not content.get("subEvent") or _is_one(content):
                yield content
            keys = keys[:-1] if is_one else keys
        for key in keys:
            if key in content:
                yield from _events(content[key], depth + 1)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_one(event: Mapping[str, Any]) -> bool:
    """Whether an event of several parts is one, such as a festival, rather than a season."""
    try:
        begin, end = (_time(event, key) for key in ("startDate", "endDate"))
    except SkippedError:
        return False
    if begin is None or "location" not in event:
        return False
    first, last = (date(day.year, day.month, day.day) for day in (begin, end or begin))
    return last - first <= MAX_PARENT


def _identified(content: Any, depth: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what has an identity and says more than that, to be found where it is named."""
    if depth > 2 * MAX_DEPTH:
        return
    if isinstance(content, list):
        for part in content:
            yield from _identified(part, depth + 1)
    elif isinstance(content, Mapping):
        if isinstance(content.get("@id"), str) and len(content) > 1:
            yield content["@id"], content
        for part in content.values():
            yield from _identified(part, depth + 1)


def _types(event: Mapping[str, Any]) -> list[str]:
    """Return the types without the place where they are defined, the most special first."""
    kinds = event.get("@type")
    texts = [str(kind) for kind in _listed(kinds)]
    return sorted(map(_last, texts), key=lambda text: text == "Event")


def _last(text: str) -> str:
    """Return a word of schema.org without what is before it: a prefix, or where it is defined."""
    return re.split(r"[/#:]", text.rstrip("/"))[-1]


def _entry(
    event: Mapping[str, Any], title: str, places: Mapping[str, Mapping[str, Any]], judge: Judge
) -> Entry:
    status = _last(_text(event.get("eventStatus"))).lower().removeprefix("event")
    name = title or _text(event.get("@id"))
    if status in _CALLED_OFF:
        when = event.get("startDate")
        judge.note(name, f"{_CALLED_OFF[status]}, as it was to begin {when}; it is left out")
    elif status not in _GOES_ON:
        judge.note(name, f"expected an eventStatus of schema.org, got {status[:40]!r}; it goes on")
    if _text(event.get("eventAttendanceMode")).endswith("OnlineEventAttendanceMode"):
        raise SkippedError("expected an event that people go to, got one that is online")
    begin = _time(event, "startDate")
    if begin is None:
        raise SkippedError("expected a beginning (startDate), got none")
    named = _place(event.get("location"), places)
    capacity = [event.get(key, named.get(key)) for key in _CAPACITIES]
    return Entry(
        title=title,
        uid=_text(event.get("@id") or event.get("identifier") or event.get("url")),
        begin=begin,
        end=known_end(begin, _time(event, "endDate")),
        places=tuple(_text(named.get(key)) for key in ("identifier", "@id", "name")),
        location=_location(named.get("geo")),
        kinds=tuple(kind for kind in _types(event) if kind != "Event"),
        attendance=next((_text(number) for number in capacity if number is not None), ""),
        cancelled=status in _CALLED_OFF,
    )


def _place(location: Any, places: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the first place where people go to; one that is only named is looked up."""
    for place in _listed(location):
        if not isinstance(place, Mapping):
            return {"name": place}
        if "VirtualLocation" not in _types(place):
            known = places.get(str(place.get("@id")), {})
            return {**known, **place}
    return {}


def _time(event: Mapping[str, Any], key: str) -> datetime | date | None:
    text = _text(event.get(key))
    return parse_time(text, key) if text else None


def known_end(begin: datetime | date, end: datetime | date | None) -> datetime | date | None:
    """Return an end, or None where it is the beginning, as some write that it isn't known."""
    return None if isinstance(begin, datetime) and end == begin else end


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
        value = value.get("@value", value.get("name", value.get("@id")))
    return "" if value is None or isinstance(value, list | Mapping) else str(value)
