"""Puts counts beside a calendar: what detectors saw around each event, and what is usual there.

Arrivals are counted at the entrances of car parks, departures at their exits; where these have no
detector, at the gates. Counts stay as they are: the traffic that is usual at such a time, known
from days without an event, is part of what is expected, and not taken off.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from signalrl.events.courses import egress, ingress
from signalrl.events.entries import Note, SkippedError
from signalrl.events.event import Event
from signalrl.events.history import DAY_S, Counts, FloatArray, Series, edges_of, wall_clock
from signalrl.events.kinds import Kind
from signalrl.events.shapes import Egress, Ingress
from signalrl.events.turnout import IndexArray, expected_people, mean_vehicles, usual_end_s
from signalrl.events.venues import Registry, Venue

Direction = Literal["arrivals", "departures"]
Span = tuple[float, float]
DIRECTIONS: tuple[Direction, ...] = ("arrivals", "departures")
QUIET_S = 3600.0
"""A time is usual that is this far from the traffic of every event."""
EARLY_S, LATE_S = 30 * 60.0, 200 * 60.0
"""Departures are looked at from so long before to so long after the usual end."""
LONG_S = 900.0
"""Intervals longer than this are taken whole, where an event's time begins or ends in them."""
LEAST_SEEN = 0.75
"""Part of an event's visitors in whose time there have to be counts."""
LEAST_COVERED = 0.15
"""Part of a venue's traffic that its counted roads have to have."""
LEAST_VEHICLES = 30.0
"""Fewer vehicles than this say nothing about a shape; nor do fewer than three standard deviations
of the other traffic."""
ODD = 4.0
"""An event with so many times more or fewer vehicles than the median one was another event."""


@dataclass(frozen=True, slots=True)
class Detector:
    """A road on which the traffic of a venue is counted.

    Attributes:
        edge: The road.
        at: Whether vehicles begin (``origin``) or end (``destination``) their way on it.
        share: Its part of the venue's traffic in this direction, by spaces, exits or gates.
        veh_h: How many vehicles of an event the car parks let out there, in veh/h; infinite for
            arrivals.
        shared: Whether it is a street with other traffic.
    """

    edge: str
    at: Literal["origin", "destination"]
    share: float
    veh_h: float
    shared: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of an event in one direction; intervals of equal length, in their order.

    Attributes:
        detectors: Where.
        begin_s: Beginnings of the intervals, in s after the event's beginning (arrivals) or its
            usual end (departures), ``(intervals,)``.
        interval_s: Their length.
        counts: Vehicles, NaN where missing, ``(detectors, intervals)``.
        usual: What is usual there at such a time, of the same shape.
        parts: Part of the visitors that is expected in each interval, ``(intervals,)``.
    """

    detectors: tuple[Detector, ...]
    begin_s: FloatArray
    interval_s: float
    counts: FloatArray
    usual: FloatArray
    parts: FloatArray

    @property
    def vehicles(self) -> float:
        """Vehicles beyond the usual ones that were counted."""
        return max(0.0, float(np.nansum(self.counts - self.usual)))

    @property
    def covered(self) -> float:
        """Part of the venue's traffic that was counted, by roads and by the time of visitors."""
        there = np.isfinite(self.counts) @ self.parts / self.parts.sum()
        return float(np.array([d.share for d in self.detectors]) @ there)


@dataclass(frozen=True, slots=True)
class EventDay:
    """An event and what was seen of it.

    Attributes:
        event: The event.
        end_s: Its usual end, in s after its beginning.
        arrivals: None where too little was counted.
        departures: The same.
    """

    event: Event
    end_s: float
    arrivals: Seen | None
    departures: Seen | None

    @property
    def vehicles(self) -> float:
        """Vehicles of its visitors, as both directions say, filled up where nobody counted."""
        found = [seen.vehicles / seen.covered for seen in self._seen]
        return float(np.mean(found))

    @property
    def counted(self) -> float:
        """Vehicles of its visitors that were counted, as a mean of both directions."""
        return float(np.mean([seen.vehicles for seen in self._seen]))

    @property
    def _seen(self) -> list[Seen]:
        return [seen for seen in (self.arrivals, self.departures) if seen is not None]


