"""Index arrays that turn lane measurements into what each phase of each signal would serve.

Axes: ``S`` signals, ``P`` phases (padded to the most of any signal), ``M`` approach lanes of a
signal (padded), ``K`` measurement columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from signalrl.network.model import Network, Signal

IntArray = npt.NDArray[np.int64]
IndexArray = npt.NDArray[np.int32]
WeightArray = npt.NDArray[np.float32]


class Weights:
    """A sparse matrix from measured lanes to approach lanes, row by row; no row is empty.

    Args:
        rows: Per approach lane, measured lanes by index with their weights.

    Attributes:
        first: ``(rows + 1,)``, where the entries of each row begin, and where the last ends.
        lane: ``(entries,)``, index of a measured lane.
        share: ``(entries,)``, its weight.
    """

    def __init__(self, rows: Sequence[Sequence[tuple[int, float]]]) -> None:
        self.first: IndexArray = np.cumsum([0, *(len(row) for row in rows)], dtype=np.int32)
        self.lane: IndexArray = np.array([lane for row in rows for lane, _ in row], dtype=np.int32)
        self.share: WeightArray = np.array([share for row in rows for _, share in row], np.float32)

    def __matmul__(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return the weighted sums of lanes: ``(lanes, columns)`` to ``(rows, columns)``."""
        shares = values[self.lane] * self.share[:, None].astype(np.float64)
        sums: npt.NDArray[np.float64] = np.add.reduceat(shares, self.first[:-1])
        return sums


class Layout:
    """Which lanes lead to which signal, and which of them each phase serves; built once.

    Approach lanes are sorted by signal, then id; ``R`` is their number over all signals.

    Attributes:
        phases: ``(S,)``, number of phases.
        exists: ``(S, P)``, whether a signal has that phase.
        approaches: ``(S,)``, number of approach lanes.
        slots: ``(R,)``, place of each approach lane on the flattened axes ``S, M``.
        heads: ``(R,)``, index of the measured lane before the stop line.
        zones: ``R`` rows, what the detection zone of each approach lane is made of.
        behind: ``R`` rows, the lanes behind the junction that it leads to, with equal shares.
        served: ``(S, P, M)``, share of an approach lane's links that a phase lets go.
        yielding: ``(S, P, M)``, the part of them that has to yield.
    """

    def __init__(self, network: Network) -> None:
        signals, lane, phases = network.signals, network.lane_index, network.max_phases
        parts = {
            (zone.signal, zone.lane): [(lane[part.lane], part.share) for part in zone.parts]
            for zone in network.zones
        }
        count, width = len(signals), max(1, *(len(s.approach_lanes) for s in signals))
        self.phases: IndexArray = np.array([len(s.phases) for s in signals], dtype=np.int32)
        self.exists = np.arange(phases)[None, :] < self.phases[:, None]
        self.approaches: IndexArray = np.array([len(s.approach_lanes) for s in signals], np.int32)
        self.served: WeightArray = np.zeros((count, phases, width), dtype=np.float32)
        self.yielding: WeightArray = np.zeros((count, phases, width), dtype=np.float32)
        slots, heads, zones, behind = [], [], [], []
        for s, signal in enumerate(signals):
            for m, head in enumerate(signal.approach_lanes):
                slots.append(s * width + m)
                heads.append(lane[head])
                zones.append(parts[signal.id, head])
                targets = [lane[k.to_lane] for k in signal.links if k.from_lane == head]
                behind.append([(target, 1 / len(targets)) for target in targets])
                self.served[s, :, m], self.yielding[s, :, m] = _shares(signal, head, phases)
        self.slots: IndexArray = np.array(slots, dtype=np.int32)
        self.heads: IndexArray = np.array(heads, dtype=np.int32)
        self.zones, self.behind = Weights(zones), Weights(behind)

    def spread(self, rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return a value per approach lane, ``(R, ...)``, on the padded axes ``(S, M, ...)``."""
        signals, _, width = self.served.shape
        values = np.zeros((signals * width, *rows.shape[1:]), dtype=np.float32)
        values[self.slots] = rows
        return values.reshape(signals, width, *rows.shape[1:])


def _shares(signal: Signal, lane: str, phases: int) -> tuple[WeightArray, WeightArray]:
    """Return per phase the share of a lane's links that may go, and that have to yield.

    A link that may go at red after a stop (letter ``s``) is served as a permissive green is.
    """
    positions = [link.position for link in signal.links if link.from_lane == lane]
    served, yielding = np.zeros((2, phases), dtype=np.float32)
    for phase in signal.phases:
        letters = [phase.state[i] for i in positions]
        yielding[phase.index] = sum(c in "gs" for c in letters) / len(letters)
        served[phase.index] = letters.count("G") / len(letters) + yielding[phase.index]
    return served, yielding
