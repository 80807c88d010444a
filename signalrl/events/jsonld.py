"""Reads events of schema.org in JSON-LD, as ticket shops and venues publish them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from signalrl.errors import ConfigError
from signalrl.events.entries import Entry, Judge, SkippedError
from signalrl.events.merging import have_one_identity
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
_Places = Mapping[str, Mapping[str, Any]]
"""By identity, what more is known of a place than that."""
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
    nodes, places = list(_nodes(content, 0)), dict(_identified(content, 0))
    if not nodes:
        raise ConfigError(
            f'{path}: expected events of schema.org ("@type": "Event" or a kind of it), found none'
        )
    _link(nodes)
    with_parts = {node.whole for node in nodes if node.whole is not None}
    wholes = with_parts | {node for node in nodes if node.event.get("subEvent")}
    one_at = {whole: _venue_of_one(whole.event, places, judge) for whole in wholes}
    for node in nodes:
        try:
            if one_at.get(node, "") is None:  # it is its parts
                if node not in with_parts:
                    raise SkippedError("expected its parts (subEvent), got none of them")
            elif not _is_covered(node, one_at, places, judge):
                entry = _entry(node.event, places, judge)
                yield from _before(entry, node.event, judge)
                yield entry
        except SkippedError as error:
            judge.note(_name(node.event), f"{error}; it is left out")


@dataclass(slots=True, eq=False)
class _Node:
    """An event, and the one that it is a part of, such as a festival."""

    event: Mapping[str, Any]
    whole: _Node | None

    def wholes(self) -> Iterator[_Node]:
        """Yield what it is a part of, the nearest first."""
        node = self
        for _ in range(MAX_DEPTH):
            if node.whole is None:
                return
            node = node.whole
            yield node


def _nodes(
    content: Any, depth: int, whole: _Node | None = None, holder: Any = None
) -> Iterator[_Node]:
    """Yield the events of a file.

    Args:
        content: What may be events or hold them.
        depth: In how many others it lies.
        whole: The event whose parts these are.
        holder: The place whose events these are, which need not name it.
    """
    if depth > MAX_DEPTH:
        return
    if isinstance(content, list):
        for part in content:
            yield from _nodes(part, depth + 1, whole, holder)
    elif isinstance(content, Mapping):
        node = None
        if any(kind.endswith(("Event", "Festival")) for kind in _types(content)):
            content = content if holder is None else {"location": holder, **content}
            node = _Node(content, whole)
            yield node
            whole = None
        elif "@type" in content and ("event" in content or "events" in content):
            holder = content
        for key in ("@graph", "itemListElement", "item", "event", "events", "subEvent"):
            if key in content:
                inner = node if key == "subEvent" and node is not None else whole
                yield from _nodes(content[key], depth + 1, inner, holder)


def _link(nodes: list[_Node]) -> None:
    """Make parts of those that lie beside their festival, which names them or is named by them."""
    known: dict[str, list[_Node]] = defaultdict(list)
    for node in nodes:
        if identity := _identity(node.event):
            known[identity].append(node)
    for node in nodes:
        parts, wholes = (
            [other for named in _listed(node.event.get(key)) for other in known[_identity(named)]]
            for key in ("subEvent", "superEvent")
        )
        pairs = [(node, part) for part in parts] + [(whole, node) for whole in wholes]
        for whole, part in pairs:
            if part.whole is None and part not in (whole, *whole.wholes()):
                part.whole = whole


def _identity(value: Any) -> str:
    """Return the identity of what is given, or named by it alone."""
    return value if isinstance(value, str) else _text(_mapping(value).get("@id"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _venue_of_one(event: Mapping[str, Any], places: _Places, judge: Judge) -> str | None:
    """Return the venue of several parts that are one event, such as a festival, not a season."""
    silent = Judge(judge.source, judge.registry)
    try:
        entry = _entry(event, places, silent)
    except SkippedError:
        return None
    days = [date(t.year, t.month, t.day) for t in (entry.begin, entry.end) if t is not None]
    if max(days) - min(days) > MAX_PARENT:
        return None
    return next((found.venue for found in silent.judge(entry)), None)


def _is_covered(
    node: _Node, one_at: Mapping[_Node, str | None], places: _Places, judge: Judge
) -> bool:
    """Return whether an event is a part of one that counts, and nowhere else.

    Visitors of a festival would come once more for each of its bands.
    """
    venues = {one_at[whole] for whole in node.wholes()} - {None}
    place = _place(node.event.get("location"), places)
    names, location = _names(place), _location(place.get("geo"))
    if not venues or not (any(names) or location):
        return bool(venues)
    try:
        return judge.venue_of(names, location) in venues
    except SkippedError:
        return False


def _before(entry: Entry, event: Mapping[str, Any], judge: Judge) -> Iterator[Entry]:
    """Yield as called off what was set anew, when it was to be before."""
    if _status(event) != "rescheduled":
        return
    silent = Judge(judge.source, judge.registry)
    now = silent.judge(entry)
    for text in map(_text, _listed(event.get("previousStartDate"))):
        try:
            begin = parse_time(text, "previousStartDate") if text else None
        except SkippedError as error:
            judge.note(_name(event), f"{error}; it is done without")
            continue
        old = replace(entry, begin=begin, end=None, cancelled=True)
        if not any(have_one_identity(was, new) for was in silent.judge(old) for new in now):
            yield old


def _identified(content: Any, depth: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what has an identity and says more than that, to be found where it is named."""
    if depth > 2 * MAX_DEPTH:
        return
    if isinstance(content, list):
        for part in content:
            yield from _identified(part, depth + 1)
    elif isinstance(content, Mapping):
        if (identity := _identity(content)) and len(content) > 1:
            yield identity, content
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


def _entry(event: Mapping[str, Any], places: _Places, judge: Judge) -> Entry:
    status, name = _status(event), _name(event)
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
        title=_text(event.get("name")),
        uid=_text(event.get("@id") or event.get("identifier") or event.get("url")),
        begin=begin,
        end=known_end(begin, _time(event, "endDate")),
        places=_names(named),
        location=_location(named.get("geo")),
        kinds=tuple(kind for kind in _types(event) if kind != "Event"),
        attendance=next((_text(number) for number in capacity if number is not None), ""),
        cancelled=status in _CALLED_OFF,
    )


def _status(event: Mapping[str, Any]) -> str:
    return _last(_text(event.get("eventStatus"))).lower().removeprefix("event")


def _name(event: Mapping[str, Any]) -> str:
    return _text(event.get("name")) or _text(event.get("@id"))


def _names(place: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_text(place.get(key)) for key in ("identifier", "@id", "name"))


def _place(location: Any, places: _Places) -> Mapping[str, Any]:
    """Return the first place where people go to; one that is only named is looked up."""
    for place in _listed(location):
        if not isinstance(place, Mapping):
            return {"name": place}
        if "VirtualLocation" not in _types(place):
            known = places.get(_identity(place), {})
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
