"""From what a calendar says to an event: venue, kind, times and attendance of one entry.

The parsers of the formats yield an :class:`Entry` each; what they have in common is judged here. An
entry that can't be used is skipped with a note, and a detail that can't is noted and done without.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

from signalrl.errors import ConfigError
from signalrl.events.event import Event
from signalrl.events.venues import Location, Registry, folded

USUAL_LENGTH = timedelta(hours=2)
"""How long an event lasts where neither its entry nor its kind says."""
TITLE_LENGTH = 200

KIND_OF = {
    "sport": "sports",
    "sportsevent": "sports",
    "football": "sports",
    "match": "sports",
    "music": "concert",
    "musicevent": "concert",
    "theaterevent": "concert",
    "festival": "fair",
    "exhibitionevent": "fair",
    "fair": "fair",
    "trade fair": "fair",
    "businessevent": "conference",
    "educationevent": "conference",
    "congress": "conference",
}
"""Words of calendars and types of schema.org for the kinds that every registry knows."""

_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]+"
)


@dataclass(frozen=True, slots=True)
class Note:
    """What was skipped or assumed.

    Attributes:
        source: The file.
        entry: Title or uid of the entry.
        message: What was expected, what came, and what became of it.
    """

    source: str
    entry: str
    message: str

    def __str__(self) -> str:
        """Return it in one line."""
        return f"{self.source}: {self.entry}: {self.message}"


class SkippedError(Exception):
    """An entry can't be used; the message becomes its note."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One occurrence as a calendar has it.

    Attributes:
        title: Its title.
        uid: Its identity, the same for all occurrences of a series; or empty.
        begin: Its beginning; a time without a zone is one of the venue.
        end: Its end, or None where it isn't said.
        places: What its place is called, the most telling first.
        location: Where it is, if the calendar says.
        kinds: Words for its kind, the most telling first.
        attendance: Expected people, as it is written.
    """

    title: str
    uid: str
    begin: datetime | date
    end: datetime | date | None = None
    places: tuple[str, ...] = ()
    location: Location | None = None
    kinds: tuple[str, ...] = ()
    attendance: str = ""


@dataclass(slots=True)
class Judge:
    """Makes events of the entries of one source, and collects notes.

    Attributes:
        source: Name of the file.
        registry: Venues and kinds.
        notes: What was skipped or assumed, in the order of reading.
    """

    source: str
    registry: Registry
    notes: list[Note] = field(default_factory=list)
    _said: set[Note] = field(default_factory=set, repr=False)

    def note(self, entry: str, message: str) -> None:
        """Add a note, once."""
        note = Note(self.source, clean(entry) or "an entry without a title", clean(message))
        if note not in self._said:
            self._said.add(note)
            self.notes.append(note)

    def judge(self, entry: Entry) -> Event | None:
        """Return the event of an entry, or None and a note where it can't be used."""
        name = entry.title or entry.uid
        try:
            venue = self.venue_of(entry.places, entry.location)
            kind = self._kind_of(entry, venue, name)
            begin, end = self._times_of(entry, venue, kind, name)
            attendance = self._attendance_of(entry, venue, name)
            title = clean(entry.title) or venue
            # What has no identity is told by what is read of it, in any order of files.
            uid = clean(entry.uid) or f"{folded(title)} at {venue}"
            uid = f"{uid}@{begin.astimezone(UTC):%Y%m%dT%H%MZ}"
            return Event(begin, end, venue, title, kind, attendance, uid)
        except (SkippedError, ConfigError) as error:
            self.note(name, f"{error}; it is left out")
        except (OverflowError, OSError, ValueError):  # times that no clock can show
            self.note(name, f"expected a time of this age, got {entry.begin}; it is left out")
        return None

    def venue_of(self, places: Iterable[str], location: Location | None) -> str:
        """Return the id of the venue of these names, or at this location.

        Raises:
            SkippedError: The registry has none.
        """
        texts = [text for text in places if text.strip()]
        # Calendars write street and town behind the name.
        for text in [*texts, *(t.split(",")[0] for t in texts), *(t.split("\n")[0] for t in texts)]:
            found = self.registry.find(text)
            if found is not None:
                return found
        found = None if location is None else self.registry.near(location)
        if found is None:
            known = ", ".join(sorted(self.registry.venues))
            got = repr(texts[0]) if texts else "no place"
            raise SkippedError(f"expected a venue of the registry ({known}), got {got}")
        return found

    def _kind_of(self, entry: Entry, venue: str, name: str) -> str:
        for word in entry.kinds:
            for kind in (folded(word), KIND_OF.get(folded(word), "")):
                if kind in self.registry.all_kinds:
                    return self.registry.kind_at(venue, kind)
        usual = self.registry.kind_at(venue, self.registry.venue(venue).kind)
        if entry.kinds:
            self.note(
                name,
                f"expected a kind of event that is known, got {entry.kinds[0]!r}; taken as {usual}",
            )
        return usual

    def _times_of(
        self, entry: Entry, venue: str, kind: str, name: str
    ) -> tuple[datetime, datetime]:
        zone, usual = self.registry.zone_of(venue), self.registry.venue(venue).usual_begin
        begin, end = entry.begin, entry.end
        if not isinstance(begin, datetime):
            if usual is None:
                raise SkippedError(f"expected a time of day, got the date {begin} alone")
            self.note(name, f"expected a time of day, got the date {begin}; taken as {usual}")
            begin, end = datetime.combine(begin, usual), None
        if end is not None and not isinstance(end, datetime):
            end = datetime.combine(end, datetime.min.time())
        begin = in_zone(begin, zone)
        if end is None:
            length_s = self.registry.kind(kind).duration_s
            length = USUAL_LENGTH if length_s is None else timedelta(seconds=length_s)
            if length_s is None:
                self.note(name, f"expected an end, got none; taken as {length} after the beginning")
            return begin, shifted(begin, length)
        return begin, in_zone(end, zone)

    def _attendance_of(self, entry: Entry, venue: str, name: str) -> int | None:
        text = entry.attendance.strip()
        if not text:
            return None
        capacity = self.registry.venue(venue).capacity
        # 12.000, 12,000 and 12 000 are one number; at most nine digits are a crowd.
        plain = re.sub(r"[.,'\s](?=\d{3}\b)", "", text)
        if not re.fullmatch(r"\d{1,9}(\.0+)?", plain):
            self.note(name, f"expected a number of people, got {text[:40]!r}; the usual is taken")
            return None
        people = int(float(plain))
        if people > capacity:
            self.note(name, f"expected at most {capacity} people, got {people}; {capacity} taken")
        return min(people, capacity)


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """Return a moment in a zone; one without a zone is taken as a time of it.

    Of a time that a night of daylight saving has twice the first is meant, and one that it skips
    is as long after midnight as the clocks of before say (RFC 5545, 3.3.5).
    """
    aware = moment if moment.utcoffset() is not None else moment.replace(tzinfo=zone)
    return datetime.fromtimestamp(aware.timestamp(), zone)


def shifted(moment: datetime, by: timedelta) -> datetime:
    """Return the moment when this much time has passed, in the same zone."""
    return datetime.fromtimestamp(moment.timestamp() + by.total_seconds(), moment.tzinfo)


def clean(text: str) -> str:
    """Return a text in one line, of bounded length, without control characters."""
    return " ".join(_CONTROL.sub(" ", text).split())[:TITLE_LENGTH]
