"""Time zones that an iCalendar file brings along: which of them are safe to use.

``icalendar`` makes a zone of whatever a file calls one. A rule that changes the clocks each second
or never keeps it busy for as long as it likes, and one broken definition costs the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo

MAX_ZONES = 100
"""Definitions that are taken from one file."""

_CHANGE = re.compile(r"^BEGIN:(STANDARD|DAYLIGHT)$(.*?)^END:\1$", re.I | re.M | re.S)
_ID = re.compile(r"^TZID[^:\n]*:(.+)$", re.I | re.M)
_NAME = re.compile(r';TZID=("[^"\n]*"|[^:;,\n]*)', re.I)
_RULE = re.compile(r"^RRULE[^:\n]*:(.+)$", re.I | re.M)
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
    r"DTSTART[^:\n]*:\d{8}T\d{6}",
    r"TZOFFSETFROM:[+-]\d{4,6}",
    r"TZOFFSETTO:[+-]\d{4,6}",
)


def screened(text: str) -> str:
    """Return the text of a file without names of zones that can't even be looked for.

    Such a name, of a folder of the zone database for one, becomes a name that it does not know.
    """
    return _NAME.sub(lambda m: m[0] if _is_a_name(m[1].strip('"')) else _unknown(m), text)


def is_sound(lines: Sequence[str]) -> bool:
    """Return whether a definition of a zone is safe to use.

    The times that refer to one that isn't are told apart later: their zone is not known.

    Args:
        lines: Those of the VTIMEZONE, without blanks at their ends.
    """
    if len(lines) > _MAX_LINES:
        return False
    zone = "\n".join(lines)
    changes = [match[2] for match in _CHANGE.finditer(zone)]
    return (
        _ID.search(zone) is not None
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
