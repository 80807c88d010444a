"""Loads the signals of a network with the traffic of many draws at once.

Each approach has a queue per movement behind its stop line. In a step the lanes discharge what
their greens let through; it is on its way for a while and joins the next queue. An approach that is
full lets nobody in, and who can't leave holds up all that is behind on the same lane, so queues
spill back. The model is that of spatial queues with first-in-first-out lanes, in steps of fluid
traffic: Zhang, Nie and Qian, "Modelling network flow with and without link interactions",
Transportation Research E 50 (2013); its rule for junctions is that of Tampere et al., "A generic
class of first order node models", Transportation Research B 45 (2011), with greens for priorities.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from signalrl.forecast.turning import Turning
from signalrl.network.capacity import Capacity

try:
    from signalrl.forecast import _load

    COMPILED = True
except ImportError:  # the installation found no compiler
    COMPILED = False

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.intp]

CREEP = 0.13
"""Part of what wants to leave that finds a gap behind a full approach, so that a circle of full
approaches does not stand for ever: SUMO's drivers pass one that blocks a junction, too. Of
0.02, 0.1, 0.13 and 0.2 it was chosen by which evenings of the season of ``arena`` lock."""
RARE = 0.02
"""Part of a lane's queue below which those who can't leave don't hold up the others."""
_SHARE = 64
"""Draws that are worth a thread of their own."""


@dataclass(frozen=True, slots=True)
class Loading:
    """What happened at the approaches, in vehicles; each array is ``(bins, approaches, draws)``.

    Attributes:
        arrived: Vehicles that came.
        left: Vehicles that passed the stop line.
        queue: Vehicles that waited at the stop line, as a mean over the bin.
        outside: Vehicles that waited for room to enter the network there, likewise.
        inside: Vehicles on the road before the stop line, queued or not, likewise.
        ended: Vehicles that passed the stop line and pass no further one.
    """

    arrived: FloatArray
    left: FloatArray
    queue: FloatArray
    outside: FloatArray
    inside: FloatArray
    ended: FloatArray

    @property
    def arrays(self) -> tuple[FloatArray, ...]:
        """All of them."""
        return self.arrived, self.left, self.queue, self.outside, self.inside, self.ended