def event_days(
    counts: Counts, registry: Registry, events: Sequence[Event], travel_s: float = 0.0
) -> tuple[tuple[EventDay, ...], tuple[Note, ...]]:
    """Return what was seen of each event, and notes on those that are left out.

    Args:
        counts: The counts.
        registry: Venues and kinds.
        events: Every event of the time, or the usual traffic is not known.
        travel_s: Mean drive from the gates to the entrances and back from the exits, by which
            arrivals that were counted at an entrance and departures that were counted at a gate
            are set back: an event's arrivals are those at the gates, its departures at the exits.
    """
    notes: list[Note] = []
    windows = {key: tuple(_windows(registry, events, key)) for key in registry.venues}
    usual = _Usual(counts, registry, windows, travel_s)
    days = []
    for event in events:
        end_s = usual_end_s(event, registry.kind(event.kind))
        venue = registry.venue(event.venue)
        if not (venue.gates and venue.car_parks):
            notes.append(_note(event, f"expected roads of {event.venue} in the registry, got none"))
            continue
        if expected_people(event, venue) == 0:
            notes.append(_note(event, "expected people, got an attendance of 0"))
            continue
        if (other := _beside(event, windows[event.venue])) is not None:
            notes.append(_note(event, f"expected no other event at that time, got {other.title!r}"))
            continue
        seen: dict[Direction, Seen | None] = {}
        for direction in DIRECTIONS:
            try:
                seen[direction] = _seen(counts, registry, event, direction, usual)
            except SkippedError as error:
                notes.append(_note(event, f"{direction}: {error}"))
        if any(seen.values()):
            days.append(EventDay(event, end_s, seen.get("arrivals"), seen.get("departures")))
    odd = dict(_odd(days, registry))
    for i, times in sorted(odd.items()):
        message = f"expected about as many vehicles for its people as at others, got {times:.2g}"
        notes.append(
            _note(days[i].event, f"{message} times as many; perhaps it was called off or moved")
        )
    return tuple(day for i, day in enumerate(days) if i not in odd), tuple(notes)


def _odd(days: Sequence[EventDay], registry: Registry) -> Iterator[tuple[int, float]]:
    """Yield the numbers of days that are far from the others of their venue and kind, and how."""
    ratios = [day.vehicles / mean_vehicles(day.event, registry) for day in days]
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, day in enumerate(days):
        groups[day.event.venue, day.event.kind].append(i)
    for group in groups.values():
        usual = float(np.median([ratios[i] for i in group]))
        if len(group) >= 3:
            yield from (
                (i, ratios[i] / usual) for i in group if not usual / ODD <= ratios[i] <= usual * ODD
            )


def detectors_of(venue: Venue, direction: Direction, known: Iterable[str]) -> tuple[Detector, ...]:
    """Return the roads to count a venue's traffic on: those of car parks, else of gates."""
    counted = set(known)
    found = [d for d in _of_car_parks(venue, direction) if d.edge in counted]
    return tuple(found or [d for d in _of_gates(venue, direction) if d.edge in counted])


def _of_car_parks(venue: Venue, direction: Direction) -> Iterator[Detector]:
    share: dict[str, float] = defaultdict(float)
    veh_h: dict[str, float] = {}
    spaces = sum(park.spaces for park in venue.car_parks.values())
    for park in venue.car_parks.values():
        ways = dict.fromkeys(park.entrances, 1.0) if direction == "arrivals" else park.exits
        for edge, weight in ways.items():
            share[edge] += park.spaces / spaces * weight / sum(ways.values())
            veh_h[edge] = weight if direction == "departures" else math.inf
    at: Literal["origin", "destination"] = "destination" if direction == "arrivals" else "origin"
    for edge in sorted(share):
        yield Detector(edge, at, share[edge], veh_h[edge], shared=False)


