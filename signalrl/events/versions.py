"""Which versions of the entries of an iCalendar file count (RFC 5546, 2.1.4 and 2.1.5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from icalendar.prop import vDDDTypes

from signalrl.events.clocks import YEARS
from signalrl.events.entries import Judge
from signalrl.events.rules import as_utc, listed

Component = Any
"""A VEVENT of icalendar; what it holds may be of thirty types, so each use looks for itself."""


def current(components: Sequence[Component], judge: Judge) -> list[list[Component]]:
    """Return the series of one UID: the newest version of each, and what updates it.

    The newest one counts even where it can't be used, since what it replaced is over. Where nothing
    tells which one that is, those that begin at different times are series of their own.

    Args:
        components: All entries of a UID, in the order of the file.
        judge: Takes the notes.
    """
    if len(components) == 1:
        return [list(components)]
    updates = [c for c in components if "RECURRENCE-ID" in c]
    versions = sorted((c for c in components if "RECURRENCE-ID" not in c), key=_version)
    if not versions:
        return [updates]
    newest = versions[-1]
    series: dict[Any, list[Component]] = {}
    for component in versions:
        begin = said_time(component, "DTSTART")
        if _version(component) == _version(newest):
            series.setdefault(begin, []).append(component)
        elif _sequence(component) == _sequence(newest) and not cancels_all(newest):
            judge.note(name_of(component), f"expected its newest version, got one of {begin} too")
    if len(series) > 1:
        judge.note(
            name_of(newest), f"expected one beginning of a UID, got {len(series)}; each is taken"
        )
    if cancels_all(newest):
        for key, value in next((c for c in versions[::-1] if "DTSTART" in c), {}).items():
            newest.setdefault(key, value)
    if is_cancelled(newest):
        updates = [c for c in updates if _sequence(c) >= _sequence(newest)]
    first, *others = series.values()
    return [[*first, *updates], *others]


def cancels_all(component: Component) -> bool:
    """Return whether a component calls off whatever has its UID, and says no time."""
    is_bare = "UID" in component and not {"DTSTART", "RECURRENCE-ID"} & set(component)
    return is_bare and is_cancelled(component)


def is_cancelled(component: Component) -> bool:
    """Return whether a component is called off, in British or American spelling."""
    words = {str(word).strip().upper() for word in listed(component.get("STATUS"))}
    return not words.isdisjoint({"CANCELLED", "CANCELED"})


def name_of(component: Component) -> str:
    """Return what a component is called in notes."""
    return str(component.get("SUMMARY") or component.get("UID") or "")


def said_time(component: Component, key: str) -> Any:
    """Return what a component says as a time, or None where it can't be read."""
    value = component.get(key)
    return value.dt if isinstance(value, vDDDTypes) else None


def _version(component: Component) -> tuple[int, bool, datetime]:
    """Return what rises with each version; a cancellation needs no more than its sequence."""
    said = [said_time(component, key) for key in ("LAST-MODIFIED", "DTSTAMP")]
    known = [as_utc(time) for time in said if isinstance(time, date) and time.year in YEARS]
    written = known[0] if known else datetime.min.replace(tzinfo=UTC)
    return _sequence(component), cancels_all(component), written


def _sequence(component: Component) -> int:
    number = component.get("SEQUENCE")
    return number if isinstance(number, int) else 0
