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
        entry_passes: Part of those who set off there that pass a stop line, ``(periods, entries)``.
        entry_of: Entry of each way in, ``(ways in,)``.
        entry_to: Cell that it leads to.
        entry_approach: Approach of that cell.
        entry_share: Part of the entry's traffic that passes a stop line, ``(periods, ways in)``.
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
    entry_passes: FloatArray
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
    known: dict[tuple[str, ...], FloatArray] | None = None,
) -> Turning:
    """Count where vehicles go.

    Args:
        capacity: The movements.
        edges: All edges of the network.
        samples: The ways of vehicles.
        kinds: How many kinds of traffic there are.
        period_of: Period of each step.
        part: Part of each sample that counts.
        known: The stop lines of ways that were counted before; those of new ones are added.
    """
    movements, periods = len(capacity.movements), int(period_of.max()) + 1
    cells, approaches = kinds * movements, len(capacity.approaches)
    at = {movement.key: i for i, movement in enumerate(capacity.movements)}
    by_way: dict[tuple[int, tuple[str, ...]], FloatArray] = defaultdict(lambda: np.zeros(periods))
    for sample in samples:
        by_way[sample.kind, sample.way][sample.period] += sample.vehicles * part
    known = {} if known is None else known
    for _, way in by_way:
        if way not in known:
            known[way] = np.array(list(_passed(way, at, edges))).reshape(-1, 3)
    # One row for each stop line on each way, in the order in which they are passed.
    lines = [known[way] for _, way in by_way]
    rows = np.concatenate([np.zeros((0, 3)), *lines])
    numbers = [len(one) for one in lines]
    of_way = np.repeat(np.arange(len(lines)), numbers)
    by_period = np.array([*by_way.values()]).reshape(-1, periods)
    vehicles = by_period[of_way]
    kind = np.array([kind for kind, _ in by_way], np.intp)[of_way]
    cell = kind * movements + rows[:, 0].astype(np.intp)
    weight = vehicles.sum(axis=1)
    first = np.ones(len(cell), bool)
    first[1:] = of_way[1:] != of_way[:-1]
    flows = np.zeros((periods, cells))
    passed, counts, _ = _sums(cell, vehicles, weight, rows[:, 1])
    flows[:, passed] = counts
    storage = np.full(approaches, UNLIMITED)
    filled, _, room_m = _sums(capacity.of_approach[cell % movements], vehicles, weight, rows[:, 2])
    storage[filled] = np.maximum(1.0, room_m / VEHICLE_M)

    then = np.flatnonzero(~first)
    hops, hop_counts, hop_s = _sums(
        cell[then - 1] * cells + cell[then], vehicles[then], weight[then], rows[then, 1]
    )
    hop_from, hop_to = hops // cells, hops % cells
    begun = [key for key, number in zip(by_way, numbers, strict=True) if number]
    names = sorted({(kind, way[0]) for kind, way in begun})
    entry_at = {name: i for i, name in enumerate(names)}
    entry = np.array([entry_at[kind, way[0]] for kind, way in begun], np.intp)
    entries, entry_counts, entry_s = _sums(
        entry * cells + cell[first], vehicles[first], weight[first], rows[first, 1]
    )
    entry_of, entry_to = entries // cells, entries % cells
    _, begins, _ = _sums(entry_of, entry_counts.T, entry_s, entry_s)
    setting_off = np.zeros((len(names) + 1, periods))  # the last are those of no entry
    from_entry = [entry_at.get((kind, way[0]), len(names)) for kind, way in by_way]
    np.add.at(setting_off, np.array(from_entry, np.intp), by_period)
    return Turning(
        kinds,
        period_of,
        flows.reshape(periods, kinds, movements),
        hop_from,
        hop_to,
        capacity.of_approach[hop_to % movements],
        _shares(hop_counts, flows[:, hop_from]),
        hop_s,
        tuple(names),
        _shares(begins, setting_off[:-1].T),
        entry_of,
        entry_to,
        capacity.of_approach[entry_to % movements],
        _shares(entry_counts, begins[:, entry_of]),
        entry_s,
        storage,
    )


def _sums(
    codes: IntArray, vehicles: FloatArray, weight: FloatArray, values: FloatArray
) -> tuple[IntArray, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the codes, the vehicles of each by period, and the weighted mean of its values."""
    unique, index = np.unique(codes, return_inverse=True)
    if not len(unique):
        return unique, np.zeros((vehicles.shape[1], 0)), np.zeros(0)
    order = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order], np.arange(len(unique)))
    total, summed = (np.bincount(index, weights) for weights in (weight, weight * values))
    return unique, np.add.reduceat(vehicles[order], starts, axis=0).T, summed / total


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


def _shares(counts: FloatArray, totals: FloatArray) -> FloatArray:
    """Return parts by period; where a period has no traffic, those of all periods together."""
    usual = counts.sum(axis=0) / np.maximum(totals.sum(axis=0), 1e-9)
    return np.where(totals > 0, counts / np.maximum(totals, 1e-9), usual).astype(np.float32, "C")
