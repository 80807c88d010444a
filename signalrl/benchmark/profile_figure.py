"""The picture of what was learned of events: profiles over the counts of past event days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from signalrl.benchmark.figures import STYLE, FloatArray
from signalrl.events.event_days import DIRECTIONS, Direction, EventDay, Seen
from signalrl.events.learning import Learned, Profile
from signalrl.events.skill import QUANTILES, bin_s, bins_of, counted, predicted
from signalrl.events.turnout import expected_people
from signalrl.events.venues import Registry

_DRAWS = 20
_LEARNED, _PRIOR = "#0072B2", "#D55E00"
_AXIS = {
    "arrivals": "minutes after the beginning",
    "departures": "minutes after the usual end",
}


def profile_figure(days: Sequence[EventDay], prior: Registry, learned: Learned) -> Figure:
    """Draw the counts of each kind of event, the learned profile and the prior.

    Args:
        days: What was seen.
        prior: The registry before.
        learned: What was learned; one row for each of its profiles.
    """
    with mpl.rc_context(STYLE):
        rows = max(1, len(learned.profiles))
        figure = Figure(figsize=(9, 2.8 * rows))
        panels = figure.subplots(rows, 2, squeeze=False)
        for row, profile in zip(panels, learned.profiles, strict=False):
            mine = [day for day in days if _is_of(day, profile)]
            for axes, direction in zip(row, DIRECTIONS, strict=True):
                _panel(axes, mine, direction, prior, learned.registry)
                axes.set_title(f"{profile.venue}, {profile.name}: {direction}", fontsize=10)
        seen = next(seen for day in days for seen in (day.arrivals, day.departures) if seen)
        panels[0][0].set_ylabel(f"vehicles in {bin_s(seen) / 60:g} min per 1000 people")
        panels[0][0].legend(frameon=False, fontsize=8)
        return figure


def _is_of(day: EventDay, profile: Profile) -> bool:
    return (day.event.venue, day.event.kind) == (profile.venue, profile.name)


def _panel(
    axes: Axes,
    days: Sequence[EventDay],
    direction: Direction,
    prior: Registry,
    learned: Registry,
) -> None:
    seen = [(day, day.arrivals if direction == "arrivals" else day.departures) for day in days]
    dots = [
        (_middles(one), counted(one) * _per_thousand(day, prior))
        for day, one in seen
        if one is not None
    ]
    if dots:
        times, values = (np.concatenate(parts) for parts in zip(*dots, strict=True))
        axes.plot(times, values, ".", color="#999999", markersize=3, label="counted")
    for registry, colour, name in ((prior, _PRIOR, "prior"), (learned, _LEARNED, "learned")):
        times, quantiles = _expected(days, direction, registry)
        axes.plot(times, quantiles[:, 1], color=colour, label=name)
        if registry is learned:
            axes.fill_between(
                times, quantiles[:, 0], quantiles[:, 2], color=colour, alpha=0.2, linewidth=0
            )
    axes.set_xlabel(_AXIS[direction])
    axes.set_ylim(bottom=0)


def _expected(
    days: Sequence[EventDay], direction: Direction, registry: Registry
) -> tuple[FloatArray, FloatArray]:
    """Return times in min and quantiles of draws of all events, ``(times, quantiles)``."""
    drawn: dict[float, list[float]] = defaultdict(list)
    for number, day in enumerate(days):
        both = {name: seen for name in DIRECTIONS if (seen := getattr(day, name)) is not None}
        for name, rows in zip(both, predicted(day, registry, _DRAWS, number), strict=True):
            if name == direction:
                scaled = rows * _per_thousand(day, registry)
                bins = np.round(_middles(both[name]))
                for time, values in zip(bins.tolist(), scaled.T, strict=True):
                    drawn[time] += values.tolist()
    times = sorted(drawn)
    return np.array(times), np.array([np.quantile(drawn[t], QUANTILES) for t in times]).reshape(
        -1, len(QUANTILES)
    )


def _middles(seen: Seen) -> FloatArray:
    """Return the middles of the bins in min."""
    found: FloatArray = (bins_of(seen) + bin_s(seen) / 2) / 60
    return found


def _per_thousand(day: EventDay, registry: Registry) -> float:
    return 1000.0 / max(1, expected_people(day.event, registry.venue(day.event.venue)))
