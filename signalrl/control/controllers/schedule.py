"""Schedule-driven control, in the manner of Surtrac."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np

from signalrl.control.controllers.base import best
from signalrl.control.layout import IntArray
from signalrl.control.measurement import Column, FloatArray
from signalrl.control.observation import Feature, Observation
from signalrl.errors import ConfigError

STEP_S = 2.0
LATE_S = 30.0
"""When the last vehicles of the detection zone arrive."""
BLOCKED_S = 3.0
"""Who stands longer than this at the head of a green lane can't go: its own movement is red, or
the junction is blocked."""
FULL = 0.7
"""A lane takes nobody on while the lanes behind the junction are fuller than this."""
CLEARED = 0.5
"""A queue below this many vehicles is served."""
MOST = 100
"""Schedules of a signal that are compared; with many phases they get shorter."""
_BINS_S = (0.0, 5.0, 10.0, 20.0, LATE_S)


class ScheduleDriven:
    """Looks ahead: tries every short schedule of phases on the vehicles that are in sight.

    In the manner of Surtrac (Xie, Smith, Lu and Barlow, *Schedule-driven intersection control*,
    Transportation Research Part C 24, 2012): queues and arrivals are clusters, a phase serves its
    clusters until they are exhausted, a change takes its clearance and start-up time, and the
    schedule with the least total delay is followed until the next decision makes a new one.
    Surtrac finds it by dynamic programming over clusters that belong to one phase each; here lanes
    may be served by several phases, and schedules of a few phases are simulated side by side.

    Args:
        depth: Phases in a schedule; fewer where a signal has more than five.
        horizon_s: How far the schedules are simulated.
        headway_s: Time between two vehicles that leave a lane's queue.
        lost_s: Time lost at the start of a green, beside the clearance.
        min_green_s: Shortest green in a schedule.
        permissive: Saturation flow of a green that has to yield, as a share of a protected one.

    Raises:
        ConfigError: An argument is out of its range.
    """

    def __init__(
        self,
        *,
        depth: int = 3,
        horizon_s: float = 40.0,
        headway_s: float = 2.0,
        lost_s: float = 2.0,
        min_green_s: float = 5.0,
        permissive: float = 0.5,
    ) -> None:
        if depth < 1 or horizon_s < STEP_S or headway_s <= 0:
            raise ConfigError(
                f"expected a depth of at least 1, a horizon_s of at least {STEP_S:g} and a "
                f"headway_s above 0, got {depth}, {horizon_s:g} and {headway_s:g}"
            )
        self._depth, self._steps = depth, round(horizon_s / STEP_S)
        self._flow = STEP_S / headway_s
        self._lost_s, self._min_green_s, self._permissive = lost_s, min_green_s, permissive
        self._schedules: dict[int, IntArray] = {}

    def decide(self, observation: Observation) -> IntArray:
        """Return the phase to request per signal, ``(S,)``."""
        costs: FloatArray = np.full(observation.requestable.shape, np.inf, dtype=np.float32)
        lanes, phases = _Lanes.seen(observation), observation.layout.phases
        for count in np.unique(phases).tolist():
            group = np.flatnonzero(phases == count)
            schedules = self._of(count)
            delay = self._simulate(observation, lanes, group, schedules)
            for first in range(count):
                costs[group, first] = delay[:, schedules[:, 0] == first].min(axis=1)
        return best(-costs, observation)

    def _of(self, phases: int) -> IntArray:
        """Return the schedules in which no phase follows itself, ``(schedules, depth)``."""
        if phases not in self._schedules:
            depth = self._depth
            while depth > 1 and phases * (phases - 1) ** (depth - 1) > MOST:
                depth -= 1
            every = product(range(phases), repeat=depth)
            kept = [s for s in every if all(a != b for a, b in pairwise(s))]
            # A signal of one phase has nothing to schedule.
            self._schedules[phases] = np.array(kept or [(0,) * depth], dtype=np.int64)
        return self._schedules[phases]

    def _simulate(
        self, seen: Observation, lanes: _Lanes, group: IntArray, schedules: IntArray
    ) -> FloatArray:
        """Return the delay of each schedule in vehicle-seconds, ``(group, schedules)``.

        Inner arrays are ``(group, schedules, M)``. Of a lane of which a phase lets only some
        movements go, so many vehicles leave as that share; the next one stops the lane.
        """
        f, current = seen.features[group], seen.current[group]
        row, column = np.arange(len(group))[:, None], np.arange(len(schedules))[None, :]
        first = np.broadcast_to(schedules[None, :, 0], (len(group), len(schedules)))
        stays = first == current[:, None]
        share, flows = seen.layout.served[group], self._flows(seen, lanes, group)
        arrivals = _arrivals(lanes.counts[group], self._steps)
        change_s = f[:, :, Feature.CLEARANCE] + np.float32(self._lost_s)

        queue = np.repeat(lanes.counts[group][:, None, :, Column.QUEUED], len(schedules), axis=1)
        green = f[:, :1, Feature.GREEN]
        blocked = (lanes.head_wait_s[group] > BLOCKED_S) & (green > BLOCKED_S + self._lost_s)
        stuck = queue * np.where(stays[:, :, None] & blocked[:, None], 1.0, 1.0 - share[row, first])
        lost_s = np.where(stays, 0.0, change_s[row, first])
        green_s = np.where(stays, green, 0.0)
        place, delay = np.zeros(first.shape, dtype=np.int64), np.zeros(first.shape)
        for step in range(self._steps):
            phase = schedules[column, place]
            flow, goes = flows[row, phase], share[row, phase]
            queue += arrivals[step][:, None]
            stuck += arrivals[step][:, None] * (1.0 - goes)
            is_green = lost_s <= 0
            queue -= np.minimum(np.maximum(queue - stuck, 0.0), flow * is_green[:, :, None])
            delay += queue.sum(axis=2)
            green_s = np.where(is_green, green_s + STEP_S, 0.0)
            lost_s = np.maximum(lost_s - STEP_S, 0.0)
            soon = (arrivals[step + 1] + arrivals[step + 2])[:, None] * goes
            left = ((queue - stuck + soon) * (flow > 0)).sum(axis=2)
            over = (left < CLEARED) & (green_s >= self._min_green_s)
            over &= place < schedules.shape[1] - 1
            if over.any():
                place += over
                after = queue * (1.0 - share[row, schedules[column, place]])
                stuck = np.where(over[:, :, None], after, stuck)
                lost_s = np.where(over, change_s.max(axis=1)[:, None], lost_s)
                green_s = np.where(over, 0.0, green_s)
        # Who is left waits for at least those before him on the lane.
        rest = (queue * queue / (2 * self._flow)).sum(axis=2)
        total: FloatArray = (STEP_S * (delay + rest)).astype(np.float32)
        return total

    def _flows(self, seen: Observation, lanes: _Lanes, group: IntArray) -> FloatArray:
        """Return how many vehicles each phase lets leave each lane per step, ``(group, P, M)``."""
        share, yielding = seen.layout.served[group], seen.layout.yielding[group]
        yields = (1.0 - self._permissive) * yielding / np.maximum(share, 1e-6)
        free = (share > 0) & (lanes.behind[group] < FULL)[:, None]
        flows: FloatArray = np.where(free, self._flow * (1.0 - yields), 0.0).astype(np.float32)
        return flows


class _Lanes:
    """The approach lanes of all signals: counts, occupancy behind, and the wait at the head."""

    def __init__(self, counts: FloatArray, behind: FloatArray, head_wait_s: FloatArray) -> None:
        self.counts, self.behind, self.head_wait_s = counts, behind, head_wait_s

    @classmethod
    def seen(cls, observation: Observation) -> _Lanes:
        layout, lanes = observation.layout, observation.lanes
        return cls(
            observation.approach_lanes(),
            layout.spread((layout.behind @ lanes)[:, Column.OCCUPANCY]),
            layout.spread(lanes[layout.heads, Column.WAIT]),
        )


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
