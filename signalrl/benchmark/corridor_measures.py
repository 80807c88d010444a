"""Which greens along a corridor meet each other. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from signalrl.benchmark.signal_measures import periods
from signalrl.sumo.course import CorridorCourse, Stop

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Band:
    """Green at one signal of a corridor that meets green at the next.

    Attributes:
        stop: Index of the signal where it begins, in the order of the stops.
        to: Index of the signal where it ends.
        leaves: Begin and end at the first.
        comes: Begin and end at the second.
        through: Whether it reaches back to the first signal of the direction.
    """

    stop: int
    to: int
    leaves: Span
    comes: Span
    through: bool


def bands(corridor: CorridorCourse, end_s: float, backward: bool = False) -> list[Band]:
    """Return the greens that meet the next signal's green at the speed limit.

    Args:
        corridor: The signals.
        end_s: End of the episode.
        backward: For the opposite direction.
    """
    order = range(len(corridor.stops))
    found: list[Band] = []
    through: list[Span] | None = None
    for here, there in pairwise(reversed(order) if backward else order):
        stop, after = corridor.stops[here], corridor.stops[there]
        drive_s = after.backward_s if backward else after.forward_s
        if drive_s is None:
            through = []
            continue
        leaves, comes = _greens(stop, end_s, backward), _greens(after, end_s, backward)
        if through is None:
            through = leaves
        links = _overlaps(leaves, comes, drive_s)
        chained = _overlaps(through, comes, drive_s)
        for reached, spans in ((False, links), (True, chained)):
            for a, b in spans:
                found.append(Band(here, there, (a - drive_s, b - drive_s), (a, b), reached))
        through = chained
    return found


def progression(corridor: CorridorCourse, end_s: float, backward: bool = False) -> float:
    """Return the share of green, over the links of a corridor, that meets green at the next signal.

    It is nan where nothing leads that way.
    """
    met = sum(b.comes[1] - b.comes[0] for b in bands(corridor, end_s, backward) if not b.through)
    order = range(len(corridor.stops))
    total = 0.0
    for here, there in pairwise(reversed(order) if backward else order):
        after = corridor.stops[there]
        drive_s = after.backward_s if backward else after.forward_s
        if drive_s is not None:
            # Who leaves so late that the end comes before the next signal is not to be blamed.
            total += sum(
                max(0.0, min(b, end_s - drive_s) - a)
                for a, b in _greens(corridor.stops[here], end_s, backward)
            )
    return met / total if total > 0 else math.nan


def _greens(stop: Stop, end_s: float, backward: bool) -> list[Span]:
    positions = stop.backward if backward else stop.forward
    if not positions:
        return []
    found = periods(stop.shown, positions, end_s)
    return [(p.start_s, p.end_s) for p in found if p.colour == "green"]


def _overlaps(leaves: Sequence[Span], comes: Sequence[Span], drive_s: float) -> list[Span]:
    """Return what of some spans, moved by a time, lies in others; both are sorted."""
    found, i, j = [], 0, 0
    while i < len(leaves) and j < len(comes):
        low = max(leaves[i][0] + drive_s, comes[j][0])
        high = min(leaves[i][1] + drive_s, comes[j][1])
        if low < high:
            found.append((low, high))
        if leaves[i][1] + drive_s < comes[j][1]:
            i += 1
        else:
            j += 1
    return found
