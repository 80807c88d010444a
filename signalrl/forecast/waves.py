"""How long drivers wait for the green, where platoons come from one signal to the next.

Who leaves a signal in its green meets the next one a travel time later: in its green where the
offsets make a wave, in its red where they don't. The arrivals of a cycle are followed through the
network until they no longer change: the cyclic flow profiles of TRANSYT with its dispersion of
platoons (D. I. Robertson, Road Research Laboratory Report LR 253, 1969).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from signalrl.forecast.turning import Turning
from signalrl.network.capacity import Capacity

FloatArray = npt.NDArray[np.float64]

SLOTS = 90
"""Parts of a cycle."""
SPEED_FACTOR = 0.85
"""Speed of platoons as a share of the limit."""
DISPERSION = 0.35
"""Robertson's factor K: platoons spread the more, the longer they drive."""
FIRST = 0.8
"""Travel time of the first of a platoon over that of the mean (Robertson's beta)."""
SLOWING_S = 4.0
"""What a vehicle loses by slowing down and setting off, on top of its wait."""
RANDOM_H = 0.25
"""Time over which queues by chance build up."""
_PASSES = 6
_FULL = 0.97
"""Demand over capacity from which on queues are those of the loading."""


def red_queues(capacity: Capacity, turning: Turning) -> FloatArray:
    """Return who waits for the green, in vehicles, ``(slots, periods, approaches)``.

    That is the queue in each part of the cycle. Without platoons its mean is what the uniform delay
    d1 of the Highway Capacity Manual makes wait.

    Args:
        capacity: The signals.
        turning: Who drives, and where next.
    """
    flows = turning.flows.sum(axis=1) + 1e-3
    movements = flows.shape[1]
    ratios = capacity.ratios(flows)[:, capacity.of_approach]
    opened = _opened(capacity)
    lets = opened[:, None, :] * (flows / ratios / opened.mean(axis=0))  # veh/h by slot of the cycle
    part = np.minimum(1.0, _FULL / ratios)  # what of the demand the signals serve
    before, behind = turning.hop_from % movements, turning.hop_to % movements
    cycles_s = capacity.cycles_s
    same = cycles_s[before] == cycles_s[behind]
    hops = turning.flows.reshape(len(flows), -1)[:, turning.hop_from] * turning.hop_share
    hops = (hops * part[:, before])[:, same]
    before, behind = before[same], behind[same]
    order = np.argsort(behind, kind="stable")
    before = before[order]
    reached, starts = np.unique(behind[order], return_index=True)
    roads = np.stack([turning.hop_s[same][order], cycles_s[before]])
    different, which = np.unique(roads, axis=1, return_inverse=True)
    spread = _spread(different[0] / SPEED_FACTOR, different[1])[which, None]
    carried = (hops[:, order] / (flows * part)[:, before]).astype(np.float32).T[:, :, None]
    steady = flows * part
    if len(reached):
        steady[:, reached] -= np.add.reduceat(hops[:, order], starts, axis=1)
    steady = np.maximum(steady, 0.0)
    leaves = np.broadcast_to(flows * part, (SLOTS, *flows.shape))
    queues = np.zeros(leaves.shape)
    for _ in range(_PASSES):
        comes = np.repeat(steady[None], SLOTS, axis=0)
        if len(reached):
            # Sums are over the first axis: that of a wave's numbers has to be the last one.
            leaving = np.ascontiguousarray(leaves.T.astype(np.float32))
            arrives = np.fft.rfft(leaving)[before]
            arrives *= spread
            arrives *= carried
            joined = np.fft.irfft(np.add.reduceat(arrives, starts), SLOTS)
            comes[:, :, reached] += np.maximum(joined, 0.0).T
        leaves, queues = _queues(comes, lets)
    found: FloatArray = capacity.sum_by_approach(queues * (cycles_s / SLOTS / 3600.0))
    return found


def steady_delay_s(
    capacity: Capacity, turning: Turning, parts: FloatArray, lanes_veh_h: FloatArray
) -> FloatArray:
    """Return the mean delay of the mean traffic, in s, ``(periods, approaches)``.

    It has what a fluid in equal steps does not show: the wait for the green, the queues of cycles
    in which more come by chance than leave, and what slowing down and setting off costs.

    Args:
        capacity: The signals.
        turning: Who drives, and where next.
        parts: Part of each movement on each of its lanes, ``(periods, pairs)``.
        lanes_veh_h: What each lane discharges, ``(periods, lanes)``.
    """
    flows = turning.flows.sum(axis=1) + 1e-3
    waiting = red_queues(capacity, turning).mean(axis=0)
    wanted = capacity.sum_by_lane(parts * flows[:, capacity.pair_movement])
    by_chance = wanted / 3600.0 * _random_delay_s(wanted / lanes_veh_h, lanes_veh_h)
    for lane, approach in enumerate(capacity.lane_approach):
        waiting[:, approach] += by_chance[:, lane]
    found: FloatArray = waiting / capacity.sum_by_approach(flows) * 3600.0 + SLOWING_S
    return found


def _random_delay_s(ratio: FloatArray, capacity_veh_h: FloatArray) -> FloatArray:
    """Return the delay d2 of the Highway Capacity Manual, less what comes without any chance."""
    served = RANDOM_H * capacity_veh_h
    over = np.abs(ratio - 1.0)
    found: FloatArray = 900.0 * RANDOM_H * (np.sqrt(over**2 + 4.0 * ratio / served) - over)
    return found


def _spread(times_s: FloatArray, cycles_s: FloatArray) -> npt.NDArray[np.complex64]:
    """Return what becomes of a platoon on a road, by frequency: how much later, and how spread."""
    ratio = times_s[:, None] / (cycles_s / SLOTS)[:, None]  # in slots
    turn = np.exp(-2j * np.pi * np.arange(SLOTS // 2 + 1) / SLOTS)
    share = 1.0 / (1.0 + DISPERSION * FIRST * ratio)
    found = share * turn ** (FIRST * ratio) / (1.0 - (1.0 - share) * turn)
    return np.asarray(found, np.complex64)


def _queues(comes: FloatArray, lets: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return who leaves and who waits in each slot of a cycle that comes again and again."""
    queue, present, queues = np.zeros(comes.shape[1:]), np.empty_like(comes), np.empty_like(comes)
    for _ in range(3):
        for slot in range(SLOTS):
            np.add(queue, comes[slot], out=present[slot])
            queue = np.subtract(present[slot], lets[slot], out=queues[slot])
            np.maximum(queue, 0.0, out=queue)
    return np.minimum(present, lets), queues


@lru_cache(maxsize=1)
def _opened(capacity: Capacity) -> FloatArray:
    """Return where in the common time each movement may go, ``(slots, movements)``."""
    found = np.zeros((SLOTS, len(capacity.movements)))
    for column, movement in enumerate(capacity.movements):
        cycle_s = movement.cycle_s
        at_s = ((np.arange(SLOTS) + 0.5) / SLOTS * cycle_s - movement.offset_s) % cycle_s
        ends_s = np.cumsum([duration_s for duration_s, _ in movement.steps])
        step = np.minimum(np.searchsorted(ends_s, at_s, side="right"), len(ends_s) - 1)
        modes = np.array([mode != "stop" for _, mode in movement.steps])
        found[:, column] = modes[step]
    return np.maximum(found, 1e-3)
