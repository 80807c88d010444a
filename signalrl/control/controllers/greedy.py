"""Greedy control: serve the phase with the most vehicles, queued and approaching."""

from __future__ import annotations

from signalrl.control.controllers.base import best
from signalrl.control.layout import IntArray
from signalrl.control.observation import Feature, Observation


class Greedy:
    """Serves the phase with the most queued and approaching vehicles, less a cost of switching.

    Known as max-wave in RESCO (Ault and Sharon, *Reinforcement Learning Benchmarks for Traffic
    Signal Control*, NeurIPS 2021). With a cost, what the current phase would still serve and the
    other cuts off counts against the change: a vehicle that drives towards a green is worth more
    than one that stands.

    Args:
        switching_cost: Weight of the vehicles cut off; 0 is plain greedy.
    """

    def __init__(self, switching_cost: float = 0.0) -> None:
        self._switching_cost = switching_cost

    def decide(self, observation: Observation) -> IntArray:
        """Return the phase to request per signal, ``(S,)``."""
        f = observation.features
        scores = f[:, :, Feature.QUEUED] + f[:, :, Feature.APPROACHING]
        if self._switching_cost:
            scores = scores - self._switching_cost * f[:, :, Feature.LOST]
        return best(scores, observation)
