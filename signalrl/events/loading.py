"""Loads a road network with the traffic of many draws at once: a point queue at each approach.

Vehicles follow their way from approach to approach. What an approach can't discharge in a step
waits in its queue and reaches the next approach later, so a full exit relieves what lies behind
it. Vehicles of all ways in a queue leave in proportion to their numbers. Queues have no length:
how far one reaches is for the reader to say. The model is that of Vickrey (1969), in steps; as to
its use for networks see Ban et al., "Continuous-time point-queue models in dynamic network
loading", Transportation Research B 46 (2012).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.intp]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Way:
    """The approaches that a way passes, in their order.

    Attributes:
        approaches: Index of each.
        after_s: Time from the entry to the first, and from each stop line to the next approach, in
            s; as many as approaches.
    """

    approaches: tuple[int, ...]
    after_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Loading:
    """What happened at the approaches, in vehicles.

    Attributes:
        arrived: Vehicles that came to an approach in a step, ``(draws, steps, approaches)``.
        left: Vehicles that left it in a step, of the same shape.
        queue: Vehicles that wait there at the end of a step, of the same shape.
    """

    arrived: FloatArray
    left: FloatArray
    queue: FloatArray


def load(
    ways: Sequence[Way],
    entering: FloatArray,
    capacity: npt.ArrayLike,
    step_s: float,
) -> Loading:
    """Drive vehicles along their ways.

    Args:
        ways: All ways; those that pass no approach are left out of account.
        entering: Vehicles that set off in each step, ``(draws, steps, ways)``.
        capacity: What each approach discharges at most in a step, in vehicles, ``(approaches,)`` or
            ``(steps, approaches)``.
        step_s: Length of a step in s.

    Returns:
        What happened, with one row per draw.
    """
    draws, steps, _ = entering.shape
    limits = np.atleast_2d(np.asarray(capacity, np.float32))
    limits = np.broadcast_to(limits, (steps, limits.shape[1]))
    approaches = limits.shape[1]
    cells = _Cells.of(ways, step_s)
    shape = (draws, steps, approaches)
    arrived, left, queue = (np.zeros(shape, np.float32) for _ in range(3))
    waiting = np.zeros((draws, len(cells.approach)), np.float32)
    rounds = cells.longest + 1
    coming = np.zeros((rounds, draws, len(cells.approach)), np.float32)
    for step in range(steps):
        for lag, first, way in cells.entries:
            coming[(step + lag) % rounds][:, first] += entering[:, step, way]
        now = coming[step % rounds]
        waiting += now
        arrived[:, step, cells.used] = np.add.reduceat(now, cells.starts, axis=1)
        total = np.add.reduceat(waiting, cells.starts, axis=1)
        part = np.minimum(1.0, limits[step, cells.used] / np.maximum(total, 1e-9))
        out = waiting * part[:, cells.group]
        waiting -= out
        now[:] = 0.0
        for lag, here, there in cells.moves:
            coming[(step + lag) % rounds][:, there] += out[:, here]
        left[:, step, cells.used] = total * part
        queue[:, step, cells.used] = total * (1.0 - part)
    return Loading(arrived, left, queue)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Each approach of each way, sorted by approach, so that sums are slices.

    Attributes:
        approach: The approach of each cell, rising.
        used: The approaches that some way passes.
        starts: First cell of each of them.
        group: Place in ``used`` of each cell's approach.
        entries: Lag in steps, cells where ways begin, and these ways.
        moves: Lag in steps, cells that are left, and cells that are reached from there.
        longest: The longest lag in steps.
    """

    approach: IntArray
    used: IntArray
    starts: IntArray
    group: IntArray
    entries: tuple[tuple[int, IntArray, IntArray], ...]
    moves: tuple[tuple[int, IntArray, IntArray], ...]
    longest: int

    @classmethod
    def of(cls, ways: Sequence[Way], step_s: float) -> _Cells:
        hops = [(a, number, i) for number, w in enumerate(ways) for i, a in enumerate(w.approaches)]
        place = {(number, i): cell for cell, (_, number, i) in enumerate(sorted(hops))}
        approach = np.array([a for a, _, _ in sorted(hops)], np.intp)
        used, starts, group = np.unique(approach, return_index=True, return_inverse=True)
        entries, moves = [], []
        for number, way in enumerate(ways):
            late_s = 0.0  # what rounding has added so far, so that long ways arrive in time
            for i, after_s in enumerate(way.after_s):
                # From one approach to the next at least a step, or one would be passed in no time.
                lag = max(int(i > 0), round((after_s - late_s) / step_s))
                late_s += lag * step_s - after_s
                if i == 0:
                    entries.append((lag, place[number, 0], number))
                else:
                    moves.append((lag, place[number, i - 1], place[number, i]))
        longest = max((lag for lag, _, _ in entries + moves), default=0)
        return cls(
            approach,
            used,
            starts,
            group,
            tuple(_by_lag(entries)),
            tuple(_by_lag(moves)),
            longest,
        )


def _by_lag(rows: list[tuple[int, int, int]]) -> Iterator[tuple[int, IntArray, IntArray]]:
    for lag in sorted({lag for lag, _, _ in rows}):
        mine = [(a, b) for other, a, b in rows if other == lag]
        yield lag, np.array([a for a, _ in mine], np.intp), np.array([b for _, b in mine], np.intp)
