"""The one interface of all controllers."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from signalrl.control.layout import IntArray
from signalrl.control.measurement import FloatArray
from signalrl.control.observation import Observation
from signalrl.network.model import BoolArray


class Controller(Protocol):
    """Chooses a phase for every signal from what it sees of them."""

    def decide(self, observation: Observation) -> IntArray:
        """Return the phase to request per signal, ``(S,)``."""


def best(scores: FloatArray, observation: Observation, among: BoolArray | None = None) -> IntArray:
    """Return the requestable phase with the highest score; a tie keeps what is shown.

    Args:
        scores: ``(S, P)``.
        observation: Where they come from.
        among: ``(S, P)``, the phases to choose from; by default all that may be requested, which
            is also what is left where none of these may be.
    """
    mask = observation.requestable
    if among is not None:
        allowed = mask & among
        mask = np.where(allowed.any(axis=1, keepdims=True), allowed, mask)
    masked = np.where(mask, scores, -np.inf)
    choice: IntArray = masked.argmax(axis=1)
    row = np.arange(len(choice))
    current = observation.current
    keep = masked[row, current] >= masked[row, choice]
    return np.where(keep, current, choice)
