"""The course of arrivals and departures that a shape says, without any chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from signalrl.events.shapes import Egress, Ingress

FloatArray = npt.NDArray[np.float64]

Cumulative = Callable[[FloatArray], FloatArray]
"""The share of visitors who have come or left at each of the given times, in s."""


def ingress(shape: Ingress) -> Cumulative:
    """Return the course of arrivals, in s after the beginning."""
    x = (np.arange(2000) + 0.5) / 2000
    density = np.exp((shape.a - 1) * np.log(x) + (shape.b - 1) * np.log1p(-x))
    course = np.concatenate(([0.0], np.cumsum(density))) / density.sum()
    times_s = np.linspace(shape.first_s, shape.last_s, len(course))
    return lambda at_s: np.interp(at_s, times_s, course)


def egress(shape: Egress) -> Cumulative:
    """Return the course of departures, in s after the end."""
    span_s = max(8 * shape.mean_s, 3600.0)
    step_s = span_s / 2000
    x = (np.arange(2000) + 0.5) * step_s / shape.mean_s
    density = np.exp((shape.k - 1) * np.log(x) - shape.k * x)
    course = np.concatenate(([0.0], np.cumsum(density))) / density.sum()
    times_s = shape.delay_s + step_s * np.arange(len(course))
    return lambda at_s: np.interp(at_s, times_s, course)
