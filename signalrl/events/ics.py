"""Reads iCalendar files (RFC 5545): series with exceptions, moved and cancelled occurrences.

``icalendar`` parses, ``recurring-ical-events`` expands. What they take silently is judged before:
unknown time zones, entries without a beginning or with an end before it, and rules that recur every
minute or never, which would keep them busy for long.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import icalendar
import recurring_ical_events
from icalendar.prop import vDDDLists, vDDDTypes
from icalendar.timezone import tzp

from signalrl.errors import ConfigError
from signalrl.events.clocks import YEARS, later
from signalrl.events.entries import Entry, Judge, SkippedError
from signalrl.events.ics_lines import of_events
from signalrl.events.rules import as_utc, bound, listed
from signalrl.events.venues import Location
from signalrl.events.versions import (
    Component,
    cancels_all,
    current,
    is_cancelled,
    name_of,
    said_time,
)
from signalrl.events.zones import screened

MAX_OCCURRENCES = 1000
"""Of one series within the window that is asked for."""
BUDGET_S = 10.0
"""How long the series of a file may take to expand; some rules have no second occurrence, and that
takes up to a second to find out."""
_MARK = "X-SIGNALRL-SOURCE"
_NO_UID = "without uid"


def read_ics(
    path: Path, data: bytes, judge: Judge, first: datetime, last: datetime
) -> Iterator[Entry]:
    """Yield the occurrences of an iCalendar file in a window.

    Args:
        path: The file, for errors.
        data: Its content.
        judge: Takes the notes.
        first: Begin of the window.
        last: Its end.

    Raises:
        ConfigError: It is no iCalendar file.
    """
    spent_s = 0.0
    for uid, components in _by_uid(path, data, judge).items():
        for series in current(components, judge):
            if spent_s > BUDGET_S:
                raise ConfigError(
                    f"{path}: expected series that expand within {BUDGET_S:g} s, got more; look "
                    "for rules (RRULE) that never come true"
                )
            yield from _without_time(uid, series, judge)
            usable = _usable([c for c in series if not cancels_all(c)], judge, last)
            if usable:
                began = time.thread_time()
                found = _expanded(usable, judge, first, last)
                if any("RRULE" in component for component in usable):
                    spent_s += time.thread_time() - began
                yield from _occurrences(uid, usable, found, judge)


def _by_uid(path: Path, data: bytes, judge: Judge) -> dict[str, list[Component]]:
    """Return the entries of a file by their UID; those without one have a name of their own."""
    try:
        # Lines may be folded inside of a character (RFC 5545, 3.1), so this comes before decoding.
        text, is_cut = of_events(re.sub(rb"\r?\n[ \t]", b"", data).decode("utf-8-sig"))
        tzp.use(tzp.name)  # forgets the zones of other files, which may have the same names
        calendars = icalendar.Calendar.from_ical(screened(text), multiple=True)
        events = [event for calendar in calendars for event in calendar.walk("VEVENT")]
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected text in UTF-8, got other bytes; save it so") from error
    except Exception as error:
        raise ConfigError(
            f"{path}: expected an iCalendar file, got: {_said(error)}; export it again"
        ) from error
    if not calendars or (is_cut and not events):
        got = "one that is cut off in its first event" if calendars else "none"
        raise ConfigError(
            f"{path}: expected an iCalendar file, which begins with BEGIN:VCALENDAR, got {got}; "
            "export it again"
        )
    if is_cut:
        judge.note("the file", "expected END:VCALENDAR, got the end; what was behind it is missing")
    if not events:
        judge.note("the file", "expected events (BEGIN:VEVENT), got none")
    found: dict[str, list[Component]] = defaultdict(list)
    for number, event in enumerate(events):
        found[str(event.get("UID") or f"{_NO_UID} {number}")].append(event)
    return found


def _without_time(uid: str, components: list[Component], judge: Judge) -> Iterator[Entry]:
    for component in components:
        if cancels_all(component):
            judge.note(name_of(component), "cancelled, whenever it was to be; it is left out")
            title = str(component.get("SUMMARY", ""))
            yield Entry(title, uid, None, places=_places(component), cancelled=True)


def _usable(components: list[Component], judge: Judge, last: datetime) -> list[Component]:
    """Return what can be used of a series, and note the rest."""
    usable, lost = [], []
    _complete(components)
    back = _moved_back(components)
    for component in components:
        try:
            usable.append(_prepared(component, judge, last + back))
        except SkippedError as error:
            judge.note(name_of(component), f"{error}; it is left out")
            lost.append(component)
        except Exception as error:
            judge.note(name_of(component), f"expected an entry of RFC 5545, got: {_said(error)}")
            lost.append(component)
    _leave_out(lost, usable)
    return usable


def _complete(components: list[Component]) -> None:
    """Give updates the place and title of their series where they repeat only what changes.

    So are cancellations sent: an identity, a time and a status. An update that names the occurrence
    by its date alone means the one that begins on that day.
    """
    begin = said_time(components[0], "DTSTART") if components else None
    # One that moved to a place says nothing of the place of the others.
    whole = next(
        (c for c in components if "RECURRENCE-ID" not in c and ("LOCATION" in c or "GEO" in c)),
        None,
    )
    for component in components:
        day = said_time(component, "RECURRENCE-ID")
        if isinstance(begin, datetime) and isinstance(day, date) and not isinstance(day, datetime):
            moment = datetime.combine(day, begin.timetz())
            component["RECURRENCE-ID"] = _replaced(component["RECURRENCE-ID"], moment)
        if day is not None and is_cancelled(component):
            component.setdefault("DTSTART", component["RECURRENCE-ID"])
        if whole is not None and "LOCATION" not in component and "GEO" not in component:
            for key in ("LOCATION", "GEO", "SUMMARY"):
                if key in whole and key not in component:
                    component[key] = whole[key]


def _leave_out(lost: list[Component], usable: list[Component]) -> None:
    """Except from a series what it was changed to but can't be used.

    Otherwise a match that moved to a place elsewhere would be where it was before.
    """
    slots = [c["RECURRENCE-ID"] for c in lost if isinstance(said_time(c, "RECURRENCE-ID"), date)]
    for component in usable:
        if "RECURRENCE-ID" not in component:
            for slot in slots:
                component.add("EXDATE", slot.dt)
                if "RANGE" in slot.params:  # this one and all that follow
                    for rule in listed(component.get("RRULE")):
                        rule.pop("COUNT", None)
                        rule["UNTIL"] = [slot.dt]


def _moved_back(components: list[Component]) -> timedelta:
    """Return how much earlier an update makes all that follow, at most."""
    moved = [timedelta(0)]
    for component in components:
        times = [said_time(component, key) for key in ("RECURRENCE-ID", "DTSTART")]
        if all(isinstance(time, date) and time.year in YEARS for time in times):
            slot, begin = map(as_utc, times)
            moved.append(slot - begin)
    return max(moved)


def _replaced(value: Any, moment: datetime) -> vDDDTypes:
    """Return a time in place of another; what else is said of it stays, such as its range."""
    found = vDDDTypes(moment)
    if "RANGE" in value.params:
        found.params["RANGE"] = value.params["RANGE"]
    return found


def _prepared(event: Component, judge: Judge, last: datetime) -> Component:
    """Return a component that is safe to expand: times with zones, rules that end.

    Raises:
        SkippedError: It can't be used.
    """
    if "DTSTART" not in event:
        raise SkippedError("expected a beginning (DTSTART), got none")
    zone = judge.registry.zone_of(judge.venue_of(_places(event), _location(event)))
    _moment(event["DTSTART"], "DTSTART")
    _do_without_broken(event, judge)
    for key in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        if key in event:
            moment = _moment(event[key], key)
            if isinstance(moment, datetime) and moment.tzinfo is None:
                event[key] = _replaced(event[key], moment.replace(tzinfo=zone))
    begin, length = event["DTSTART"].dt, _length(event)
    if length is not None and length < timedelta(0):
        raise SkippedError(
            f"expected an end after the beginning {begin}, got "
            f"{event['DTEND'].dt if 'DTEND' in event else length}"
        )
    if isinstance(begin, datetime) and "RDATE" in event:
        event["RDATE"] = [_timed(dates, begin) for dates in event["RDATE"]]
    for rule in listed(event.get("RRULE")):
        bound(rule, begin, last)
    if "EXRULE" in event:
        judge.note(name_of(event), "expected exceptions as EXDATE, got an EXRULE; they are left in")
    return event


def _do_without_broken(event: Component, judge: Judge) -> None:
    """Take out times that can't be used and that an entry can do without."""
    for key in ("DTEND", "DURATION", "EXDATE", "RDATE"):
        good = []
        for value in listed(event.pop(key, None)):
            try:
                _check(value, key)
                good.append(value)
            except SkippedError as error:
                judge.note(name_of(event), f"{error}; it is done without")
        if good:
            event[key] = good if key in ("EXDATE", "RDATE") else good[0]
    if "DTEND" in event:
        event.pop("DURATION", None)


