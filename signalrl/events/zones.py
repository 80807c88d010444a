"""Time zones that an iCalendar file brings along: which of them are safe to use.

``icalendar`` makes a zone of whatever a file calls one. A rule that changes the clocks each second
or never keeps it busy for as long as it likes, and one broken definition costs the whole file.
"""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

MAX_ZONES = 100
"""Definitions that are taken from one file."""

_ZONE = re.compile(r"^BEGIN:VTIMEZONE\s*$.*?^END:VTIMEZONE\s*$\n?", re.I | re.M | re.S)
_CHANGE = re.compile(r"^BEGIN:(STANDARD|DAYLIGHT)\s*$(.*?)^END:\1\s*$", re.I | re.M | re.S)
_ID = re.compile(r"^TZID[^:\n]*:(.+?)\s*$", re.I | re.M)
_NAME = re.compile(r';TZID=("[^"\n]*"|[^:;,\n]*)', re.I)
_RULE = re.compile(r"^RRULE[^:\n]*:(.+?)\s*$", re.I | re.M)
_MAX_LINES = 500
_PARTS = {
    "FREQ": r"YEARLY",
    "BYMONTH": r"[1-9]|1[0-2]",
    "BYMONTHDAY": r"([1-9]|1\d|2[0-8])(,([1-9]|[12]\d|3[01]))*",  # one that each month has
    "BYDAY": r"([+-]?[1-4]|-?5)?(MO|TU|WE|TH|FR|SA|SU)",
    "BYHOUR": r"[01]?\d|2[0-3]",
    "BYMINUTE": r"[0-5]?\d",
    "BYSECOND": r"[0-5]?\d",
    "INTERVAL": r"1",
    "UNTIL": r"\d{8}(T\d{6}Z?)?",
    "WKST": r"[A-Z]{2}",
}
"""What a rule may say: it comes true within a few years, so no search for it is long."""
_NEEDED = (
    r"DTSTART[^:\n]*:\d{8}T\d{6}\s*",
    r"TZOFFSETFROM:[+-]\d{4,6}\s*",
    r"TZOFFSETTO:[+-]\d{4,6}\s*",
)


def screened(text: str) -> str:
    """Return the text of a file without definitions of zones that are needless or unsafe.

    The times that refer to one of these are told apart later: their zone is not known. A name that
    the zone database can't even look for, such as that of one of its folders, becomes one that it
    does not know.
    """
    left = MAX_ZONES

    def kept(match: re.Match[str]) -> str:
        nonlocal left
        left -= _is_sound(match[0])
        return match[0] if left >= 0 and _is_sound(match[0]) else ""

    return _NAME.sub(
        lambda m: m[0] if _is_a_name(m[1].strip('"')) else _unknown(m), _ZONE.sub(kept, text)
    )


def _is_sound(zone: str) -> bool:
    changes = [match[2] for match in _CHANGE.finditer(zone)]
    return (
        _ID.search(zone) is not None
        and zone.count("\n") <= _MAX_LINES
        and bool(changes)
        and all(
            re.search(f"^{line}$", change, re.I | re.M) for change in changes for line in _NEEDED
        )
        and all(_is_sound_rule(match[1]) for match in _RULE.finditer(zone))
    )


def _is_sound_rule(rule: str) -> bool:
    parts = dict(part.partition("=")[::2] for part in rule.upper().rstrip(";").split(";"))
    return "FREQ" in parts and all(
        key in _PARTS and re.fullmatch(_PARTS[key], value) for key, value in parts.items()
    )


def _is_a_name(name: str) -> bool:
    try:
        ZoneInfo(name)
    except OSError:  # the name of a folder, or one that is too long
        return False
    except (ValueError, LookupError):
        return True
    return True


def _unknown(match: re.Match[str]) -> str:
    name = match[1].strip('"')[:60]
    return f';TZID="no zone {name}"'
