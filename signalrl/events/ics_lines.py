"""Which lines of an iCalendar file are read: those of events and of time zones.

Tasks, alarms and remarks on the calendar are read by nobody, and a broken one of them would cost
the whole file. So would a component that somebody forgot to close.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from signalrl.events.zones import MAX_ZONES, is_sound

_IN_CALENDAR = ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE")
_IN_EVENT = re.compile(r"V[A-Z]+|X-[A-Z0-9-]+|PARTICIPANT")
"""Other words behind a BEGIN are text of a description, whose line was broken."""
_MAX_DEPTH = 20
_NAME = re.compile(r"[A-Z][A-Z0-9-]*")


def of_events(text: str) -> tuple[str, bool]:
    """Return the lines of events and of sound time zones, and whether the file is cut off.

    What isn't closed ends where something begins that can't lie inside of it, or with its calendar.
    An event that the end of the file cuts off is left out.

    Args:
        text: The file, its folded lines joined.
    """
    kept, block, inside = list[str](), list[str](), list[str]()
    zones = 0
    for line in _nested(text, inside):
        if inside[1:] == ["VEVENT"] or inside[1:2] == ["VTIMEZONE"]:
            block.append(line)
        if len(inside) == 2 and line == f"END:{inside[1]}":
            is_zone = inside[1] == "VTIMEZONE"
            if not is_zone or (zones < MAX_ZONES and is_sound(block)):
                kept += block
                zones += is_zone
            block = []
        elif len(inside) == 1 and line in ("BEGIN:VCALENDAR", "END:VCALENDAR"):
            kept.append(line)
    is_cut = bool(inside)
    return "\n".join([*kept, "END:VCALENDAR"] if is_cut else kept), is_cut


def _nested(text: str, inside: list[str]) -> Iterator[str]:
    """Yield the lines of calendars so that each BEGIN has its END.

    Args:
        text: The file, its folded lines joined.
        inside: Becomes the components that a line lies in, its own included.
    """
    for raw in re.split(r"\r?\n", text):
        line = raw.rstrip().lstrip("\ufeff")
        word, _, name = (part.strip().upper() for part in line.partition(":"))
        word = word.partition(";")[0]
        if word == "BEGIN" and _may_begin(name, inside):
            yield from _closed(inside, down_to=_depth(name, inside))
            inside.append(name)
            yield f"BEGIN:{name}"
        elif word == "END" and name in inside:
            yield from _closed(inside, down_to=len(inside) - 1 - inside[::-1].index(name))
        elif word not in ("BEGIN", "END") and inside:
            yield line


def _may_begin(name: str, inside: list[str]) -> bool:
    if name == "VCALENDAR" or not inside:
        return name == "VCALENDAR"
    if _depth(name, inside) > _MAX_DEPTH:
        return False
    return (_IN_EVENT if inside[1:2] == ["VEVENT"] else _NAME).fullmatch(name) is not None


def _depth(name: str, inside: list[str]) -> int:
    """Return in how many components one of this name lies."""
    return 0 if name == "VCALENDAR" else 1 if name in _IN_CALENDAR else len(inside)


def _closed(inside: list[str], down_to: int) -> Iterator[str]:
    while len(inside) > down_to:
        yield f"END:{inside[-1]}"
        inside.pop()
