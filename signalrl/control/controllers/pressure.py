"""Max-pressure control, in the variants that matter."""

from __future__ import annotations

from typing import Literal

import numpy as np

from signalrl.control.controllers.base import best
from signalrl.control.layout import IntArray
from signalrl.control.measurement import FloatArray
from signalrl.control.observation import Feature, Observation
from signalrl.network.model import BoolArray


class MaxPressure:
    """Serves the phase with the highest pressure: vehicles before it less the queue behind it.

    Varaiya, *Max pressure control of a network of signalized intersections*, Transportation
    Research Part C 36 (2013), with equal saturation flows.

    Args:
        count: Which vehicles before the junction count: those ``queued``, as Varaiya has it, or
            ``all``, so that a platoon that is about to arrive is seen.
        room: Whether a phase counts for less the fuller the lanes behind it are, and for nothing
            where they are full: a queue that can't leave makes no pressure. The idea is that of
            Gregoire, Qian, Frazzoli, de La Fortelle and Wongpiromsarn, *Capacity-Aware
            Backpressure Traffic Signal Control*, IEEE Transactions on Control of Network Systems
            2(2), 2015; the weight is linear here.
        cyclic: Whether phases keep the order of the program, which drivers and pedestrians expect:
            the choice is between the current phase, for as long as ``max_green_s``, and the next
            one that has traffic (after Levin, Hu and Odell, *Max-pressure signal control with
            cyclical phase structure*, Transportation Research Part C 120, 2020).
        max_green_s: Longest green while others wait, where phases keep their order.
    """

    def __init__(
        self,
        *,
        count: Literal["queued", "all"] = "queued",
        room: bool = False,
        cyclic: bool = False,
        max_green_s: float = 40.0,
    ) -> None:
        self._count, self._room, self._cyclic = count, room, cyclic
        self._max_green_s = max_green_s

    def decide(self, observation: Observation) -> IntArray:
        """Return the phase to request per signal, ``(S,)``."""
        f = observation.features
        pressure = f[:, :, Feature.QUEUED] - f[:, :, Feature.DOWNSTREAM_QUEUE]
        if self._count == "all":
            pressure = pressure + f[:, :, Feature.APPROACHING]
        if self._room:
            pressure = np.where(pressure > 0, pressure * _room(observation), pressure)
        return best(pressure, observation, self._in_order(observation) if self._cyclic else None)

    def _in_order(self, observation: Observation) -> BoolArray:
        """Return the current phase, unless it is over, and the next in order that has traffic."""
        f, current = observation.features, observation.current
        waiting = observation.requestable & (
            f[:, :, Feature.QUEUED] + f[:, :, Feature.APPROACHING] > 0
        )
        row, phases = np.arange(len(current)), observation.layout.phases
        order = (current[:, None] + np.arange(1, max(2, f.shape[1]))) % phases[:, None]
        found = waiting[row[:, None], order]
        allowed: BoolArray = np.zeros(f.shape[:2], dtype=np.bool_)
        some = found.any(axis=1)
        allowed[row, current] = ~some | (f[:, 0, Feature.GREEN] < self._max_green_s)
        allowed[row[some], order[row, found.argmax(axis=1)][some]] = True
        return allowed


def _room(observation: Observation) -> FloatArray:
    """Return how free the lanes behind each phase are, 0 to 1, ``(S, P)``."""
    lanes = np.maximum(observation.layout.served.sum(axis=2), 1.0)
    filled: FloatArray = observation.features[:, :, Feature.DOWNSTREAM_OCCUPANCY] / lanes
    free: FloatArray = np.clip(1.0 - filled, 0.0, 1.0)
    return free
