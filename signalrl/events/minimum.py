"""Finds the minimum of a function of few numbers without its derivatives.

The simplex method of Nelder and Mead, "A simplex method for function minimization", The Computer
Journal 7 (1965), with their coefficients.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


WITHIN = 2e-3
"""The simplex is small enough."""
MOST_CALLS = 200
"""Evaluations after which it ends at the latest."""


def minimum(
    function: Callable[[FloatArray], float],
    start: FloatArray,
    step: float = 0.2,
) -> FloatArray:
    """Return the place of the minimum near a start.

    Args:
        function: Of an array of the shape of ``start``.
        start: Where to begin, ``(numbers,)``.
        step: How far to look at first.
    """
    known = [(function(place), place) for place in _simplex(start, step)]
    number = len(known)
    while number < MOST_CALLS and np.ptp([place for _, place in known], axis=0).max() > WITHIN:
        known.sort(key=lambda pair: pair[0])
        best, second, worst = known[0], known[-2], known[-1]
        middle = np.mean([place for _, place in known[:-1]], axis=0)
        away = middle - worst[1]
        tried = [(function(middle + away), middle + away)]
        if tried[0][0] < best[0]:
            tried.append((function(middle + 2 * away), middle + 2 * away))
        elif tried[0][0] >= second[0]:
            near = middle + (0.5 if tried[0][0] < worst[0] else -0.5) * away
            tried.append((function(near), near))
        number += len(tried)
        found = min(tried, key=lambda pair: pair[0])
        if found[0] < worst[0]:
            known[-1] = found
        else:  # draw the simplex together around its best corner
            places = [(best[1] + place) / 2 for _, place in known[1:]]
            known[1:] = [(function(place), place) for place in places]
            number += len(places)
    return min(known, key=lambda pair: pair[0])[1]


def _simplex(start: FloatArray, step: float) -> list[FloatArray]:
    return [start, *(start + step * row for row in np.eye(len(start)))]
