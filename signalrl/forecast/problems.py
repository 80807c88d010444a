"""Says in words where, when and how surely an approach will be at its limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from signalrl.forecast.forecast import QUANTILES, Outlook
from signalrl.forecast.turning import VEHICLE_M

WARN = 0.33
"""Probability from which on an approach is warned of: on rehearsed evenings of ``arena`` and
``ingolstadt-matchday`` it finds 90 %."""
_TOLD = 0.2
"""Probability from which on a full road is mentioned."""
_BOUNDS = {"EB": "eastbound", "NB": "northbound", "WB": "westbound", "SB": "southbound"}


@dataclass(frozen=True, slots=True)
class Place:
    """What an approach is called.

    Attributes:
        edge: Its last edge.
        signal: Id of its signal.
        name: Its street and direction.
        behind: Signal or entry of the network from which it comes.
        length_m: Length of the road from there.
    """

    edge: str
    signal: str
    name: str
    behind: str
    length_m: float


@dataclass(frozen=True, slots=True)
class Problem:
    """An approach that may be at level of service E or F.

    Attributes:
        place: Where.
        probability: That it is in some bin of the window.
        begin: When it begins, in the median of the draws in which it does.
        begin_early: The same at 10 %.
        begin_late: The same at 90 %.
        end: When it ends, in their median.
        ratio: Largest demand over capacity from its begin to its end, in the median of all draws.
        over_capacity: Largest probability that demand exceeds capacity in a bin of that time.
        queue_m: Longest queue per lane in m, in the median, at least.
        queue_most_m: The same at 90 %.
        spills_back: Probability that the road is full at some time.
        lost_veh_h: Vehicle-hours of delay in the window, in the mean.
    """

    place: Place
    probability: float
    begin: datetime
    begin_early: datetime
    begin_late: datetime
    end: datetime
    ratio: float
    over_capacity: float
    queue_m: float
    queue_most_m: float
    spills_back: float
    lost_veh_h: float

    def sentence(self) -> str:
        """Return the problem as people would tell it."""
        text = (
            f"P {self.probability:.2f} at {self.place.name}, "
            f"{self.begin:%H:%M}-{self.end:%H:%M}: demand {self.ratio:.1f} of capacity, "
            f"queue {self.queue_m:.0f} m (up to {self.queue_most_m:.0f} m)"
        )
        if self.spills_back >= _TOLD:
            text += f", full back to {self.place.behind} with P {self.spills_back:.2f}"
        return text

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, times in ISO 8601."""
        data = asdict(self) | {"text": self.sentence()}
        return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in data.items()}


def bound_name(name: str) -> str:
    """Return a direction such as ``EB`` or ``EB2`` in full: eastbound, eastbound 2."""
    bound = _BOUNDS.get(name[:2])
    return name if bound is None else f"{bound} {name[2:]}".rstrip()


def find_problems(outlook: Outlook, places: Mapping[str, Place]) -> list[Problem]:
    """Return the problems of a window that are warned of, those that cost most first.

    They are ranked by probability times vehicle-hours of delay.

    Args:
        outlook: What may come.
        places: What each approach is called.
    """
    found = []
    costs = (outlook.queue + outlook.outside).sum(axis=0).mean(axis=1) * outlook.bin_s / 3600.0
    for i, edge in enumerate(outlook.approaches):
        happens = outlook.problem[:, i]
        some = happens.any(axis=0)
        if some.mean() < WARN:
            continue
        ends = len(happens) - happens[::-1, some].argmax(axis=0)
        first_s = np.quantile(outlook.onset_s[i, some], QUANTILES, method="nearest")
        end = int(np.quantile(ends, 0.5, method="nearest"))
        begin = min(int(first_s[1] // outlook.bin_s), end - 1)
        ratio = outlook.ratio[begin:end, i]
        place = places[edge]
        waiting = (outlook.queue + outlook.outside)[:, i]
        lanes = outlook.storage[i] * VEHICLE_M / max(place.length_m, 1.0)
        longest = waiting.max(axis=0) * VEHICLE_M / max(lanes, 1.0)
        full = (waiting > outlook.storage[i]).any(axis=0)
        found.append(
            Problem(
                place,
                float(some.mean()),
                _moment(outlook, first_s[1]),
                _moment(outlook, first_s[0]),
                _moment(outlook, first_s[2]),
                _moment(outlook, end * outlook.bin_s),
                float(np.median(ratio, axis=1).max()),
                float((ratio > 1.0).mean(axis=1).max()),
                float(np.median(longest)),
                float(np.quantile(longest, 0.9)),
                float(full.mean()),
                float(costs[i]),
            )
        )
    return sorted(found, key=lambda p: (-p.probability * p.lost_veh_h, p.place.edge))


def _moment(outlook: Outlook, after_s: float) -> datetime:
    return outlook.window.moment(after_s).replace(second=0, microsecond=0)
