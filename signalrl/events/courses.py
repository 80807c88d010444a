"""The course of arrivals and departures that a shape says, without any chance.

Densities are summed up on a scale that stretches the ends, the logarithm or the logit of x, where
they are smooth: with a shape parameter below 1 much of them lies within seconds of an end.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from signalrl.events.shapes import Egress, Ingress

FloatArray = npt.NDArray[np.float64]

Cumulative = Callable[[FloatArray], FloatArray]
"""The share of visitors who have come or left at each of the given times, in s."""

STEP = 0.01
"""How far the places of a density are apart on such a scale."""
_LOGITS = np.arange(-12.0, 12.0, STEP)
_LOGS = np.arange(-12.0, 10.0, STEP)


def ingress(shape: Ingress) -> Cumulative:
    """Return the course of arrivals, in s after the beginning."""
    log_x, log_rest = -np.log1p(np.exp(-_LOGITS)), -np.log1p(np.exp(_LOGITS))
    course = _course(
        shape.a * log_x[0] - math.log(shape.a),
        shape.a * log_x + shape.b * log_rest,
        shape.b * log_rest[-1] - math.log(shape.b),
    )
    x = np.concatenate(([0.0], np.exp(log_x), [1.0]))
    times_s = shape.first_s + x * (shape.last_s - shape.first_s)
    return lambda at_s: np.interp(at_s, times_s, course)


def egress(shape: Egress) -> Cumulative:
    """Return the course of departures, in s after the end."""
    x = np.exp(_LOGS)
    course = _course(shape.k * _LOGS[0] - math.log(shape.k), shape.k * (_LOGS - x), -math.inf)[:-1]
    times_s = shape.delay_s + shape.mean_s * np.concatenate(([0.0], x))
    return lambda at_s: np.interp(at_s, times_s, course)


def _course(log_before: float, log_density: FloatArray, log_after: float) -> FloatArray:
    """Return the course at 0, at each place of a density, and at the end.

    Args:
        log_before: Logarithm of what lies before the first place.
        log_density: That of the density at each place.
        log_after: That of what lies behind the last place.
    """
    top = max(log_before, float(log_density.max()), log_after)
    density = np.exp(log_density - top)
    parts = STEP * (density[1:] + density[:-1]) / 2
    ends = np.exp(np.array([log_before, log_after]) - top)
    course = np.cumsum(np.concatenate(([0.0], ends[:1], parts, ends[1:])))
    found: FloatArray = course / course[-1]
    return found
