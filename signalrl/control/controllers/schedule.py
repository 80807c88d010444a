"""Schedule-driven control, in the manner of Surtrac."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np

from signalrl.control.controllers.base import best
from signalrl.control.layout import IntArray
from signalrl.control.measurement import Column, FloatArray
from signalrl.control.observation import Feature, Observation

STEP_S = 2.0
LATE_S = 30.0
"""When the last vehicles of the detection zone arrive."""
_BINS_S = (0.0, 5.0, 10.0, 20.0, LATE_S)
_CLEARED = 0.5
"""A queue below this many vehicles is served."""


class ScheduleDriven:
    """Looks ahead: tries every short schedule of phases on the vehicles that are in sight.

    In the manner of Surtrac (Xie, Smith, Lu and Barlow, *Schedule-driven intersection control*,
    Transportation Research Part C 24, 2012): queues and arrivals are clusters, a phase serves its
    clusters until they are exhausted, a change takes its clearance and start-up time, and the
    schedule with the least total delay is followed until the next decision makes a new one.
    Surtrac finds it by dynamic programming over clusters that belong to one phase each; here lanes
    may be served by several phases, and schedules of a few phases are simulated side by side.

    Args:
        depth: Phases in a schedule.
        horizon_s: How far the schedules are simulated.
        headway_s: Time between two vehicles that leave a lane's queue.
        lost_s: Time lost at the start of a green, beside the clearance.
        min_green_s: Shortest green in a schedule.
        permissive: Saturation flow of a green that has to yield, as a share of a protected one.
    """

    def __init__(
        self,
        *,
        depth: int = 3,
        horizon_s: float = 60.0,
        headway_s: float = 2.0,
        lost_s: float = 2.0,
        min_green_s: float = 5.0,
        permissive: float = 0.5,
    ) -> None:
        self._depth, self._steps = depth, round(horizon_s / STEP_S)
        self._flow = STEP_S / headway_s
        self._lost_s, self._min_green_s, self._permissive = lost_s, min_green_s, permissive
        self._schedules: dict[int, IntArray] = {}

    def decide(self, observation: Observation) -> IntArray:
        """Return the phase to request per signal, ``(S,)``."""
        costs: FloatArray = np.full(observation.requestable.shape, np.inf, dtype=np.float32)
        phases = observation.layout.phases
        lanes = observation.approaches()
        for count in np.unique(phases):
            group = np.flatnonzero(phases == count)
            costs[group, :count] = self._costs(observation, lanes, group, int(count))
        return best(-costs, observation)

    def _costs(
        self, seen: Observation, lanes: FloatArray, group: IntArray, phases: int
    ) -> FloatArray:
        """Return the delay of the best schedule that starts with each phase, ``(group, P)``."""
        schedules = self._of(phases)
        delay = self._simulate(seen, lanes[group], group, schedules)
        return np.stack(
            [delay[:, schedules[:, 0] == first].min(axis=1) for first in range(phases)], axis=1
        )

    def _of(self, phases: int) -> IntArray:
        """Return all schedules without a phase that follows itself, ``(schedules, depth)``."""
        if phases not in self._schedules:
            every = product(range(phases), repeat=self._depth)
            kept = [s for s in every if all(a != b for a, b in pairwise(s))]
            # A signal of one phase has nothing to schedule.
            self._schedules[phases] = np.array(kept or [(0,) * self._depth], dtype=np.int64)
        return self._schedules[phases]

    def _simulate(
        self, seen: Observation, lanes: FloatArray, group: IntArray, schedules: IntArray
    ) -> FloatArray:
        """Return the delay of each schedule in vehicle-seconds, ``(group, schedules)``."""
        served = seen.layout.served[group] - (1 - self._permissive) * seen.layout.yielding[group]
        f, current = seen.features[group], seen.current[group]
        shape = (len(group), len(schedules))
        row, column = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
        queue = np.repeat(lanes[:, None, :, Column.QUEUED], shape[1], axis=1)
        arrivals = _arrivals(lanes, self._steps)
        change_s = f[:, :, Feature.CLEARANCE] + np.float32(self._lost_s)
        later_s = change_s.max(axis=1)[:, None]
        first = np.broadcast_to(schedules[None, :, 0], shape)
        stays = first == current[:, None]
        blocked_s = np.where(stays, 0.0, change_s[row, first])
        green_s = np.where(stays, f[:, :1, Feature.GREEN], 0.0)
        place, delay = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.float32)
        for step in range(self._steps):
            phase = schedules[column, place]
            flow = served[row, phase]
            queue += arrivals[step][:, None]
            goes = blocked_s <= 0
            queue -= np.minimum(queue, flow * (goes * self._flow)[:, :, None])
            delay += queue.sum(axis=2)
            green_s = np.where(goes, green_s + STEP_S, 0.0)
            blocked_s = np.maximum(blocked_s - STEP_S, 0.0)
            soon = arrivals[step + 1] + arrivals[step + 2]
            left = ((queue + soon[:, None]) * (flow > 0)).sum(axis=2)
            over = (left < _CLEARED) & (green_s >= self._min_green_s) & (place < self._depth - 1)
            place += over
            blocked_s = np.where(over, later_s, blocked_s)
            green_s = np.where(over, 0.0, green_s)
        # Who is left waits for at least those before him on the lane.
        rest = (queue * queue / (2 * self._flow)).sum(axis=2)
        total: FloatArray = np.float32(STEP_S) * (delay + rest)
        return total


def _arrivals(lanes: FloatArray, steps: int) -> list[FloatArray]:
    """Return the vehicles that reach the queue in each step, two more than asked for."""
    bins = lanes[:, :, [Column.ARRIVAL_5, Column.ARRIVAL_10, Column.ARRIVAL_20]]
    late = np.maximum(lanes[:, :, Column.APPROACHING] - bins.sum(axis=2), 0.0)
    counts = np.concatenate((bins, late[:, :, None]), axis=2)
    found = []
    for step in range(steps + 2):
        begin_s, end_s = step * STEP_S, (step + 1) * STEP_S
        shares = [max(0.0, min(end_s, b) - max(begin_s, a)) / (b - a) for a, b in pairwise(_BINS_S)]
        found.append((counts @ np.array(shares, dtype=np.float32)).astype(np.float32))
    return found
