"""Means, paired differences and their bootstrap intervals, with nothing but NumPy.

The intervals are expanded percentile intervals: the percentile bootstrap of the mean, taken at
levels that make up for how much too narrow it is with few values (Hesterberg, *What Teachers Should
Know About the Bootstrap*, The American Statistician 69(4), 2015, section 3.3.1). Ten seeds are few.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
RESAMPLES = 10_000
SEED = 20260101
MIN_PAIRS = 6
"""With fewer pairs a chance of ``2 ** (1 - n)`` above 5 % gives all of them the same sign."""
_BLOCK = 500
_ANGLES = 20_001

Verdict = Literal["lower", "higher", "no difference", "too few seeds"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its 95 % interval.

    Attributes:
        mean: The mean of the values.
        low: Lower end of the interval; NaN for a single value.
        high: Upper end; NaN for a single value.
        n: Number of values.
    """

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        if math.isnan(self.low):
            return f"{self.mean:.1f}"
        return f"{self.mean:.1f} [{self.low:.1f}, {self.high:.1f}]"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A controller against a reference on the same seeds.

    Attributes:
        reference: Name of the reference.
        difference: Controller minus reference, over the seeds that both have.
        verdict: What the interval allows to say of the controller's value.
    """

    reference: str
    difference: Estimate
    verdict: Verdict


def bootstrap_mean(
    values: Sequence[float] | npt.NDArray[np.float64], confidence: float = CONFIDENCE
) -> Estimate:
    """Return the mean with its bootstrap interval. Equal values give equal intervals.

    Args:
        values: At least one.
        confidence: Nominal coverage of the interval.

    Raises:
        ValueError: There is no value.
    """
    x = np.asarray(values, dtype=np.float64)
    if not x.size:
        raise ValueError("expected at least one value, got none")
    mean, n = float(x.mean()), len(x)
    if n < 2:
        return Estimate(mean, math.nan, math.nan, n)
    rng = np.random.default_rng(SEED)
    means = np.concatenate(
        [x[rng.integers(0, n, (_BLOCK, n))].mean(axis=1) for _ in range(RESAMPLES // _BLOCK)]
    )
    tail = expanded_tail(n, confidence)
    low, high = np.quantile(means, (tail, 1.0 - tail))
    return Estimate(mean, float(low), float(high), n)


def paired_difference(
    values: Mapping[int, float], reference: Mapping[int, float]
) -> Estimate | None:
    """Return the mean of ``values - reference`` over the seeds that both have.

    Pairing takes out what a seed's traffic does to both of them.

    Returns:
        The estimate, or None where they share no seed.
    """
    seeds = sorted(values.keys() & reference.keys())
    if not seeds:
        return None
    return bootstrap_mean(np.array([values[s] - reference[s] for s in seeds]))


def compare(
    name: str, values: Mapping[int, float], reference: Mapping[int, float]
) -> Comparison | None:
    """Compare with a reference; "lower" and "higher" are said only where the interval says so.

    Args:
        name: Name of the reference.
        values: Value per seed.
        reference: The reference's value per seed.

    Returns:
        The comparison, or None where they share no seed.
    """
    difference = paired_difference(values, reference)
    return None if difference is None else Comparison(name, difference, _verdict(difference))


def expanded_tail(n: int, confidence: float = CONFIDENCE) -> float:
    """Return the quantile at which an expanded percentile interval of ``n`` values begins.

    That is ``Phi(-sqrt(n / (n - 1)) t)`` with Student's t of ``n - 1`` degrees of freedom: a normal
    percentile bootstrap at this level is as wide as the t interval.
    """
    t = _student_quantile(0.5 + confidence / 2.0, n - 1)
    return NormalDist().cdf(-math.sqrt(n / (n - 1)) * t)


def _verdict(difference: Estimate) -> Verdict:
    if difference.n < MIN_PAIRS:
        return "too few seeds"
    if difference.high < 0.0:
        return "lower"
    return "higher" if difference.low > 0.0 else "no difference"


def _student_quantile(probability: float, freedom: int) -> float:
    """Invert Student's distribution: with ``t = sqrt(freedom) tan(a)``, a's density is a cosine."""
    angle = np.linspace(0.0, math.pi / 2.0, _ANGLES)
    density = np.cos(angle) ** (freedom - 1)
    mass = np.concatenate(([0.0], np.cumsum(density[1:] + density[:-1])))
    found = float(np.interp(2.0 * probability - 1.0, mass / mass[-1], angle))
    return math.sqrt(freedom) * math.tan(found)
