"""Makes one calendar of the events of several sources: what two of them have counts once."""

from __future__ import annotations

import difflib
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from signalrl.events.entries import Judge
from signalrl.events.event import Event
from signalrl.events.venues import folded

SAME_WITHIN = timedelta(minutes=10)
"""Two events of alike titles at one venue that begin this near to each other are one."""
ALIKE = 0.6
"""How alike titles have to be, 1 being equal (``difflib``)."""
_DAY_S = 86_400.0


@dataclass(slots=True)
class _Found:
    """Events, to be found by venue and time."""

    events: list[Event | None] = field(default_factory=list)
    _at: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, event: Event) -> int:
        """Add an event, and return its number."""
        self.events.append(None)
        self.put(len(self.events) - 1, event)
        return len(self.events) - 1

    def put(self, number: int, event: Event | None) -> None:
        """Put an event, or none, in place of the one of a number."""
        if (old := self.events[number]) is not None:
            self._at[old.venue].remove((old.begin.timestamp(), number))
        if event is not None:
            insort(self._at[event.venue], (event.begin.timestamp(), number))
        self.events[number] = event

    def near(self, event: Event) -> Iterator[tuple[int, Event]]:
        """Yield those that may begin at the same time at the same venue, and their numbers."""
        near, begin = self._at[event.venue], event.begin.timestamp()
        for at_s, number in near[bisect_left(near, (begin - _DAY_S, -1)) :]:
            if at_s > begin + _DAY_S:
                return
            other = self.events[number]
            if other is not None and (_begin_alike(event, other) or _share_a_day(event, other)):
                yield number, other


@dataclass(slots=True)
class Known:
    """Events so far, each once, and those that were called off."""

    _kept: _Found = field(default_factory=_Found)
    _called_off: _Found = field(default_factory=_Found)
    _gone: set[str] = field(default_factory=set)
    """Identities of which everything was called off."""
    _before: int = 0
    """How many were called off by the sources before this one."""
    _told: dict[int, str] = field(default_factory=dict)
    """By number, the titles of events that this source has and tells apart by an identity."""

    @property
    def events(self) -> list[Event]:
        """All that were not called off."""
        return [event for event in self._kept.events if event is not None]

    def begin_source(self) -> None:
        """Take what comes from here on as that of the next source."""
        self._before = len(self._called_off.events)
        self._told.clear()

    def add(self, event: Event, judge: Judge, is_told: bool) -> None:
        """Add an event, or what it tells of one that is known.

        Args:
            event: An event of the current source.
            judge: Takes the notes.
            is_told: Whether it has an identity of its own.
        """
        number = self._same(event, is_told)
        if number is not None and (other := self._kept.events[number]) is not None:
            judge.note(event.title, f"the same as {_named(other)}")
            self._kept.put(number, _completed(other, event))
        elif off := self._called_off_as(event):
            judge.note(event.title, f"called off{off}; it is left out")
            return
        else:
            self._note_others(event, judge)
            number = self._kept.add(event)
        if is_told:
            self._told[number] = event.title

    def cancel(self, event: Event, judge: Judge) -> None:
        """Take out what is called off, where an earlier source has it under this identity."""
        self._called_off.add(event)
        for number, other in list(self._kept.near(event)):
            if have_one_identity(other, event):
                judge.note(event.title, f"calls off {_named(other)}")
                self._kept.put(number, None)

    def cancel_all(self, identity: str, judge: Judge) -> None:
        """Take out whatever has an identity."""
        self._gone.add(identity)
        for number, other in enumerate(self._kept.events):
            if other is not None and _identity(other) == identity:
                judge.note(other.title, f"calls off {_named(other)}")
                self._kept.put(number, None)

    def _same(self, event: Event, is_told: bool) -> int | None:
        """Return the number of the event that this one is, the most alike of several.

        Of a source that gives its events identities, those of different ones are different events,
        unless they have one title.
        """
        found = []
        for number, other in self._kept.near(event):
            if have_one_identity(other, event):
                return number
            if is_told and number in self._told:
                likeness = float(self._told[number] == event.title)
            else:
                likeness = _likeness(other, event)
            found.append((likeness, -number))
        likeness, negative = max(found, default=(0.0, 0))
        return -negative if likeness >= ALIKE else None

    def _called_off_as(self, event: Event) -> str | None:
        """Say as what an event was called off, or return None."""
        if _identity(event) in self._gone:
            return ", whenever it was to be"
        for number, other in self._called_off.near(event):
            is_earlier = number < self._before
            if have_one_identity(other, event) or (
                is_earlier and _title_likeness(other, event) >= ALIKE
            ):
                return f" as {_named(other)}"
        return None

    def _note_others(self, event: Event, judge: Judge) -> None:
        others = [other for _, other in self._kept.near(event) if _begin_alike(event, other)]
        if others:
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            judge.note(
                event.title,
                f"at nearly the time of {_named(others[0])}{more}, under another title; "
                f"{'all' if more else 'both'} are counted",
            )


def _begin_alike(one: Event, other: Event) -> bool:
    return abs(one.begin.timestamp() - other.begin.timestamp()) <= SAME_WITHIN.total_seconds()


def _share_a_day(one: Event, other: Event) -> bool:
    """Whether events are of one day, and one of them may be at any time of it."""
    is_any = one.is_begin_usual or other.is_begin_usual
    return is_any and one.begin.date() == other.begin.date()


def _identity(event: Event) -> str:
    """Return what its source calls an event, or all of its series."""
    return event.uid.rpartition("@")[0]


def have_one_identity(one: Event, other: Event) -> bool:
    """Return whether a source takes events for one, whatever it says of them."""
    return one.uid == other.uid or (_share_a_day(one, other) and _identity(one) == _identity(other))


def _likeness(one: Event, other: Event) -> float:
    """Return how alike titles are; an event without a title is the one that begins with it."""
    if one.venue in (one.title, other.title) and _begin_alike(one, other):
        return 1.0
    return _title_likeness(one, other)


def _title_likeness(one: Event, other: Event) -> float:
    return difflib.SequenceMatcher(None, folded(one.title), folded(other.title)).ratio()


def _completed(event: Event, other: Event) -> Event:
    """Return an event with what it lacks and the same one of another source has."""
    attendance = other.attendance if event.attendance is None else event.attendance
    title = other.title if event.title == event.venue else event.title
    told = other if event.is_begin_usual else event
    return replace(
        event,
        attendance=attendance,
        title=title,
        begin=told.begin,
        end=told.end,
        is_begin_usual=told.is_begin_usual,
    )


def _named(event: Event) -> str:
    return f"{event.title!r} of {event.begin:%Y-%m-%d %H:%M}"
