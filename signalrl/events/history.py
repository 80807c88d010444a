"""Reads what detectors counted in the past: a CSV with ``time``, ``detector`` and ``vehicles``.

An interval that has no row is missing, which is not the same as an interval without vehicles.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from signalrl.errors import ConfigError
from signalrl.events.clocks import YEARS
from signalrl.events.entries import Note, clean
from signalrl.events.venues import Registry, Venue
from signalrl.files import decoded, delimiter_of, read_limited, suggestion

FloatArray = npt.NDArray[np.float64]
DAY_S = 86_400.0
COLUMNS = ("time", "detector", "vehicles")
MAX_BYTES = 400_000_000
MAX_NOTES = 50
"""Notes on single rows; how many more there were is told in one."""
MAX_VEHICLES = 100_000
INTERVALS_S = (60.0, 3600.0)
"""The shortest and the longest interval of counts that say something about an event."""
_POINTS = re.compile(r"[1-9]\d{0,2}(\.\d{3})+")
"""Where commas begin decimals, thousands may have points."""


@dataclass(frozen=True, slots=True)
class Series:
    """What one detector counted.

    Attributes:
        begin_s: Beginnings of the intervals that there are, in s since 1970 UTC, rising,
            ``(intervals,)``.
        vehicles: Vehicles in each, ``(intervals,)``.
    """

    begin_s: FloatArray
    vehicles: FloatArray


@dataclass(frozen=True, slots=True)
class Counts:
    """What the detectors of venues counted.

    Attributes:
        interval_s: Length of an interval in s.
        series: By detector, sorted.
        notes: What was skipped, in the order of reading.
    """

    interval_s: float
    series: Mapping[str, Series]
    notes: tuple[Note, ...]

    @property
    def first(self) -> datetime:
        """Beginning of the first interval."""
        return datetime.fromtimestamp(min(s.begin_s[0] for s in self.series.values()), UTC)

    @property
    def last(self) -> datetime:
        """End of the last interval."""
        end_s = max(s.begin_s[-1] for s in self.series.values()) + self.interval_s
        return datetime.fromtimestamp(end_s, UTC)


def read_counts(path: Path, registry: Registry, interval_s: float | None = None) -> Counts:
    """Read the counts at the roads of the venues of a registry; a broken row is skipped.

    A time without a zone is one of the detector's venue. Where clocks are set back, the first row
    of a time that there is twice is the first of the two, and the second row the second.

    Args:
        path: A CSV file with a header, separated by commas or semicolons; with semicolons, a
            comma may begin decimals, and points between thousands are not read.
        registry: The venues; a detector is called like an edge of a car park or a gate.
        interval_s: Length of an interval in s; by default the usual distance of two rows.

    Raises:
        ConfigError: The file is missing, is no such table, or holds nothing of use.
    """
    rows = _Rows(path, _zones(registry))
    rows.read(decoded(path, read_limited(path, MAX_BYTES)))
    if not any(rows.found.values()):
        said = f" ({rows.notes[0].message})" if rows.notes else ""
        raise ConfigError(
            f"{path}: expected counts at a road of a venue, got none{said}; call detectors like "
            "the edges of venues.yaml"
        )
    for detector, number in rows.twice.items():
        if number > len(rows.found[detector]) / 2:
            raise ConfigError(
                f"{path}: expected one row for a detector and time, got two of most times of "
                f"{detector}; if these are lanes, add them up"
            )
    interval_s = interval_s or rows.usual_distance_s()
    if not INTERVALS_S[0] <= interval_s <= INTERVALS_S[1]:
        raise ConfigError(
            f"{path}: expected intervals of {INTERVALS_S[0]:g} to {INTERVALS_S[1]:g} s, got "
            f"{interval_s:g}; count anew, or say how long they are"
        )
    return rows.counts(interval_s)


def edges_of(venue: Venue) -> tuple[str, ...]:
    """Return the edges of a venue's car parks and gates, sorted."""
    edges = {edge for park in venue.car_parks.values() for edge in (*park.entrances, *park.exits)}
    edges |= {edge for gate in venue.gates.values() for edge in (gate.inbound, gate.outbound)}
    return tuple(sorted(edges))


