"""Says in words where, when and how surely an approach will be at its limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from signalrl.forecast.forecast import QUANTILES, Outlook
from signalrl.forecast.turning import VEHICLE_M

FloatArray = npt.NDArray[np.floating[Any]]

WARN = 0.3
"""Probability from which on an approach is warned of: on rehearsed evenings of ``arena`` and
``ingolstadt-matchday`` it finds 92 %, so that 90 % are found on others too."""
_TOLD = 0.2
"""Probability from which on a full road is mentioned."""
_LIKELY = 0.05
"""Probability of a problem in a bin from which on the bin belongs to the time of one."""
_APART_S = 3600.0
"""Without a problem for so long, another one begins."""
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
        probability: That it is in some bin of that time.
        begin: When it begins, in the median of the draws in which it does.
        begin_early: The same at 10 %.
        begin_late: The same at 90 %.
        end: When it ends, in their median.
        ratio: Largest demand over capacity from its begin to its end, in the median of all draws.
        over_capacity: Largest probability that demand exceeds capacity in a bin of that time.
        queue_m: Longest queue per lane in m, in the median, at least; who waits outside of the
            network or in a car park is in it.
        queue_most_m: The same at 90 %.
        spills_back: Probability that the road is full at some time.
        lost_veh_h: Vehicle-hours of delay in that time, in the mean.
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

    They are ranked by probability times vehicle-hours of delay. An approach has one for each time
    at which it may be at its limit: before an event, and after it.

    Args:
        outlook: What may come.
        places: What each approach is called.
    """
    found = []
    waiting_h = (outlook.queue + outlook.outside).mean(axis=2) * outlook.bin_s / 3600.0
    for i, edge in enumerate(outlook.approaches):
        if outlook.problem[:, i].any(axis=0).mean() >= WARN:
            costs = waiting_h[:, i]
            of_place = (
                _problem(outlook, i, places[edge], time, float(costs[time].sum()))
                for time in _times(outlook.problem[:, i].mean(axis=1), outlook.bin_s)
            )
            found += [problem for problem in of_place if problem.probability >= WARN]
    return sorted(found, key=lambda p: (-p.probability * p.lost_veh_h, p.place.edge, p.begin))


def _times(odds: FloatArray, bin_s: float) -> Iterator[slice]:
    """Yield the bins of each time in which there may be a problem."""
    bins = np.flatnonzero(odds >= _LIKELY)
    for run in np.split(bins, np.flatnonzero(np.diff(bins) * bin_s > _APART_S) + 1):
        if len(run):
            yield slice(int(run[0]), int(run[-1]) + 1)


def _problem(outlook: Outlook, i: int, place: Place, time: slice, lost_veh_h: float) -> Problem:
    """Return the problem of an approach in some bins."""
    happens = outlook.problem[time, i]
    some = happens.any(axis=0)
    first = happens[:, some].argmax(axis=0) + time.start
    # The first bin knows its begin; the onset knows it to a part, and may lie in the bin before.
    onset_s, bin_s = outlook.onset_s[i, some], outlook.bin_s
    exact = (onset_s > (first - 1) * bin_s) & (onset_s <= first * bin_s)
    first_s = np.quantile(np.where(exact, onset_s, first * bin_s), QUANTILES, method="nearest")
    ends = time.stop - happens[::-1, some].argmax(axis=0)
    end = int(np.quantile(ends, 0.5, method="nearest"))
    begin = min(int(first_s[1] // bin_s), end - 1)
    ratio = outlook.ratio[begin:end, i]
    waiting = (outlook.queue + outlook.outside)[time, i]
    lanes = outlook.storage[i] * VEHICLE_M / max(place.length_m, 1.0)
    longest = waiting.max(axis=0) * VEHICLE_M / max(lanes, 1.0)
    return Problem(
        place,
        float(some.mean()),
        _moment(outlook, first_s[1]),
        _moment(outlook, first_s[0]),
        _moment(outlook, first_s[2]),
        _moment(outlook, end * bin_s),
        float(np.median(ratio, axis=1).max()),
        float((ratio > 1.0).mean(axis=1).max()),
        float(np.median(longest)),
        float(np.quantile(longest, 0.9)),
        float((waiting > outlook.storage[i]).any(axis=0).mean()),
        lost_veh_h,
    )


def _moment(outlook: Outlook, after_s: float) -> datetime:
    return outlook.window.moment(after_s).replace(second=0, microsecond=0)
