"""Detectors that fail: what a plant reports instead of what is there."""

from __future__ import annotations

import numpy as np

from signalrl.control.measurement import Column, FloatArray
from signalrl.scenario.schema import Detectors
from signalrl.scenario.streams import stream


class Faults:
    """Falsifies readings: dead lanes report nothing, the counts of the others err.

    Which lanes are dead is drawn once per episode. The delay rate is left alone: it is the reward
    of a training and the measure of a benchmark, and no detector delivers it.

    Args:
        detectors: How they fail.
        lanes: Number of measured lanes.
        seed: The seed of the episode.
    """

    def __init__(self, detectors: Detectors, lanes: int, seed: int) -> None:
        self._random = stream(seed, "detectors")
        self._dead = self._random.uniform(size=lanes) < detectors.failed
        self._noise = detectors.noise

    def apply(self, values: FloatArray) -> None:
        """Falsify ``(lanes, columns)`` in place."""
        true = values[:, Column.DELAY].copy()
        if self._noise:
            factor = 1.0 + self._noise * self._random.standard_normal(len(values))
            wait = values[:, Column.WAIT].copy()
            values *= np.maximum(factor, 0.0)[:, None].astype(np.float32)
            values[:, Column.WAIT] = wait
        values[self._dead] = 0.0
        values[:, Column.DELAY] = true