def _of_gates(venue: Venue, direction: Direction) -> Iterator[Detector]:
    """What all exits let out is spread over the gates as the visitors are."""
    exits = {edge: v for park in venue.car_parks.values() for edge, v in park.exits.items()}
    pull = sum(gate.pull for gate in venue.gates.values())
    share: dict[str, float] = defaultdict(float)
    for gate in venue.gates.values():
        share[gate.inbound if direction == "arrivals" else gate.outbound] += gate.pull / pull
    at: Literal["origin", "destination"] = "origin" if direction == "arrivals" else "destination"
    veh_h = sum(exits.values()) if direction == "departures" else math.inf
    for edge in sorted(share):
        yield Detector(edge, at, share[edge], share[edge] * veh_h, shared=True)


def _windows(registry: Registry, events: Iterable[Event], key: str) -> Iterator[tuple[Event, Span]]:
    """Yield all events with traffic on roads of a venue, from when to when (Unix time)."""
    mine = set(edges_of(registry.venue(key)))
    for event in events:
        if mine & set(edges_of(registry.venue(event.venue))):
            kind, begin = registry.kind(event.kind), event.begin.timestamp()
            end_s = usual_end_s(event, kind)
            first_s = min(_window(kind, "arrivals", end_s)[0], end_s - EARLY_S)
            yield event, (begin + first_s, begin + end_s + LATE_S)


def _beside(event: Event, windows: Sequence[tuple[Event, Span]]) -> Event | None:
    """Return an event with traffic at the same time on the same roads."""
    (first, last), *_ = (span for one, span in windows if one is event)
    for one, (begin, end) in windows:
        if one is not event and begin < last and end > first:
            return one
    return None


def _seen(
    counts: Counts, registry: Registry, event: Event, direction: Direction, usual: _Usual
) -> Seen | None:
    """Return what was seen of an event in one direction, None where nobody looked.

    Raises:
        SkippedError: It is too little.
    """
    kind, venue = registry.kind(event.kind), registry.venue(event.venue)
    if not detectors_of(venue, direction, counts.series):
        raise SkippedError("expected counts at the roads of the venue, got none")
    begin, end_s = event.begin.timestamp(), usual_end_s(event, kind)
    first_s, last_s = _window(kind, direction, end_s)
    start = begin if direction == "arrivals" else begin + end_s
    drives_s = (usual.travel_s, 0.0) if direction == "arrivals" else (0.0, usual.travel_s)
    # Who counted on that day: at the car parks, else at the gates; where ways end, after a drive.
    for of_roads, drive_s in zip((_of_car_parks, _of_gates), drives_s, strict=True):
        anchor = start + drive_s
        grid = _grid(counts, anchor + first_s, anchor + last_s)
        rows = {
            d: _at(counts.series[d.edge], grid)
            for d in of_roads(venue, direction)
            if d.edge in counts.series
        }
        detectors = tuple(d for d, row in rows.items() if np.isfinite(row).any())
        if detectors:
            break
    else:
        return None
    found = np.array([rows[d] for d in detectors])
    expected = np.array([usual.at(event.venue, d, grid) for d in detectors])
    bounds = np.append(grid, grid[-1] + counts.interval_s) - anchor
    seen = Seen(
        *(detectors, grid - anchor, counts.interval_s, found, expected),
        _parts(kind, direction, bounds),
    )
    share = sum(d.share for d in detectors)
    if share < LEAST_COVERED:
        raise SkippedError(
            f"expected roads with {LEAST_COVERED:.0%} of the venue's traffic, got {share:.0%}"
        )
    if (there := seen.covered / share) < LEAST_SEEN:
        raise SkippedError(f"expected counts of {LEAST_SEEN:.0%} of its visitors, got {there:.0%}")
    other = float(expected[np.isfinite(found)].sum()) if detectors[0].shared else 0.0
    least = max(LEAST_VEHICLES, 3.0 * math.sqrt(other))
    if seen.vehicles < least:
        raise SkippedError(
            f"expected at least {least:.0f} vehicles of visitors, got {seen.vehicles:.0f}"
        )
    return seen


def _parts(kind: Kind, direction: Direction, bounds_s: FloatArray) -> FloatArray:
    """Return the part of the visitors that a kind expects in each interval."""
    shape = kind.arrivals if direction == "arrivals" else kind.departures
    if isinstance(shape, Ingress):
        course = ingress(shape)
    elif isinstance(shape, Egress):
        course = egress(shape)
    else:  # about evenly
        return np.full(len(bounds_s) - 1, 1.0 / (len(bounds_s) - 1))
    found: FloatArray = np.diff(course(bounds_s)) + 1e-9
    return found


