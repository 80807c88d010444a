"""Control by a trained policy, wherever its network runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from signalrl.control.controllers.base import best
from signalrl.control.layout import IntArray
from signalrl.control.measurement import FloatArray
from signalrl.control.observation import Observation
from signalrl.network.model import BoolArray

Score = Callable[[FloatArray], FloatArray]
"""From scaled observations ``(N, P, F)`` to a logit per phase ``(N, P)``."""


class Policy:
    """Serves the phase that a trained network prefers among those that may be requested.

    A signal whose logits are not all numbers keeps what it shows: a broken network may not steer.

    Args:
        score: The network: scaled observations ``(N, P, F)`` to logits ``(N, P)``.

    Attributes:
        failures: Decisions of a signal, since this was made, that had no valid logits.
    """

    def __init__(self, score: Score) -> None:
        self._score = score
        self.failures = 0

    def decide(self, observation: Observation) -> IntArray:
        """Return the phase to request per signal, ``(S,)``."""
        logits = self._score(observation.scaled())
        invalid = np.isnan(logits) | (np.isinf(logits) & observation.requestable)
        failed: BoolArray = np.asarray(invalid.any(axis=1))
        if failed.any():
            self.failures += int(failed.sum())
            # Where all phases score alike, the one that is shown is kept.
            logits = np.where(failed[:, None], np.float32(0.0), logits)
        return best(logits, observation)
