"""What the detectors of a plant report: one row per lane, aggregate counts only.

Counts, queues and times are such as stop-line loops, advance loops, radar or video deliver. There
is no vehicle in it, and nothing that could tell one vehicle from another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

VEHICLE_SPACE_M = 7.5
"""Road that a standing vehicle takes, gap included (HCM 2010, 7.6 m; SUMO's default 7.5 m)."""
HALTING_M_S = 0.1
"""Slower than this is queued (SUMO's own threshold for halting)."""
NEAR_M = 50.0
ARRIVAL_EARLY_S, ARRIVAL_MID_S, ARRIVAL_LATE_S = 5.0, 10.0, 20.0
QUEUE_NEAR_M, QUEUE_MID_M = 25.0, 60.0
MIN_ARRIVAL_SPEED_M_S = 3.0


class Column(IntEnum):
    """The columns of a measurement; counts of vehicles within detection range, and four others."""

    OCCUPANCY = 0
    """Share of the lane that vehicles take, by their number; a short lane can exceed 1."""
    QUEUED = 1
    """Halting vehicles."""
    APPROACHING = 2
    """Moving vehicles."""
    NEAR = 3
    """Vehicles within 50 m of the stop line."""
    ARRIVAL_5 = 4
    """Moving vehicles that reach the stop line within 5 s at their speed."""
    ARRIVAL_10 = 5
    """... within 5 to 10 s."""
    ARRIVAL_20 = 6
    """... within 10 to 20 s."""
    QUEUE_25 = 7
    """Queued vehicles within 25 m of the stop line."""
    QUEUE_60 = 8
    """... within 25 to 60 m."""
    QUEUE_FAR = 9
    """... beyond 60 m."""
    PRESENT = 10
    """Queued and moving vehicles."""
    DELAY = 11
    """Delay rate in vehicle-seconds per second: ``1 - speed / limit`` summed over the vehicles of
    the whole lane, and 1 for each that waits outside of the network for room on it."""
    WAIT = 12
    """How long the vehicle at the head of the lane has stood, in s."""


COLUMNS = len(Column)


@dataclass(slots=True)
class Measurement:
    """One reading of all detectors.

    Attributes:
        time_s: When it was taken.
        values: ``(lanes, columns)``, lanes in the order of ``Network.lanes``.
    """

    time_s: float
    values: FloatArray

    @classmethod
    def empty(cls, lanes: int, time_s: float = 0.0) -> Measurement:
        """Return a measurement of empty lanes."""
        return cls(time_s, np.zeros((lanes, COLUMNS), dtype=np.float32))

    def __getitem__(self, column: Column) -> FloatArray:
        """Return one column, ``(lanes,)``."""
        return self.values[:, column]
