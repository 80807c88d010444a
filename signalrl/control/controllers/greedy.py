"""Greedy control: serve the phase with the most vehicles, queued and approaching."""

from __future__ import annotations

import numpy as np

from signalrl.control.controllers.base import best
from signalrl.control.layout import IntArray
from signalrl.control.observation import Feature, Observation

SHORT_QUEUE, LONG_QUEUE = 6.0, 20.0
"""Queued vehicles at a signal between which the cost of switching grows."""


class Greedy:
    """Serves the phase with the most queued and approaching vehicles, less a cost of switching.

    Known as max-wave in RESCO (Ault and Sharon, *Reinforcement Learning Benchmarks for Traffic
    Signal Control*, NeurIPS 2021). With a cost, what the current phase would still serve and the
    other cuts off counts against the change: a vehicle that drives towards a green is worth more
    than one that stands. Where queues are long every change loses capacity that is needed, so the
    cost may grow with the queue before the signal. And who is let into a full street blocks others:
    the queue behind the signal may count against a phase as in max-pressure control (Varaiya, *Max
    pressure control of a network of signalized intersections*, Transportation Research C 36, 2013).

    Args:
        switching_cost: Weight of the vehicles cut off; 0 is plain greedy.
        growth: How much the weight grows from a short queue (6 vehicles) to a long one (20): by
            this many times itself.
        pressure: Weight of the vehicles queued behind the signal.
    """

    def __init__(
        self, *, switching_cost: float = 0.0, growth: float = 0.0, pressure: float = 0.0
    ) -> None:
        self._switching_cost, self._growth, self._pressure = switching_cost, growth, pressure

    def decide(self, observation: Observation) -> IntArray:
        """Return the phase to request per signal, ``(S,)``."""
        f = observation.features
        scores = f[:, :, Feature.QUEUED] + f[:, :, Feature.APPROACHING]
        scores = scores - self._pressure * f[:, :, Feature.DOWNSTREAM_QUEUE]
        if self._switching_cost:
            excess = f[:, :, Feature.TOTAL_QUEUED] - SHORT_QUEUE
            grown = self._growth * np.clip(excess / (LONG_QUEUE - SHORT_QUEUE), 0.0, 1.0)
            scores = scores - self._switching_cost * (1.0 + grown) * f[:, :, Feature.LOST]
        return best(scores, observation)
