"""Max-pressure control."""

from __future__ import annotations

from signalrl.control.controllers.base import best
from signalrl.control.layout import IntArray
from signalrl.control.observation import Feature, Observation


class MaxPressure:
    """Serves the phase with the highest pressure: queues before it less queues behind it.

    Varaiya, *Max pressure control of a network of signalized intersections*, Transportation
    Research Part C 36 (2013), with the queues of the lanes before and behind the junction and equal
    saturation flows.
    """

    def decide(self, observation: Observation) -> IntArray:
        """Return the phase to request per signal, ``(S,)``."""
        f = observation.features
        pressure = f[:, :, Feature.QUEUED] - f[:, :, Feature.DOWNSTREAM_QUEUE]
        return best(pressure, observation)
