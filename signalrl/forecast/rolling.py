"""Rolls a forecast forward: draws that disagree with the detectors count for less.

Each draw is an evening that may be. After every interval the weight of a draw is multiplied by how
likely it makes the count that came (a particle filter; Gordon, Salmond and Smith, *Novel approach
to nonlinear/non-Gaussian Bayesian state estimation*, IEE Proceedings F 140, 1993). A match that
ends late makes those draws likely that end late, and what these say of the rest of the evening is
the forecast from then on. A draw is right up to a part of what it says, so that no weight falls
to nothing by one count.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from signalrl.forecast.traffic import Traffic

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

ERROR = 0.25
"""Standard deviation of a count over what a draw says of it, beside chance (Poisson)."""
FEWEST = 0.1
"""Part of the draws that count at least: where fewer fit, their weights are evened out."""


class Rolling:
    """The weights of draws.

    Args:
        draws: How many there are.

    Attributes:
        weights: Probability of each draw, ``(draws,)``; sums to 1.
    """

    def __init__(self, draws: int) -> None:
        self._log: FloatArray = np.zeros(draws)

    @property
    def weights(self) -> FloatArray:
        """Probability of each draw."""
        log, least = self._log - self._log.max(), FEWEST * len(self._log)
        found: FloatArray = np.exp(log) / np.exp(log).sum()
        while 1.0 / (found**2).sum() < least:  # the effective number of draws
            log = 0.8 * log
            found = np.exp(log) / np.exp(log).sum()
        return found

    def see(self, expected: npt.ArrayLike, seen: float) -> None:
        """Take a count into account.

        Args:
            expected: What each draw says of it, ``(draws,)``.
            seen: What came; what is no number was not counted, and says nothing.
        """
        if not np.isfinite(seen):
            return
        mean = np.asarray(expected, np.float64)
        # The same for all draws: where those that say more were less sure, fewer would be likelier.
        usual = max(seen, float(mean.mean()))
        variance = 1.0 + usual + (ERROR * usual) ** 2
        self._log -= 0.5 * (seen - mean) ** 2 / variance

    def choose(self, number: int) -> IntArray:
        """Return draws in proportion to their weights, each as often as its part of the number."""
        places = (np.arange(number) + 0.5) / number
        found = np.searchsorted(np.cumsum(self.weights), places)
        return np.minimum(found, len(self._log) - 1)


def roll_forward(
    traffic: Traffic, kind: int, counts: dict[str, FloatArray], interval_s: float
) -> Traffic:
    """Return the draws that fit what was counted where visitors set off.

    Args:
        traffic: The draws.
        kind: 1 for those who arrive, counted where they enter the network; 2 for those who leave,
            counted at the exits of car parks.
        counts: Counts by edge from the begin of the window on, ``(intervals,)``; only intervals
            that are over, NaN where one is missing: a detector that is dead and says 0 would speak
            against everybody who came. The usual traffic that begins on an edge is counted there,
            too.
        interval_s: Length of an interval in s, a multiple of the window's steps.

    Returns:
        As many draws as before, those that fit more than once.

    Raises:
        ValueError: There are more intervals than the window has, or of another length than a
            multiple of its steps, a count is below 0, or nobody sets off on an edge.
    """
    rolling = Rolling(traffic.draws)
    per_interval = round(interval_s / traffic.window.step_s)
    if per_interval < 1 or abs(per_interval * traffic.window.step_s - interval_s) > 1e-6:
        raise ValueError(
            f"interval_s: expected a multiple of {traffic.window.step_s:g} s, got {interval_s:g}"
        )
    known = {one.origin for one in traffic.streams}
    for edge, seen in sorted(counts.items()):
        if edge not in known:
            raise ValueError(f"counts of {edge}: expected an edge on which somebody sets off")
        if not len(seen):
            continue
        steps = traffic.visitors(kind, [edge])[: len(seen) * per_interval]
        if len(steps) < len(seen) * per_interval:
            raise ValueError(
                f"counts of {edge}: expected at most {traffic.window.steps // per_interval} "
                f"intervals of {interval_s:g} s, which is the window, got {len(seen)}"
            )
        if np.any(np.asarray(seen) < 0):
            raise ValueError(
                f"counts of {edge}: expected 0 or more vehicles, got {np.nanmin(seen):g}"
            )
        steps = steps + traffic.usual_on(edge)[: len(steps)]
        expected = steps.reshape(len(seen), per_interval, -1).sum(axis=1)
        for row, count in zip(expected, seen, strict=True):
            rolling.see(row, float(count))
    return traffic.chosen(rolling.choose(traffic.draws))
