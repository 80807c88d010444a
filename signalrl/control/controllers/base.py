"""The one interface of all controllers."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from signalrl.control.layout import IntArray
from signalrl.control.measurement import FloatArray
from signalrl.control.observation import Observation


class Controller(Protocol):
    """Chooses a phase for every signal from what it sees of them."""

    def decide(self, observation: Observation) -> IntArray:
        """Return the phase to request per signal, ``(S,)``."""


def best(scores: FloatArray, observation: Observation) -> IntArray:
    """Return the requestable phase with the highest score; a tie keeps what is shown.

    Args:
        scores: ``(S, P)``.
        observation: Where they come from.
    """
    masked = np.where(observation.requestable, scores, -np.inf)
    choice: IntArray = masked.argmax(axis=1)
    row = np.arange(len(choice))
    current = observation.current
    keep = masked[row, current] >= masked[row, choice]
    return np.where(keep, current, choice)
