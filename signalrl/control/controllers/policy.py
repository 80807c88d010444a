"""Control by a trained policy, wherever its network runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from signalrl.control.controllers.base import best
from signalrl.control.layout import IntArray
from signalrl.control.measurement import FloatArray
from signalrl.control.observation import FEATURES, Observation
from signalrl.errors import ConfigError
from signalrl.network.model import BoolArray

Score = Callable[[FloatArray], FloatArray]
"""From scaled observations ``(N, P, F)`` to a logit per phase ``(N, P)``."""


class Policy:
    """Serves the phase that a trained network prefers among those that may be requested.

    A signal whose logits are not all numbers keeps what it shows: a broken network may not steer.

    Args:
        score: The network: scaled observations ``(N, P, F)`` to logits ``(N, P)``.
        inflow: Whether it was trained with the expected inflow; else it is not shown any.

    Attributes:
        failures: Decisions of a signal, since this was made, that had no valid logits.
    """

    def __init__(self, score: Score, inflow: bool = False) -> None:
        self._score, self._inflow = score, inflow
        self.failures = 0

    def decide(self, observation: Observation) -> IntArray:
        """Return the phase to request per signal, ``(S,)``.

        Raises:
            ConfigError: The network was trained with the expected inflow, and there is none.
        """
        rows = observation.scaled()
        if self._inflow and observation.inflow is None:
            raise ConfigError(
                "expected observations with the inflow that the calendar leads to expect, as in "
                "the policy's training, got observations without; set forecast: {inflow: true} "
                "in the environment's settings, or take a policy that was trained without"
            )
        if not self._inflow:
            rows = np.ascontiguousarray(rows[:, :, :FEATURES])
        logits = self._score(rows)
        invalid = np.isnan(logits) | (np.isinf(logits) & observation.requestable)
        failed: BoolArray = np.asarray(invalid.any(axis=1))
        if failed.any():
            self.failures += int(failed.sum())
            # Where all phases score alike, the one that is shown is kept.
            logits = np.where(failed[:, None], np.float32(0.0), logits)
        return best(logits, observation)
