"""From what a calendar says to an event: venue, kind, times and attendance of one entry.

The parsers of the formats yield an :class:`Entry` each; what they have in common is judged here. An
entry that can't be used is skipped with a note, and a detail that can't is noted and done without.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from signalrl.errors import ConfigError
from signalrl.events.clocks import YEARS, in_zone, later
from signalrl.events.event import Event
from signalrl.events.venues import Location, Registry, folded

USUAL_LENGTH = timedelta(hours=2)
"""How long an event lasts where neither its entry nor its kind says."""
MORNING = time(6)
"""Who ends until then ends the night of the day before."""
MAX_DAYS = 31
"""What goes on for longer than this is no event."""
FAR_M = 5000.0
"""A place of the same name that is so far from a venue is another one."""
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
        begin: Its beginning; a time without a zone is one of the venue. None calls off whatever has
            this identity.
        end: Its end, or None where it isn't said; a date is its last day.
        places: What its place is called, the most telling first.
        location: Where it is, if the calendar says.
        kinds: Words for its kind, the most telling first.
        attendance: Expected people, as it is written.
        cancelled: Whether it won't be.
    """

    title: str
    uid: str
    begin: datetime | date | None
    end: datetime | date | None = None
    places: tuple[str, ...] = ()
    location: Location | None = None
    kinds: tuple[str, ...] = ()
    attendance: str = ""
    cancelled: bool = False


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

    def judge(self, entry: Entry) -> list[Event]:
        """Return the event of an entry, one for each of its days, or none and a note."""
        name = entry.title or entry.uid
        try:
            venue = self.venue_of(entry.places, entry.location)
            kind = self._kind_of(entry, venue, name)
            entry = _without_midnights(entry, self.registry.zone_of(venue))
            times = self._times_of(entry, venue, kind, name)
            attendance = self._attendance_of(entry, venue, name)
            title = clean(entry.title) or venue
            # What has no identity is told by what is read of it, in any order of files.
            own = clean(entry.uid) or f"{folded(title)} at {venue}"
            uids = [f"{own}@{begin.astimezone(UTC):%Y%m%dT%H%MZ}" for begin, _ in times]
            is_day = not isinstance(entry.begin, datetime)
            return [
                Event(begin, end, venue, title, kind, attendance, uid, is_begin_usual=is_day)
                for (begin, end), uid in zip(times, uids, strict=True)
            ]
        except (SkippedError, ConfigError) as error:
            self.note(name, f"{error}; it is left out")
        except (OverflowError, OSError, ValueError):  # times that no clock can show
            self.note(name, f"expected a time of this age, got {entry.begin}; it is left out")
        return []

    def venue_of(self, places: Iterable[str], location: Location | None) -> str:
        """Return the id of the venue of these names, or at this location.

        Raises:
            SkippedError: The registry has none.
        """
        texts = [text for text in places if text.strip()]
        if location is not None and location.lat == location.lon == 0:  # some write nothing so
            location = None
        # Calendars write street and town behind the name.
        for text in [*texts, *(t.split(",")[0] for t in texts), *(t.split("\n")[0] for t in texts)]:
            found = self.registry.find(text)
            if found is not None:
                self._check_place(found, location)
                return found
        found = None if location is None else self.registry.near(location)
        if found is None:
            known = ", ".join(sorted(self.registry.venues))
            got = f"{texts[0]!r}; if it is one of them, add it to its aliases" if texts else "none"
            raise SkippedError(f"expected a venue of the registry ({known}), got {got}")
        return found

    def _check_place(self, venue: str, location: Location | None) -> None:
        own = self.registry.venue(venue).location
        if location is None or own is None:
            return
        away_m = own.distance_m(location)
        if away_m > FAR_M:
            raise SkippedError(
                f"expected the venue {venue}, got a place of its name {away_m / 1000:.0f} km away"
            )

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
    ) -> list[tuple[datetime, datetime]]:
        zone, usual = self.registry.zone_of(venue), self.registry.venue(venue).usual_begin
        begin, end, days = entry.begin, entry.end, 1
        if begin is None:
            raise SkippedError("expected a beginning, got none")
        if begin.year not in YEARS:
            raise SkippedError(
                f"expected a year from {YEARS[0]} to {YEARS[-1]}, got the beginning {begin}"
            )
        if not isinstance(begin, datetime):
            if usual is None:
                raise SkippedError(f"expected a time of day, got the date {begin} alone")
            self.note(name, f"expected a time of day, got the date {begin}; taken as {usual}")
            days = 1 if end is None else (_day_of(end) - begin).days + 1
            begin, end = datetime.combine(begin, usual), None
        elif end is not None and not isinstance(end, datetime):
            days, end = (end - begin.date()).days + 1, None
            days -= days == 2  # an evening that goes on past midnight
        if days < 1:
            raise SkippedError(f"expected an end after the beginning {begin}, got {entry.end}")
        begin, end = in_zone(begin, zone), None if end is None else in_zone(end, zone)
        if end is not None and end - begin > timedelta(days=1):
            is_night = end.time() <= min(begin.time(), MORNING)
            days = (end.date() - begin.date()).days + (not is_night)
            end = end if is_night or end.time() > begin.time() else None
        if days > MAX_DAYS:
            raise SkippedError(f"expected an event of at most {MAX_DAYS} days, got one of {days}")
        length_s = self.registry.kind(kind).duration_s
        length = USUAL_LENGTH if length_s is None else timedelta(seconds=length_s)
        if end is None and length_s is None:
            self.note(name, f"expected an end, got none; taken as {length} after the beginning")
        if days == 1:
            return [(begin, later(begin, length.total_seconds()) if end is None else end)]
        self.note(name, f"goes on for {days} days; taken as an event on each of them")
        dates = [begin.date() + timedelta(days=day) for day in range(days)]
        begins = [_on(day, begin.time(), zone) for day in dates]
        if end is None:
            return [(begin, later(begin, length.total_seconds())) for begin in begins]
        nights = timedelta(days=int(end.time() <= begin.time()))
        ends = [_on(day + nights, end.time(), zone) for day in dates]
        return list(zip(begins, ends, strict=True))

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


def _day_of(moment: datetime | date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _without_midnights(entry: Entry, zone: tzinfo) -> Entry:
    """Return an entry from midnight to midnight as one of days, since some write these so."""
    if isinstance(entry.begin, datetime) and isinstance(entry.end, datetime):
        begin, end = in_zone(entry.begin, zone), in_zone(entry.end, zone)
        is_end = not time(0) < end.time() < time(23, 59)
        if begin.time() == time(0) and is_end and begin < end:
            last = (
                end - timedelta(minutes=1)
            ).date()  # the midnight that ends it is the next day's
            return replace(entry, begin=begin.date(), end=last)
    return entry


def _on(day: date, clock: time, zone: tzinfo) -> datetime:
    return in_zone(datetime.combine(day, clock), zone)


def clean(text: str) -> str:
    """Return a text in one line, of bounded length, without control characters."""
    return " ".join(_CONTROL.sub(" ", text).split())[:TITLE_LENGTH]