def _check(value: Any, key: str) -> None:
    if key == "DURATION":
        if not (isinstance(value, vDDDTypes) and isinstance(value.dt, timedelta)):
            raise SkippedError(f"expected a DURATION, got {str(value)[:60]!r}")
        return
    for moment in value.dts if isinstance(value, vDDDLists) else [value]:
        _moment(moment, key, value)


def _timed(dates: vDDDLists, begin: datetime) -> vDDDLists:
    """Return the times of a series, at its time of day where they are dates alone."""
    times: list[Any] = [moment.dt for moment in dates.dts]
    return vDDDLists(
        [
            time if isinstance(time, datetime | tuple) else datetime.combine(time, begin.timetz())
            for time in times
        ]
    )


def _moment(value: Any, key: str, parent: Any = None) -> datetime | date:
    moment = value.dt if isinstance(value, vDDDTypes) else None
    if isinstance(moment, tuple):
        moment = moment[0]
    if not isinstance(moment, date):
        raise SkippedError(f"expected a time as {key}, got {str(value)[:60]!r}")
    if moment.year not in YEARS:
        raise SkippedError(
            f"expected a year from {YEARS[0]} to {YEARS[-1]} as {key}, got {moment.year}"
        )
    params = getattr(value if parent is None else parent, "params", {})
    if isinstance(moment, datetime) and moment.tzinfo is None and "TZID" in params:
        # icalendar leaves the zone out without a word.
        raise SkippedError(
            f"expected a known time zone of {key}, got {str(params['TZID'])[:60]!r}; write its "
            "name as in Europe/Berlin, or define it (VTIMEZONE)"
        )
    return moment


