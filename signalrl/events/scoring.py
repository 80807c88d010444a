"""Scores forecasts by what really happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Detection:
    """How well problems are found.

    Attributes:
        recall: Part of the problems that were forecast; None where there were none.
        precision: Part of the forecast problems that came; None where none was forecast.
    """

    recall: float | None
    precision: float | None


def detection(probability: FloatArray, happened: BoolArray, threshold: float) -> Detection:
    """Return how well a threshold on probabilities finds what happened; arrays of one shape."""
    warned = probability >= threshold
    hits, came, told = (int(x.sum()) for x in (warned & happened, happened, warned))
    return Detection(hits / came if came else None, hits / told if told else None)


def threshold_at(probability: FloatArray, happened: BoolArray, recall: float) -> float:
    """Return the highest threshold that finds at least a part of what happened."""
    hits = np.sort(probability[happened])[::-1]
    needed = int(np.ceil(recall * len(hits)))
    return float(hits[needed - 1]) if needed else 1.0


def pinball(forecast: FloatArray, happened: FloatArray, quantiles: Sequence[float]) -> FloatArray:
    """Return the pinball loss, as a mean over quantiles (Koenker and Bassett, Econometrica 1978).

    Args:
        forecast: ``(quantiles, ...)``.
        happened: ``(...)``.
        quantiles: Which ones, such as 0.1, 0.5 and 0.9.

    Returns:
        One loss for each thing that happened, ``(...)``.
    """
    levels = np.array(quantiles).reshape(-1, *([1] * happened.ndim))
    over = happened - forecast
    losses: FloatArray = np.maximum(levels * over, (levels - 1.0) * over).mean(axis=0)
    return losses


def covered(forecast: FloatArray, happened: FloatArray) -> BoolArray:
    """Return what lies between the first and the last quantile, both included, ``(...)``."""
    inside: BoolArray = (forecast[0] <= happened) & (happened <= forecast[-1])
    return inside