def load(
    capacity: Capacity,
    turning: Turning,
    parts: npt.ArrayLike,
    lanes_veh_s: npt.ArrayLike,
    entering: FloatArray,
    step_s: float,
    steps_per_bin: int,
    first_step: int = 0,
    *,
    native: bool = COMPILED,
) -> Loading:
    """Drive vehicles through the network.

    Args:
        capacity: The approaches, their movements and lanes.
        turning: Where vehicles go, by period.
        parts: Part of each movement on each of its lanes, ``(periods, pairs)``.
        lanes_veh_s: What each lane discharges in veh/s, ``(periods, lanes)``, or ``(periods,
            lanes, draws)``.
        entering: Vehicles that set off in each step, ``(steps, entries, draws)``.
        step_s: Length of a step in s.
        steps_per_bin: Steps of a bin of the result.
        first_step: Step of the window in which it begins, with an empty network.
        native: Whether the compiled twin of the steps runs.

    Returns:
        What happened; a last bin that is cut short is left out.
    """
    parts = np.ascontiguousarray(parts, np.float32)
    room = np.asarray(lanes_veh_s, np.float32) * np.float32(step_s)
    room = room.reshape(len(room), len(capacity.lanes), -1)
    draws = entering.shape[2]
    room = np.broadcast_to(room, (*room.shape[:2], draws))

    def load_some(some: slice) -> Loading:
        state = _State(capacity, turning, len(range(draws)[some]), step_s)
        advance = state.advance_native if native else state.advance
        wanted, let_pass = (np.ascontiguousarray(a[:, :, some]) for a in (entering, room))
        return _loading(advance, turning, parts, let_pass, wanted, steps_per_bin, first_step)

    # Draws know nothing of each other, and the compiled twin lets other threads run.
    threads = max(1, min(len(os.sched_getaffinity(0)), draws // _SHARE)) if native else 1
    if threads == 1:
        return load_some(slice(None))
    ends = np.linspace(0, draws, threads + 1, dtype=int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(load_some, map(slice, ends[:-1], ends[1:])))
    together = zip(*(some.arrays for some in found), strict=True)
    return Loading(*(np.concatenate(arrays, axis=2) for arrays in together))


def _loading(
    advance: Callable[..., None],
    turning: Turning,
    parts: FloatArray,
    room: FloatArray,
    entering: FloatArray,
    steps_per_bin: int,
    first_step: int,
) -> Loading:
    steps, _, draws = entering.shape
    shape = (steps // steps_per_bin, len(turning.storage), draws)
    found = Loading(*(np.zeros(shape, np.float32) for _ in range(6)))
    for step in range(shape[0] * steps_per_bin):
        period = turning.period_of[min(first_step + step, len(turning.period_of) - 1)]
        at = step // steps_per_bin
        sums = Loading(*(sums[at] for sums in found.arrays))
        passing = entering[step] * turning.entry_passes[period][:, None]
        advance(passing, parts[period], room[period], period, sums)
    for waiting in (found.queue, found.outside, found.inside):
        waiting /= np.float32(steps_per_bin)
    return found


class _State:
    """Vehicles in the network; rows of cells (kind and movement), columns of draws."""

    def __init__(self, capacity: Capacity, turning: Turning, draws: int, step_s: float) -> None:
        self._capacity, self._turning = capacity, turning
        self._kinds, movements = turning.kinds, len(capacity.movements)
        approaches = len(capacity.approaches)
        cells = self._kinds * movements
        # From one stop line to the next at least a step, or one would be passed in no time.
        hops = np.maximum(1, np.rint(turning.hop_s / step_s)).astype(np.intp)
        ways_in = np.maximum(1, np.rint(turning.entry_s / step_s)).astype(np.intp)
        self._hop_steps, self._entry_steps = hops, ways_in
        self._rounds = int(max(hops.max(initial=1), ways_in.max(initial=1))) + 1
        self._hops = [_Lag.of(hops, turning.hop_to, lag) for lag in np.unique(hops)]
        self._entries = [_Lag.of(ways_in, turning.entry_to, lag) for lag in np.unique(ways_in)]
        self._coming = np.zeros((self._rounds, cells, draws), np.float32)
        self._wait = np.zeros((cells, draws), np.float32)
        self._back = np.zeros((len(turning.entries), draws), np.float32)
        self._inside = np.zeros((approaches, draws), np.float32)
        self._storage = turning.storage.astype(np.float32)[:, None]
        from_approach = capacity.of_approach[turning.hop_from % movements]
        self._from_approach = _summing(from_approach, approaches)
        self._to_approach = _summing(turning.hop_approach, approaches)
        self._in_approach = _summing(turning.entry_approach, approaches)
        self._from_entry = _summing(turning.entry_of, len(turning.entries))
        self._of_approach = _summing(capacity.of_approach, approaches)
        self._by_movement = _minimum(turning.hop_from % movements, movements)
        self._served = _summing(capacity.pair_movement, movements)
        self._step = 0
        rows = len(capacity.pair_lane) + 3 * len(capacity.lanes) + 3 * movements + cells
        self._work = np.zeros((rows + approaches + len(turning.entries), draws), np.float32)

    def advance(
        self, entering: FloatArray, parts: FloatArray, room: FloatArray, period: int, sums: Loading
    ) -> None:
        """Let a step pass and add what happened to the sums."""
        turning, capacity = self._turning, self._capacity
        lane, movement = capacity.pair_lane, capacity.pair_movement
        now = self._coming[self._step % self._rounds]
        self._wait += now
        now[:] = 0.0
        self._back += entering
        waiting = self._movements(self._wait)
        on_lanes = parts[:, None] * waiting[movement]
        queues = np.add.reduceat(on_lanes, capacity.lane_starts, axis=0)
        passes = np.minimum(1.0, room / np.maximum(queues, 1e-6))
        hop_share = turning.hop_share[period][:, None]
        entry_share = turning.entry_share[period][:, None]

        # What would drive on if there were room, and what part of it there is room for.
        wanted = self._wait * np.tile(self._served(parts[:, None] * passes[lane]), (self._kinds, 1))
        entering_now = self._back[turning.entry_of] * entry_share
        into = self._to_approach(wanted[turning.hop_from] * hop_share)
        into += self._in_approach(entering_now)
        free = np.maximum(self._storage - self._inside, 0.0)
        fits = np.minimum(1.0, free / np.maximum(into, 1e-6))
        goes = self._by_movement(np.where(hop_share > RARE, fits[turning.hop_approach], 1.0))
        goes = np.maximum(goes, CREEP)
        held = np.where(on_lanes > RARE * queues[lane], goes[movement], 1.0)
        passes *= np.minimum.reduceat(held, capacity.lane_starts, axis=0)

        out = self._wait * np.tile(self._served(parts[:, None] * passes[lane]), (self._kinds, 1))
        self._wait -= out
        moved = out[turning.hop_from] * hop_share
        entered = entering_now * fits[turning.entry_approach]
        self._back = np.maximum(self._back - self._from_entry(entered), 0.0)
        for lag in self._hops:
            lag.add(self._coming[(self._step + lag.steps) % self._rounds], moved)
        for lag in self._entries:
            lag.add(self._coming[(self._step + lag.steps) % self._rounds], entered)
        arrived = self._to_approach(moved) + self._in_approach(entered)
        left = self._of_approach(self._movements(out))
        self._inside += arrived - left
        self._step += 1
        sums.arrived[:] += arrived
        sums.left[:] += left
        sums.queue[:] += self._of_approach(self._movements(self._wait))
        sums.outside[:] += self._in_approach(self._back[turning.entry_of] * entry_share)
        sums.inside[:] += self._inside
        sums.ended[:] += left - self._from_approach(moved)

    def advance_native(
        self, entering: FloatArray, parts: FloatArray, room: FloatArray, period: int, sums: Loading
    ) -> None:
        """Do the same in C."""
        turning, capacity = self._turning, self._capacity
        _load.advance(
            *(self._step, CREEP, RARE),
            *(self._storage, entering, parts, room),
            *(turning.hop_share[period], turning.entry_share[period]),
            *(capacity.pair_lane, capacity.pair_movement, capacity.of_approach),
            *(turning.hop_from, turning.hop_to, turning.hop_approach, self._hop_steps),
            *(turning.entry_of, turning.entry_to, turning.entry_approach, self._entry_steps),
            *(self._coming, self._wait, self._back, self._inside, self._work),
            *sums.arrays,
        )
        self._step += 1

    def _movements(self, cells: FloatArray) -> FloatArray:
        found: FloatArray = cells.reshape(self._kinds, -1, cells.shape[1]).sum(axis=0)
        return found


@dataclass(frozen=True, slots=True)
class _Lag:
    """Those who are on their way for the same number of steps.

    Attributes:
        steps: How many.
        rows: Their rows, in the order of the cells that they come to.
        starts: First of them for each cell.
        cells: These cells.
    """

    steps: int
    rows: IntArray
    starts: IntArray
    cells: IntArray

    @classmethod
    def of(cls, lags: IntArray, cells: IntArray, steps: int) -> _Lag:
        rows = np.flatnonzero(lags == steps)
        rows = rows[np.argsort(cells[rows], kind="stable")]
        unique, starts = np.unique(cells[rows], return_index=True)
        return cls(int(steps), rows, starts, unique)

    def add(self, coming: FloatArray, values: FloatArray) -> None:
        """Add what sets off to what comes."""
        coming[self.cells] += np.add.reduceat(values[self.rows], self.starts, axis=0)


def _summing(rows: IntArray, number: int) -> Callable[[FloatArray], FloatArray]:
    """Return what sums the rows of an array that belong together."""
    return _grouping(rows, number, np.add, 0.0)


def _minimum(rows: IntArray, number: int) -> Callable[[FloatArray], FloatArray]:
    """Return what finds the smallest of the rows that belong together, 1 where there are none."""
    return _grouping(rows, number, np.minimum, 1.0)


def _grouping(
    rows: IntArray, number: int, reduce: np.ufunc, empty: float
) -> Callable[[FloatArray], FloatArray]:
    order = np.argsort(rows, kind="stable")
    unique, starts = np.unique(rows[order], return_index=True)

    def group(values: FloatArray) -> FloatArray:
        out: FloatArray = np.full((number, values.shape[1]), empty, np.float32)
        if len(unique):
            out[unique] = reduce.reduceat(values[order], starts, axis=0)
        return out

    return group
