"""Self-organizing traffic lights (SOTL)."""

from __future__ import annotations

import numpy as np

from signalrl.control.controllers.base import best
from signalrl.control.layout import IntArray
from signalrl.control.measurement import Column, FloatArray
from signalrl.control.observation import Feature, Observation


class SelfOrganizing:
    """Changes when those who wait at red have waited enough, and leaves platoons whole.

    Gershenson, *Self-Organizing Traffic Lights*, Complex Systems 16 (2005), the variant
    sotl-platoon: a counter of each red phase grows by its vehicles times the time; at the
    threshold it is served, unless the green is younger than its minimum, or a few vehicles, fewer
    than a platoon, are just about to cross. The phase with the highest counter follows. The
    defaults are the published ones: threshold 41, minimum green 20, platoon 3; a time step of the
    paper, in which a vehicle advances by its own place, is taken as a second.

    Args:
        threshold: Vehicle-seconds at red after which a phase is served.
        platoon: With fewer vehicles than this, but at least one, about to cross, a green is kept.
            Those are who stands within 25 m of the stop line, as in Cools, Gershenson and
            D'Hooghe, *Self-Organizing Traffic Lights: A Realistic Simulation*, 2013, and who
            reaches it within 5 s.
        min_green_s: Shortest green.
    """

    def __init__(
        self, *, threshold: float = 41.0, platoon: float = 3.0, min_green_s: float = 20.0
    ) -> None:
        self._threshold, self._platoon, self._min_green_s = threshold, platoon, min_green_s
        self._waited: FloatArray = np.zeros((0, 0), dtype=np.float32)
        self._time_s = 0.0

    def decide(self, observation: Observation) -> IntArray:
        """Return the phase to request per signal, ``(S,)``."""
        f, current = observation.features, observation.current
        row = np.arange(len(current))
        if self._waited.shape != f.shape[:2] or observation.time_s < self._time_s:
            self._waited = np.zeros(f.shape[:2], dtype=np.float32)
            self._time_s = observation.time_s  # another episode
        passed_s = observation.time_s - self._time_s
        self._time_s = observation.time_s
        # Vehicles that the current phase serves too don't wait.
        now = observation.layout.served[row, current][:, None]
        present = observation.approach_lanes()[:, :, Column.PRESENT, None]
        red = (np.maximum(observation.layout.served - now, 0.0) @ present)[:, :, 0]
        waited = self._waited + red * np.float32(passed_s)
        self._waited = np.where(red > 0, waited, np.float32(0.0))
        self._waited[row, current] = 0.0
        crossing = self._crossing(observation)
        keep = (
            (f[:, 0, Feature.GREEN] < self._min_green_s)
            | ((crossing > 0) & (crossing < self._platoon))
            | (self._waited.max(axis=1) < self._threshold)
        )
        scores = self._waited.copy()
        scores[row, current] = np.where(keep, np.inf, -1.0)
        return best(scores, observation)

    def _crossing(self, observation: Observation) -> FloatArray:
        """Return the vehicles that are about to cross on green, ``(S,)``."""
        f, row = observation.features, np.arange(len(observation.current))
        near = f[:, :, Feature.QUEUE_25] + f[:, :, Feature.ARRIVAL_5]
        crossing: FloatArray = near[row, observation.current]
        return crossing