@dataclass(slots=True)
class _Rows:
    """The rows of a file so far."""

    path: Path
    zones: Mapping[str, ZoneInfo]
    found: dict[str, dict[float, float]] = field(default_factory=lambda: defaultdict(dict))
    notes: list[Note] = field(default_factory=list)
    skipped: int = 0
    twice: Counter[str] = field(default_factory=Counter)
    decimal_comma: bool = False
    _unknown: set[str] = field(default_factory=set)
    _broken: dict[str, set[float]] = field(default_factory=lambda: defaultdict(set))

    def read(self, text: str) -> None:
        """Read the text of the file."""
        delimiter = delimiter_of(text)
        self.decimal_comma = delimiter == ";"
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            names = [name.strip().lower() for name in next(rows, [])]
            places = _places(self.path, names)
            for number, cells in enumerate(rows, 2):
                if cells:
                    self._take(number, cells, places, len(names))
        except csv.Error as error:
            raise ConfigError(f"{self.path}: expected CSV, got: {error}; save it again") from error

    def usual_distance_s(self) -> float:
        """Return the usual distance of two rows of a detector.

        Raises:
            ConfigError: No detector has two.
        """
        distances = Counter[float]()
        for times in self.found.values():
            distances.update(np.diff(sorted(times)).tolist())
        if not distances:
            raise ConfigError(
                f"{self.path}: expected several intervals of a detector, got one of each; say how "
                "long an interval is"
            )
        return distances.most_common(1)[0][0]

    def counts(self, interval_s: float) -> Counts:
        """Return what was read, on one grid of intervals.

        Raises:
            ConfigError: All rows have other intervals.
        """
        detectors = sorted(detector for detector, times in self.found.items() if times)
        found = {detector: self._times(detector, interval_s) for detector in detectors}
        phases = Counter(begin % interval_s for times in found.values() for begin in times.tolist())
        if not phases:
            raise ConfigError(
                f"{self.path}: expected intervals of {interval_s:g} s, got none "
                f"({self.notes[-1].message}); say how long an interval is"
            )
        phase = min(phases, key=lambda p: (-phases[p], p))
        if others := phases.total() - phases[phase]:
            self.note(
                "intervals",
                f"expected them every {interval_s:g} s, got {others} at other times; left out",
            )
        series = {}
        for detector, times in found.items():
            begin_s = times[times % interval_s == phase]
            if len(begin_s):
                known = self.found[detector]
                series[detector] = Series(begin_s, np.array([known[t] for t in begin_s.tolist()]))
        notes = list(self.notes)
        if self.skipped > MAX_NOTES:
            more = f"{self.skipped - MAX_NOTES} further rows are left out"
            notes.append(Note(self.path.name, "rows", more))
        return Counts(interval_s, series, tuple(notes))

    def _times(self, detector: str, interval_s: float) -> FloatArray:
        """Return the times of a detector on days of this interval; others are noted.

        A row may be missing, so the usual distance of a day's rows tells. A row that is alone on
        its day has none, and is taken.
        """
        begin_s, zone = np.array(sorted(self.found[detector])), self.zones[detector]
        midnights = np.flatnonzero(np.diff(wall_clock(begin_s, zone) // DAY_S)) + 1
        days = [(_usual_distance_s(day, interval_s), day) for day in np.split(begin_s, midnights)]
        if others := [(got, day[-1]) for got, day in days if got != interval_s]:
            got, _ = Counter(got for got, _ in others).most_common(1)[0]
            last = datetime.fromtimestamp(others[-1][1], zone)
            self.note(
                detector,
                f"expected intervals of {interval_s:g} s, got {got:g} on {len(others)} of "
                f"{len(days)} days, at last on {last:%Y-%m-%d}; these are left out",
            )
        return np.concatenate([begin_s[:0], *(day for got, day in days if got == interval_s)])

    def note(self, entry: str, message: str) -> None:
        """Add a note."""
        self.notes.append(Note(self.path.name, entry, clean(message)))

    def _take(self, number: int, cells: list[str], places: list[int], width: int) -> None:
        try:
            if len(cells) != width:
                raise ValueError(f"expected {width} cells, got {len(cells)}")
            time, detector, vehicles = (cells[place].strip() for place in places)
            if detector in self.zones:
                known, broken = self.found[detector], self._broken[detector]
                begin_s = self._begin_s(time, self.zones[detector], known, broken)
                try:
                    known[begin_s] = _vehicles(vehicles, self.decimal_comma)
                except ValueError:
                    broken.add(begin_s)
                    raise
            elif detector not in self._unknown:
                self._unknown.add(detector)
                if len(self._unknown) <= MAX_NOTES:
                    self.note(
                        clean(detector) or "a detector without a name",
                        "expected a road of a venue, got another one"
                        f"{suggestion(detector, self.zones)}; its counts are left out",
                    )
        except _TwiceError as error:
            self.twice[cells[places[1]].strip()] += 1
            self._skip(number, error)
        except ValueError as error:
            self._skip(number, error)

    def _skip(self, number: int, error: ValueError) -> None:
        self.skipped += 1
        if self.skipped <= MAX_NOTES:
            self.note(f"line {number}", f"{error}; it is left out")

    @staticmethod
    def _begin_s(
        text: str, zone: ZoneInfo, known: Mapping[float, float], broken: Set[float]
    ) -> float:
        """Return the instant of a time that is not known yet.

        Of a time that there is twice it is the second, where the first had a row, broken or not.
        """
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(
                f"expected a time such as 2026-05-09T18:30+02:00, got {text[:40]!r}"
            ) from error
        if moment.year not in YEARS:
            raise ValueError(
                f"expected a time of the years {YEARS[0]} to {YEARS[-1]}, got {text[:40]}"
            )
        aware = moment if moment.utcoffset() is not None else moment.replace(tzinfo=zone)
        begin_s = aware.timestamp()
        if aware.tzinfo is zone:
            if datetime.fromtimestamp(begin_s, zone).replace(tzinfo=None) != moment:
                raise ValueError(f"expected a time that the clocks show, got {text[:40]}")
            if begin_s in known or begin_s in broken:
                begin_s = aware.replace(fold=1).timestamp()
        if begin_s in known:
            raise _TwiceError(f"expected one row for a detector and time, got another of {text}")
        return begin_s


class _TwiceError(ValueError):
    """A time of a detector that is known."""


def _vehicles(text: str, decimal_comma: bool) -> float:
    if decimal_comma and _POINTS.fullmatch(text):
        raise ValueError(
            f"expected thousands without a point, and decimals with a comma, got {text[:40]}"
        )
    try:
        vehicles = float(text.replace(",", ".") if decimal_comma else text)
    except ValueError as error:
        raise ValueError(f"expected a number of vehicles, got {text[:40]!r}") from error
    if not (math.isfinite(vehicles) and 0 <= vehicles <= MAX_VEHICLES):
        raise ValueError(f"expected 0 to {MAX_VEHICLES} vehicles, got {text[:40]}")
    return vehicles


def _places(path: Path, names: list[str]) -> list[int]:
    for name in COLUMNS:
        if names.count(name) != 1:
            near = suggestion(name, names)
            raise ConfigError(
                f"{path}: expected a header with {', '.join(COLUMNS)}, each once, got "
                f"{', '.join(map(clean, names)) or 'none'}{near}; name the columns so"
            )
    return [names.index(name) for name in COLUMNS]


def _zones(registry: Registry) -> dict[str, ZoneInfo]:
    """Return the time zone of each edge of a venue."""
    return {e: registry.zone_of(key) for key, v in registry.venues.items() for e in edges_of(v)}


def _usual_distance_s(begin_s: FloatArray, expected_s: float) -> float:
    """Return the usual distance of times, the expected one where no other is more frequent."""
    distances = Counter[float](np.diff(begin_s).tolist())
    return max(distances, key=lambda d: (distances[d], d == expected_s), default=expected_s)


def wall_clock(begin_s: FloatArray, zone: ZoneInfo) -> FloatArray:
    """Return what clocks of a zone show, in s since 1970 as if it were UTC, ``(intervals,)``."""
    quarters, place = np.unique(np.floor(begin_s / 900.0), return_inverse=True)
    offsets = [
        (datetime.fromtimestamp(q * 900.0, zone).utcoffset() or timedelta()).total_seconds()
        for q in quarters.tolist()
    ]
    clock: FloatArray = begin_s + np.array(offsets)[place]
    return clock