def _expanded(
    components: list[Component], judge: Judge, first: datetime, last: datetime
) -> list[Component]:
    """Return the occurrences of a series in a window, marked with the component they come from."""
    calendar = icalendar.Calendar()
    for number, component in enumerate(components):
        component.subcomponents.clear()  # alarms, and what a broken file has inside of an event
        component[_MARK] = str(number)
        calendar.add_component(component)
    name = name_of(components[0])
    try:
        query = recurring_ical_events.of(calendar, components=["VEVENT"])
        # On a night of daylight saving the end that the library sees may be an hour too early.
        span = (first.astimezone(UTC) - timedelta(hours=2), last.astimezone(UTC))
        found = list(query.between(*span))
        found.sort(key=lambda event: as_utc(event["DTSTART"].dt))
    except Exception as error:
        judge.note(name, f"expected a series that can be expanded, got: {_said(error)}; left out")
        return []
    if len(found) > MAX_OCCURRENCES:
        judge.note(
            name,
            f"expected at most {MAX_OCCURRENCES} occurrences, got {len(found)}; the later ones are "
            "left out",
        )
    return found[:MAX_OCCURRENCES]


def _occurrences(
    uid: str, components: list[Component], found: list[Component], judge: Judge
) -> Iterator[Entry]:
    name = name_of(components[0])
    for event in found:
        begin = event["DTSTART"].dt
        cancelled = is_cancelled(event)
        if cancelled:
            judge.note(name, f"cancelled on {begin:%Y-%m-%d}; it is left out")
        try:
            yield Entry(
                title=str(event.get("SUMMARY", "")),
                uid="" if uid.startswith(_NO_UID) else uid,
                begin=begin,
                end=_end(components[int(event[_MARK])], event),
                places=_places(event),
                location=_location(event),
                kinds=_kinds(event),
                attendance=str(event.get("X-ATTENDANCE", "")),
                cancelled=cancelled,
            )
        except (ArithmeticError, OSError, ValueError) as error:
            judge.note(name, f"expected an occurrence with an end, got: {_said(error)}; left out")


def _end(source: Component, event: Component) -> datetime | date | None:
    """Return the end of an occurrence.

    DTEND gives all occurrences of a series the same exact length, DURATION the same nominal days
    and exact hours (RFC 5545, 3.8.5.3). The library adds both as wall clocks show them, which
    differs on a night of daylight saving.
    """
    begin = event["DTSTART"].dt
    periods = [d.dt for dates in listed(source.get("RDATE")) for d in dates.dts]
    if any(isinstance(period, tuple) for period in periods):
        end: datetime | date = event["DTEND"].dt
        return end
    if not isinstance(begin, datetime):
        one = timedelta(days=1)
        last: date = begin + max(_length(source) or one, one) - one  # DTEND is the day after
        return last
    length = _length(source)
    if length is None or "DURATION" not in source:
        return None if length is None else later(begin, length.total_seconds())
    days = timedelta(days=length.days)
    return later(begin + days, (length - days).total_seconds())


def _length(event: Component) -> timedelta | None:
    """Return the length of a component, or None where it doesn't say; DTEND gives the exact one.

    Some write a length of nothing where they don't know the end.
    """
    if "DURATION" in event:
        nominal: timedelta = event["DURATION"].dt
        return nominal or None
    if "DTEND" not in event:
        return None
    begin, end = event["DTSTART"].dt, event["DTEND"].dt
    if isinstance(begin, datetime) != isinstance(end, datetime):
        raise SkippedError(f"expected DTSTART and DTEND alike, got {begin} and {end}")
    return as_utc(end) - as_utc(begin) or None


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


def _places(event: Component) -> tuple[str, ...]:
    return tuple(str(place) for place in listed(event.get("LOCATION")))


def _location(event: Component) -> Location | None:
    geo = event.get("GEO")
    try:
        return None if geo is None else Location(lat=geo.latitude, lon=geo.longitude)
    except (AttributeError, ValueError):
        return None


def _kinds(event: Component) -> tuple[str, ...]:
    words = [str(word) for word in listed(event.get("X-EVENT-KIND"))]
    for categories in listed(event.get("CATEGORIES")):
        words += [str(word) for word in getattr(categories, "cats", [categories])]
    return tuple(words)
