"""Longest queue first."""

from __future__ import annotations

from signalrl.control.controllers.base import best
from signalrl.control.layout import IntArray
from signalrl.control.observation import Feature, Observation


class LongestQueue:
    """Serves the phase with the most queued vehicles; what still drives does not count.

    Wunderlich, Liu, Elhanany and Urbanik, *A Novel Signal-Scheduling Algorithm With
    Quality-of-Service Provisioning for an Isolated Intersection*, IEEE Transactions on Intelligent
    Transportation Systems 9(3), 2008: the weight of a phase is the sum of its queues.
    """

    def decide(self, observation: Observation) -> IntArray:
        """Return the phase to request per signal, ``(S,)``."""
        return best(observation.features[:, :, Feature.QUEUED], observation)
