"""Means, paired differences, their bootstrap intervals, and a test of signed ranks.

The intervals are expanded percentile intervals: the percentile bootstrap of the mean, taken at
levels that make up for how much too narrow it is with few values (Hesterberg, *What Teachers Should
Know About the Bootstrap*, The American Statistician 69(4), 2015, section 3.3.1). Ten seeds are few.
With few values even such an interval claims a difference that is none a little too often, above
all where one seed is far from the others. A claim therefore needs Wilcoxon's signed-rank test too
(*Individual Comparisons by Ranking Methods*, Biometrics Bulletin 1(6), 1945).
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
CLAIM_P = 0.01
"""A difference is claimed where the test's p-value is below. It is stricter than the interval,
since a table of many controllers makes many comparisons."""
MIN_PAIRS = 8
"""With fewer pairs even differences of one sign have a p-value, ``2 ** (1 - n)``, above that."""
PERMUTED = range(2, 14)
"""Of so many pairs all signs are tried: up to 8192, fewer than what SciPy draws at random."""
_BLOCK = 500

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
        median: Median of the differences.
        p_value: Of Wilcoxon's two-sided signed-rank test; 1 where nothing differs.
        verdict: What interval and test allow to say of the controller's value.
    """

    reference: str
    difference: Estimate
    median: float
    p_value: float
    verdict: Verdict


def bootstrap_mean(values: Sequence[float] | npt.NDArray[np.float64]) -> Estimate:
    """Return the mean with its bootstrap interval of 95 %. Equal values give equal intervals.

    Args:
        values: At least one.

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
    tail = expanded_tail(n)
    low, high = np.quantile(means, (tail, 1.0 - tail))
    return Estimate(mean, float(low), float(high), n)


def compare(
    name: str, values: Mapping[int, float], reference: Mapping[int, float]
) -> Comparison | None:
    """Compare with a reference, seed by seed: that takes out what a seed's traffic does to both.

    "Lower" and "higher" are said only where both the interval and the test say so.

    Args:
        name: Name of the reference.
        values: Value per seed.
        reference: The reference's value per seed.

    Returns:
        The comparison, or None where they share no seed.
    """
    seeds = sorted(values.keys() & reference.keys())
    if not seeds:
        return None
    x = np.array([values[s] - reference[s] for s in seeds])
    difference, p_value = bootstrap_mean(x), signed_rank(x)
    return Comparison(name, difference, float(np.median(x)), p_value, _verdict(difference, p_value))


def signed_rank(differences: npt.NDArray[np.float64]) -> float:
    """Return the p-value of Wilcoxon's two-sided signed-rank test; exact where it can be."""
    if not differences.any():
        return 1.0
    from scipy.stats import permutation_test, rankdata, wilcoxon

    if len(differences) not in PERMUTED:
        return float(wilcoxon(differences).pvalue)
    # The same p-value as wilcoxon's, which ranks anew for each permutation where values are equal.
    ranks, is_moved = np.zeros(len(differences)), differences != 0.0
    ranks[is_moved] = rankdata(np.abs(differences[is_moved]))
    signed = (np.sign(differences) * ranks,)
    return float(permutation_test(signed, np.sum, permutation_type="samples").pvalue)


def expanded_tail(n: int) -> float:
    """Return the quantile at which an expanded percentile interval of ``n`` values begins.

    That is ``Phi(-sqrt(n / (n - 1)) t)`` with Student's t of ``n - 1`` degrees of freedom: a normal
    percentile bootstrap at this level is as wide as the t interval.
    """
    from scipy.stats import t as student

    t = float(student.ppf(0.5 + CONFIDENCE / 2.0, n - 1))
    return NormalDist().cdf(-math.sqrt(n / (n - 1)) * t)


def _verdict(difference: Estimate, p_value: float) -> Verdict:
    if difference.n < MIN_PAIRS:
        return "too few seeds"
    if p_value >= CLAIM_P:
        return "no difference"
    if difference.high < 0.0:
        return "lower"
    return "higher" if difference.low > 0.0 else "no difference"
