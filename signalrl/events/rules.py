"""Bounds recurrence rules (RFC 5545, 3.3.10), so that their expansion ends soon."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from signalrl.events.entries import SkippedError

_PARTS: Final[Mapping[str, frozenset[str]]] = {
    "DAILY": frozenset({"BYDAY", "BYMONTH"}),
    "WEEKLY": frozenset({"BYDAY", "BYMONTH"}),
    "MONTHLY": frozenset({"BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS"}),
    "YEARLY": frozenset({"BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS", "BYWEEKNO", "BYYEARDAY"}),
}
"""How often events may recur, and what may narrow that down."""
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def bound(rule: Any, begin: datetime | date, last: datetime) -> None:
    """Make a rule end with the window.

    Args:
        rule: The rule, which is changed.
        begin: Begin of its series.
        last: End of the window.

    Raises:
        SkippedError: It recurs too often, or may never do so.
    """
    freq = str(next(iter(listed(rule.get("FREQ"))), "")).upper()
    if freq not in _PARTS:
        raise SkippedError(
            f"expected an event that recurs {', '.join(_PARTS).lower()}, got "
            f"FREQ={freq or 'nothing'}"
        )
    parts = {str(key).upper() for key in rule}
    known = _PARTS[freq] | {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"}
    if parts - known:
        raise SkippedError(
            f"expected {', '.join(sorted(known))} in a {freq} rule, got {min(parts - known)}"
        )
    (interval, *_) = [*listed(rule.get("INTERVAL")), 1]
    if not 1 <= int(interval) <= 10_000:
        raise SkippedError(f"expected INTERVAL from 1 to 10000, got {interval}")
    days = {str(day).upper()[-2:] for day in listed(rule.get("BYDAY"))}
    if freq == "DAILY" and int(interval) % 7 == 0 and days:
        weekday = _WEEKDAYS[begin.weekday()]
        if weekday not in days:
            raise SkippedError(f"expected {weekday} in BYDAY of a rule of whole weeks, got {days}")
    end = last.astimezone(UTC) + timedelta(days=1)
    until = [value for value in listed(rule.get("UNTIL")) if isinstance(value, date)]
    if until and isinstance(begin, datetime):
        rule["UNTIL"] = until = [_until(until[0], begin)]
    if "COUNT" not in parts and (not until or as_utc(until[0]) > end):
        rule["UNTIL"] = [end if isinstance(begin, datetime) else end.date()]


def _until(value: datetime | date, begin: datetime) -> datetime:
    """Return the last moment: a date means all of that day, a time alone is one of the zone."""
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, 23, 59, 59)
    return (value if value.tzinfo else value.replace(tzinfo=begin.tzinfo)).astimezone(UTC)


def as_utc(moment: datetime | date) -> datetime:
    """Return a time in UTC; a day is its midnight, and what has no zone is taken as UTC."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def listed(value: Any) -> list[Any]:
    """Return what icalendar keeps as a list where there are several, always as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
