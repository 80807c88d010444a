"""What the library knows of a public event: where, when, what kind and how many people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from signalrl.errors import ConfigError


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """One occurrence of an event.

    Attributes:
        begin: Its beginning, such as the kick-off; with the venue's time zone.
        end: The end that the calendar gives; with the venue's time zone.
        venue: Id of a venue of the registry.
        title: What people call it.
        kind: Name of a kind of event of the registry, such as ``sports``.
        attendance: Expected people, or None for what is usual at the venue.
        uid: What tells it from all others of its calendars, occurrences of a series included.
        is_begin_usual: Whether the calendar has its day alone, and the time of day is usual there.

    Raises:
        ConfigError: A time without a zone, an end before the beginning, or a negative attendance.
    """

    begin: datetime
    end: datetime
    venue: str
    title: str
    kind: str
    attendance: int | None
    uid: str
    is_begin_usual: bool = False

    def __post_init__(self) -> None:
        for name, time in (("begin", self.begin), ("end", self.end)):
            if time.utcoffset() is None:
                raise ConfigError(f"{name}: expected a time with a zone, got {time.isoformat()}")
        if self.duration < timedelta(0):
            raise ConfigError(
                f"end: expected a time from {self.begin.isoformat()} on, got {self.end.isoformat()}"
            )
        if self.attendance is not None and self.attendance < 0:
            raise ConfigError(f"attendance: expected 0 or more people, got {self.attendance}")

    @property
    def duration(self) -> timedelta:
        """Time that passes between beginning and end, on a night of daylight saving too."""
        return timedelta(seconds=self.end.timestamp() - self.begin.timestamp())
