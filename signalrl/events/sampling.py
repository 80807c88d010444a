"""Draws times from the shapes of arrivals and departures. All times are simulated s."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from signalrl.events.shapes import Arrivals, Departures, Egress, Ingress

FloatArray = npt.NDArray[np.float64]


def draw_arrivals(
    random: np.random.Generator, shape: Arrivals, number: int, begin_s: float, end_s: float
) -> FloatArray:
    """Return the times at which visitors come, in their order; shape ``(number,)``.

    Args:
        random: Source of all chance.
        shape: How they spread.
        number: How many vehicles.
        begin_s: Beginning of the event.
        end_s: Its end.
    """
    if isinstance(shape, Ingress):
        spread = random.beta(shape.a, shape.b, number)
        return np.sort(begin_s + shape.first_s + spread * (shape.last_s - shape.first_s))
    in_hump = random.uniform(size=number) < shape.hump
    spread = np.where(in_hump, random.beta(4.0, 4.0, number), random.uniform(size=number))
    open_s = end_s - begin_s
    return np.sort(begin_s + spread * max(open_s - shape.closing_s, open_s / 2))


def draw_departures(
    random: np.random.Generator, shape: Departures, arrivals_s: FloatArray, end_s: float
) -> FloatArray:
    """Return the time at which each visitor leaves, in the order of their arrivals.

    Args:
        random: Source of all chance.
        shape: How they spread.
        arrivals_s: When they came, rising, shape ``(number,)``.
        end_s: End of the event.
    """
    number = len(arrivals_s)
    if isinstance(shape, Egress):
        # Those who were late to come do not leave late: no order is kept.
        leave_s = draw_egress(random, shape, number, end_s)[random.permutation(number)]
    else:
        stays_s = shape.median_s * random.lognormal(0.0, shape.sigma, number)
        last_s = end_s + random.uniform(0.0, shape.clearing_s, number)
        leave_s = np.minimum(arrivals_s + stays_s, last_s)
    return np.maximum(leave_s, arrivals_s)  # who comes after a short event leaves at once


def draw_egress(
    random: np.random.Generator, shape: Egress, number: int, end_s: float
) -> FloatArray:
    """Return times after the end of an event, in their order; shape ``(number,)``."""
    return np.sort(end_s + shape.delay_s + random.gamma(shape.k, shape.mean_s / shape.k, number))


def throttled_by(
    exits: npt.NDArray[np.str_] | npt.NDArray[np.intp],
    times_s: FloatArray,
    veh_h: float | Mapping[int, float],
) -> FloatArray:
    """Delay departures so that each exit keeps its headway; who can't leave yet queues inside.

    Args:
        exits: The exit of each vehicle, by name or number, shape ``(vehicles,)``.
        times_s: When each wants to leave, rising.
        veh_h: Capacity of each exit in veh/h, by its number where they differ.
    """
    out = times_s.copy()
    for exit_edge in np.unique(exits):
        mine = exits == exit_edge
        headway_s = 3600.0 / (veh_h[exit_edge] if isinstance(veh_h, Mapping) else veh_h)
        slots = headway_s * np.arange(mine.sum())
        out[mine] = np.maximum.accumulate(times_s[mine] - slots) + slots
    return out
