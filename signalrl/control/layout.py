"""Index arrays that turn lane measurements into what each phase of each signal would serve.

Axes: ``S`` signals, ``P`` phases (padded to the most of any signal), ``M`` lanes around a signal
(padded), ``K`` measurement columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from signalrl.control.measurement import Column, FloatArray, Measurement
from signalrl.network.model import Network, Signal

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PhaseSums:
    """A measurement summed over what each phase serves.

    Attributes:
        lanes: ``(S, M, K)``, the measurement sorted by signal.
        served: ``(S, P, K)``, sums over the lanes that a phase serves, by the share of their links
            that it shows green.
        permissive: ``(S, P, K)``, the part of them with permissive green.
        downstream: ``(S, P, K)``, sums over the served lanes of the mean of the lanes behind them.
        total: ``(S, P, K)``, sums over all approaches, the same for all phases.
    """

    lanes: FloatArray
    served: FloatArray
    permissive: FloatArray
    downstream: FloatArray
    total: FloatArray


class Layout:
    """Gathers and weights for one network; built once, used at every decision.

    Attributes:
        exists: ``(S, P)``, whether a signal has that phase.
        phases: ``(S,)``, number of phases.
    """

    def __init__(self, network: Network) -> None:
        signals, lane = network.signals, network.lane_index
        count, phases = len(signals), network.max_phases
        zones: dict[str, list[tuple[str, list[tuple[int, float]]]]] = {s.id: [] for s in signals}
        for zone in network.zones:
            parts = [(lane[part.lane], part.share) for part in zone.parts]
            zones[zone.signal].append((zone.lane, parts))
        around = [
            sorted(
                {i for _, parts in zones[s.id] for i, _ in parts}
                | {lane[link.to_lane] for link in s.links if not link.crossing}
            )
            for s in signals
        ]
        width = max(1, *(len(members) for members in around))

        self.phases: IntArray = np.array([len(s.phases) for s in signals], dtype=np.int64)
        self.exists = np.arange(phases)[None, :] < self.phases[:, None]
        self._slots: IntArray = np.zeros((count, width), dtype=np.int64)
        weights = np.zeros((count, 4 * phases, width), dtype=np.float32)
        heads = np.zeros((count, phases, width), dtype=np.float32)
        overlap = np.zeros((count, phases, 2 * phases, width), dtype=np.float32)
        for s, signal in enumerate(signals):
            members = around[s]
            self._slots[s, : len(members)] = members
            column = {index: m for m, index in enumerate(members)}
            for stop_lane, parts in zones[signal.id]:
                upstream = np.zeros(width, dtype=np.float32)
                for index, share in parts:
                    upstream[column[index]] = share
                behind = np.zeros(width, dtype=np.float32)
                targets = [k.to_lane for k in signal.links if k.from_lane == stop_lane]
                for target in targets:
                    behind[column[lane[target]]] += 1 / len(targets)
                green, permissive = _shares(signal, stop_lane, phases)
                weights[s, :phases] += green[:, None] * upstream
                weights[s, phases : 2 * phases] += permissive[:, None] * upstream
                weights[s, 2 * phases : 3 * phases] += green[:, None] * behind
                weights[s, 3 * phases :] += upstream
                heads[s, :, column[lane[stop_lane]]] = green > 0
                both = np.minimum(green[:, None], green)
                overlap[s, :, :phases] += both[:, :, None] * upstream
                overlap[s, :, phases:] += green[:, None, None] * upstream
        self._weights, self._heads = weights, heads
        self._overlap = overlap.reshape(count * phases, 2 * phases, width)
        self._first = np.arange(count) * phases

    def sum(self, measurement: Measurement) -> PhaseSums:
        """Sum a measurement over the lanes that each phase serves."""
        lanes = np.take(measurement.values, self._slots, axis=0, mode="clip")
        sums, p = self._weights @ lanes, self.exists.shape[1]
        return PhaseSums(
            lanes, sums[:, :p], sums[:, p : 2 * p], sums[:, 2 * p : 3 * p], sums[:, 3 * p :]
        )

    def kept(self, phase: IntArray, sums: PhaseSums) -> tuple[FloatArray, FloatArray]:
        """Return what each phase would go on serving of what the given phases (S,) serve.

        Returns:
            Vehicles that both serve, and those that the given phase serves; ``(S, P, 1)`` each.
        """
        weights = np.take(self._overlap, self._first + phase, axis=0, mode="clip")
        present = weights @ sums.lanes[:, :, Column.PRESENT : Column.PRESENT + 1]
        p = self.exists.shape[1]
        return present[:, :p], present[:, p:]

    def longest_wait(self, sums: PhaseSums) -> FloatArray:
        """Return the longest wait at the head of a lane that a phase serves, ``(S, P, 1)``."""
        waits = self._heads * sums.lanes[:, None, :, Column.WAIT]
        longest: FloatArray = waits.max(axis=2, keepdims=True)
        return longest


def _shares(signal: Signal, lane: str, phases: int) -> tuple[FloatArray, FloatArray]:
    """Return per phase the share of a lane's links that are green, and permissive green."""
    positions = [link.position for link in signal.links if link.from_lane == lane]
    green, permissive = np.zeros((2, phases), dtype=np.float32)
    for phase in signal.phases:
        letters = [phase.state[i] for i in positions]
        permissive[phase.index] = letters.count("g") / len(letters)
        green[phase.index] = letters.count("G") / len(letters) + permissive[phase.index]
    return green, permissive
