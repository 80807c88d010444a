"""The phase-scoring network: one small network scores every phase with shared weights.

Since nothing in it depends on the number of phases or signals, one policy serves any intersection
and moves to networks that it has never seen.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from signalrl.control.controllers.greedy import LONG_QUEUE, SHORT_QUEUE
from signalrl.control.observation import FEATURES, SCALES, Feature

MASKED = -1e9
GREEDY = (Feature.QUEUED, Feature.APPROACHING, Feature.LOST)
GREEDY_SCALE = 10.0
"""Turns scaled counts back into vehicles, so that a prior of 1 adds a logit per vehicle."""
CENTRAL = 3
"""Columns at the end of an observation that a central critic sees, and no actor: the delay rates of
the signal, of those next to it and of the mean signal of the network."""


class PhaseScorer(nn.Module):
    """Logits for the phases of a signal.

    Each phase is encoded alone; the mean and the maximum over the signal's phases are its context;
    a second network scores each phase in that context. To that score comes a greedy one, queued and
    approaching vehicles less those that a change cuts off, with a weight that is learned too: the
    first episodes drive well and the network learns what greedy does not know. Where the cost of
    switching grows with the queue, it begins as the adaptive greedy controller; where the queue
    behind the signal counts against a phase, it holds back what would only block the next one.

    Args:
        hidden: Units of each hidden layer.
        prior: Weight of the greedy score at the start.
        switching_cost: Cost of a vehicle cut off in the greedy score at the start.
        growth: How much that cost grows from a short queue at the signal to a long one, by this
            many times itself; see :class:`signalrl.control.controllers.greedy.Greedy`.
        pressure: Cost of a vehicle queued behind the signal in the greedy score at the start; with
            0 none is counted.
        features: Features of a phase; those of the library, or with the expected inflow behind.

    Attributes:
        features: The same.
    """

    def __init__(
        self,
        hidden: int = 64,
        prior: float = 1.0,
        switching_cost: float = 1.0,
        growth: float = 0.0,
        pressure: float = 0.0,
        features: int = FEATURES,
    ) -> None:
        super().__init__()
        self.features = features
        self.encoder = _Encoder(features, hidden)
        self.score = nn.Sequential(nn.Linear(3 * hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))
        weights = [prior, prior, -prior * switching_cost, -prior * pressure]
        self.prior = nn.Parameter(torch.tensor(weights if pressure else weights[:3]))
        self.growth = growth

    def forward(self, observation: Tensor) -> Tensor:
        """Return logits ``(rows, phases)`` for ``(rows, phases, features)``; masked: -1e9."""
        phases, context = self.encoder(observation)
        context = context[:, None, :].expand(-1, phases.shape[1], -1)
        logits = self.score(torch.cat([phases, context], dim=2))[:, :, 0]
        queued, approaching, lost = (observation[:, :, i] for i in GREEDY)
        if self.growth:
            total = float(SCALES[Feature.TOTAL_QUEUED]) * observation[:, :, Feature.TOTAL_QUEUED]
            excess = (total - SHORT_QUEUE) / (LONG_QUEUE - SHORT_QUEUE)
            lost = lost * (1.0 + self.growth * excess.clamp(0.0, 1.0))
        greedy = self.prior[0] * queued + self.prior[1] * approaching + self.prior[2] * lost
        if len(self.prior) > 3:
            scale = float(SCALES[Feature.DOWNSTREAM_QUEUE]) / GREEDY_SCALE
            greedy = greedy + self.prior[3] * scale * observation[:, :, Feature.DOWNSTREAM_QUEUE]
        requestable = observation[:, :, Feature.REQUESTABLE] > 0
        return torch.where(requestable, logits + GREEDY_SCALE * greedy, MASKED)


class PhaseCritic(nn.Module):
    """The value of a signal's state, from the same kind of encoding, with weights of its own."""

    def __init__(self, hidden: int = 64, features: int = FEATURES) -> None:
        super().__init__()
        self.encoder = _Encoder(features, hidden)
        self.value = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, observation: Tensor) -> Tensor:
        """Return values ``(rows, 1)`` for ``(rows, phases, features)``."""
        value: Tensor = self.value(self.encoder(observation)[1])
        return value


class _Encoder(nn.Module):
    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Return encoded phases (rows, phases, hidden) and their context (rows, 2 hidden)."""
        exists = observation[:, :, Feature.EXISTS, None]
        phases = self.layers(observation) * exists
        mean = phases.sum(dim=1) / exists.sum(dim=1).clamp(min=1.0)
        return phases, torch.cat([mean, phases.amax(dim=1)], dim=1)