def _window(kind: Kind, direction: Direction, end_s: float) -> tuple[float, float]:
    """Return from when to when to look, in s after the beginning, or after the usual end."""
    if direction == "departures":
        return -EARLY_S if isinstance(kind.departures, Egress) else -end_s, LATE_S
    shape = kind.arrivals
    return (shape.first_s, shape.last_s) if isinstance(shape, Ingress) else (0.0, end_s)


def _grid(counts: Counts, first: float, last: float) -> FloatArray:
    """Return the beginnings of all intervals between two instants.

    Long ones at the edges, which hold much of the traffic, are part of it.
    """
    phase = next(iter(counts.series.values())).begin_s[0] % counts.interval_s
    lower, upper = (first - phase) / counts.interval_s, (last - phase) / counts.interval_s
    if counts.interval_s > LONG_S:
        lower, upper = math.floor(lower), max(math.floor(lower) + 1, math.ceil(upper))
    else:
        lower, upper = math.ceil(lower), math.floor(upper)
    grid: FloatArray = phase + counts.interval_s * np.arange(lower, upper)
    return grid


def _at(series: Series, grid: FloatArray) -> FloatArray:
    """Return what was counted in intervals, NaN where nothing was."""
    place = np.searchsorted(series.begin_s, grid).clip(max=len(series.begin_s) - 1)
    found: FloatArray = np.where(series.begin_s[place] == grid, series.vehicles[place], np.nan)
    return found


@dataclass(slots=True)
class _Usual:
    """What is usual on a road at each time of a working day, a Saturday and a Sunday."""

    counts: Counts
    registry: Registry
    windows: Mapping[str, Sequence[tuple[Event, Span]]]
    travel_s: float
    _tables: dict[tuple[str, str], FloatArray] = field(default_factory=dict)

    def at(self, venue: str, detector: Detector, grid: FloatArray) -> FloatArray:
        """Return the mean count of intervals; a car park's road has no other traffic than its own.

        Raises:
            SkippedError: It is a street, and not known without an event.
        """
        key = (venue, detector.edge)
        if key not in self._tables:
            self._tables[key] = self._table(*key)
        found = self._tables[key][self._places(venue, grid)]
        if detector.shared and np.isnan(found).any():
            raise SkippedError(
                f"expected counts of {detector.edge} at such a time on a day without an event, "
                "got none"
            )
        usual: FloatArray = np.nan_to_num(found)
        return usual

    def _table(self, venue: str, edge: str) -> FloatArray:
        """Return the means of quiet days, ``(kinds of days, times of a day)``."""
        series = self.counts.series[edge]
        quiet = np.ones(len(series.begin_s), np.bool_)
        for _, (first, last) in self.windows[venue]:
            quiet &= (series.begin_s < first - QUIET_S) | (series.begin_s > last + QUIET_S)
        places = self._places(venue, series.begin_s[quiet])
        shape = (3, math.ceil(DAY_S / self.counts.interval_s))
        total, number = np.zeros(shape), np.zeros(shape)
        np.add.at(total, places, series.vehicles[quiet])
        np.add.at(number, places, 1.0)
        means: FloatArray = np.where(number > 0, total / np.maximum(number, 1.0), np.nan)
        # Saturdays and Sundays stand for each other. Working days are others: they have a rush.
        means[1:] = np.where(np.isnan(means[1:]), means[:0:-1], means[1:])
        return means

    def _places(self, venue: str, begin_s: FloatArray) -> tuple[IndexArray, IndexArray]:
        clock = wall_clock(begin_s, self.registry.zone_of(venue))
        weekday = (clock // DAY_S + 3).astype(np.intp) % 7  # the first of 1970 was a Thursday
        slot = (clock % DAY_S // self.counts.interval_s).astype(np.intp)
        return np.maximum(weekday - 4, 0), slot


def _note(event: Event, message: str) -> Note:
    return Note("history", f"{event.title} of {event.begin:%Y-%m-%d %H:%M}", f"{message}; left out")
