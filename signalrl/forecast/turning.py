"""Where vehicles go at each stop line, counted from the ways of a sample of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from signalrl.network.capacity import Capacity, Key

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.intp]

VEHICLE_M = 7.5
"""Length of a car and its gap in a queue."""
UNLIMITED = 1e6


class Sample(NamedTuple):
    """Vehicles of one kind that take the same way in one period.

    Attributes:
        kind: Index of the kind of traffic.
        period: Index of the period.
        way: Edges from the first to the last.
        vehicles: How many vehicles it stands for, per h.
    """

    kind: int
    period: int
    way: tuple[str, ...]
    vehicles: float


class Edge(NamedTuple):
    """What of an edge matters here."""

    length_m: float
    speed_m_s: float
    lanes: int


@dataclass(frozen=True, slots=True)
class Turning:
    """Turning shares of kinds of traffic at the stop lines, by period.

    A cell is a kind of traffic in a movement, ``kind * movements + movement``. Who goes where next
    depends on the cell alone. Those who leave a cell and are in no hop pass no further stop line.

    Attributes:
        kinds: How many kinds of traffic there are.
        period_of: Period of each step, ``(steps,)``.
        flows: Traffic of each kind and movement in veh/h, ``(periods, kinds, movements)``.
        hop_from: Cell that a hop comes from, ``(hops,)``.
        hop_to: Cell that it leads to, ``(hops,)``.
        hop_approach: Approach of that cell, ``(hops,)``.
        hop_share: Part of the cell's traffic, ``(periods, hops)``.
        hop_s: Travel time from one stop line to the next, ``(hops,)``.
        entries: Kind and first edge of those who set off, sorted.
        entry_of: Entry of each way in, ``(ways in,)``.
        entry_to: Cell that it leads to.
        entry_approach: Approach of that cell.
        entry_share: Part of the entry's traffic, ``(periods, ways in)``.
        entry_s: Travel time to its stop line.
        storage: Vehicles that find room on each approach, ``(approaches,)``.
    """

    kinds: int
    period_of: IntArray
    flows: npt.NDArray[np.float64]
    hop_from: IntArray
    hop_to: IntArray
    hop_approach: IntArray
    hop_share: FloatArray
    hop_s: npt.NDArray[np.float64]
    entries: tuple[tuple[int, str], ...]
    entry_of: IntArray
    entry_to: IntArray
    entry_approach: IntArray
    entry_share: FloatArray
    entry_s: npt.NDArray[np.float64]
    storage: npt.NDArray[np.float64]


def count_turning(
    capacity: Capacity,
    edges: Mapping[str, Edge],
    samples: Iterable[Sample],
    kinds: int,
    period_of: IntArray,
    part: float = 1.0,
) -> Turning:
    """Count where vehicles go.

    Args:
        capacity: The movements.
        edges: All edges of the network.
        samples: The ways of vehicles.
        kinds: How many kinds of traffic there are.
        period_of: Period of each step.
        part: Part of each sample that counts.
    """
    movements, periods = len(capacity.movements), int(period_of.max()) + 1
    at = {movement.key: i for i, movement in enumerate(capacity.movements)}
    flows = np.zeros((periods, kinds, movements))
    hops: dict[tuple[int, int], _Sum] = defaultdict(lambda: _Sum(np.zeros(periods)))
    entries: dict[tuple[int, str, int], _Sum] = defaultdict(lambda: _Sum(np.zeros(periods)))
    rooms: dict[int, _Mean] = defaultdict(_Mean)
    by_way: dict[tuple[int, tuple[str, ...]], FloatArray] = defaultdict(lambda: np.zeros(periods))
    for sample in samples:
        by_way[sample.kind, sample.way][sample.period] += sample.vehicles * part
    for (kind, way), vehicles in by_way.items():
        before, total = -1, float(vehicles.sum())
        for movement, time_s, room_m in _passed(way, at, edges):
            flows[:, kind, movement] += vehicles
            cell = kind * movements + movement
            target = entries[kind, way[0], cell] if before < 0 else hops[before, cell]
            target.vehicles += vehicles
            target.time_s.add(time_s, total)
            rooms[int(capacity.of_approach[movement])].add(room_m, total)
            before = cell
    storage = np.full(len(capacity.approaches), UNLIMITED)
    for approach, room in rooms.items():
        storage[approach] = max(1.0, room.value / VEHICLE_M)
    hop_keys, entry_keys = sorted(hops), sorted(entries)
    names = sorted({(kind, edge) for kind, edge, _ in entry_keys})
    entry_at = {name: i for i, name in enumerate(names)}
    hop_from = np.array([before for before, _ in hop_keys], np.intp)
    hop_to = np.array([cell for _, cell in hop_keys], np.intp)
    entry_of = np.array([entry_at[kind, edge] for kind, edge, _ in entry_keys], np.intp)
    entry_to = np.array([cell for _, _, cell in entry_keys], np.intp)
    cells = flows.reshape(periods, -1)
    return Turning(
        kinds,
        period_of,
        flows,
        hop_from,
        hop_to,
        capacity.of_approach[hop_to % movements],
        _shares([hops[key] for key in hop_keys], cells[:, hop_from], cells.sum(axis=0)[hop_from]),
        np.array([hops[key].time_s.value for key in hop_keys]),
        tuple(names),
        entry_of,
        entry_to,
        capacity.of_approach[entry_to % movements],
        _entry_shares([entries[key] for key in entry_keys], entry_of, periods),
        np.array([entries[key].time_s.value for key in entry_keys]),
        storage,
    )


class _Mean:
    """A mean with weights."""

    def __init__(self) -> None:
        self._sum = self._weight = 0.0

    def add(self, value: float, weight: float) -> None:
        self._sum += value * weight
        self._weight += weight

    @property
    def value(self) -> float:
        return self._sum / self._weight


class _Sum:
    """Vehicles by period, and how long they take."""

    def __init__(self, vehicles: FloatArray) -> None:
        self.vehicles, self.time_s = vehicles, _Mean()


def _passed(
    way: Sequence[str], at: Mapping[Key, int], edges: Mapping[str, Edge]
) -> Iterable[tuple[int, float, float]]:
    """Yield each stop line on a way, the time to it and the metres of lanes before it."""
    time_s = room_m = 0.0
    for edge, behind in pairwise(way):
        length_m, speed_m_s, lanes = edges[edge]
        time_s += length_m / speed_m_s
        room_m += length_m * lanes
        movement = at.get((edge, behind))
        if movement is not None:
            yield movement, time_s, room_m
            time_s = room_m = 0.0


def _shares(
    found: Sequence[_Sum],
    totals: npt.NDArray[np.float64],
    overall: npt.NDArray[np.float64],
) -> FloatArray:
    """Return parts by period; where a period has no traffic, those of all periods together."""
    counts = np.array([one.vehicles for one in found]).reshape(len(found), len(totals)).T
    usual = counts.sum(axis=0) / np.maximum(overall, 1e-9)
    return np.where(totals > 0, counts / np.maximum(totals, 1e-9), usual).astype(np.float32, "C")


def _entry_shares(found: Sequence[_Sum], entry_of: IntArray, periods: int) -> FloatArray:
    counts = np.array([one.vehicles for one in found]).reshape(len(found), -1).T
    totals = np.zeros((periods, int(entry_of.max(initial=0)) + 1))
    for column, entry in enumerate(entry_of):
        totals[:, entry] += counts[:, column]
    return _shares(found, totals[:, entry_of], totals.sum(axis=0)[entry_of])
