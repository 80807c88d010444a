"""What a controller sees of each phase of each signal, in physical units and scaled.

All scales are fixed and physical; nothing is learned and nothing runs along, so a policy carries
its input with it to any network.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from signalrl.control.interlock import Interlock
from signalrl.control.layout import IntArray, Layout, WeightArray
from signalrl.control.measurement import COLUMNS, Column, FloatArray, Measurement
from signalrl.network.model import BoolArray, Network

SCHEMA_VERSION = 1
LIMIT = 5.0
"""Scaled features are cut off here; none is negative."""


class Feature(IntEnum):
    """The features of a phase. Vehicles and seconds before scaling.

    A lane of which a phase serves only some movements counts by the share of its links.
    """

    EXISTS = 0
    """1 for a phase of the signal, 0 for padding."""
    REQUESTABLE = 1
    """1 where the phase may be requested now: the action mask."""
    CURRENT = 2
    """1 where the phase is shown, or the signal is on its way to it."""
    CLEARANCE = 3
    """Time that the change to this phase takes, in s."""
    MOVING = 4
    """1 while the signal is on its way from one phase to another (same for all its phases)."""
    UNSERVED = 5
    """Time since the phase was shown, in s."""
    GREEN = 6
    """How long the current phase has been green, in s (same for all phases)."""
    QUEUED = 7
    """Queued vehicles that the phase serves."""
    APPROACHING = 8
    """Moving vehicles that it serves."""
    NEAR = 9
    """Served vehicles within 50 m of the stop line."""
    ARRIVAL_5 = 10
    """Served vehicles that reach the stop line within 5 s."""
    ARRIVAL_10 = 11
    """... within 5 to 10 s."""
    ARRIVAL_20 = 12
    """... within 10 to 20 s."""
    QUEUE_25 = 13
    """Served vehicles that are queued within 25 m of the stop line."""
    QUEUE_60 = 14
    """... within 25 to 60 m."""
    QUEUE_FAR = 15
    """... beyond 60 m."""
    QUEUED_PERMISSIVE = 16
    """Queued vehicles that are served and have to yield: permissive green, or red after a stop."""
    APPROACHING_PERMISSIVE = 17
    """Moving vehicles that are served and have to yield: permissive green, or red after a stop."""
    DOWNSTREAM_OCCUPANCY = 18
    """Occupancy behind the junction: each served lane with the mean of its targets, summed."""
    DOWNSTREAM_QUEUE = 19
    """Queue behind the junction in vehicles: each served lane with the mean of its targets."""
    TOTAL_QUEUED = 20
    """Queued vehicles at the signal (same for all phases)."""
    TOTAL_APPROACHING = 21
    """Moving vehicles at the signal (same for all phases)."""
    WAIT = 22
    """Longest wait at the head of a served lane, in s."""
    CURRENT_DEMAND = 23
    """Vehicles that the current phase serves (same for all phases)."""
    LOST = 24
    """Vehicles that the current phase serves and this one cuts off."""
    LOST_SHARE = 25
    """LOST as a share of what the current phase serves, 0 to 1."""
    PHASES = 26
    """Number of phases of the signal (same for all phases)."""


FEATURES = len(Feature)
SCALES: FloatArray = np.array(
    [
        *(1.0, 1.0, 1.0, 5.0, 1.0, 60.0, 30.0),
        *(10.0, 10.0, 10.0, 5.0, 5.0, 10.0, 5.0, 5.0, 10.0),
        *(10.0, 10.0, 2.0, 10.0, 20.0, 20.0),
        *(60.0, 10.0, 10.0, 1.0, 8.0),
    ],
    dtype=np.float32,
)
"""What each feature is divided by."""
_FACTORS = 1.0 / SCALES
_COUNTS = slice(Column.QUEUED, Column.QUEUE_FAR + 1)
_MOTION = slice(Column.QUEUED, Column.APPROACHING + 1)
_DOWNSTREAM = slice(Column.OCCUPANCY, Column.QUEUED + 1)
_TINY = 1e-9


def schema_hash() -> str:
    """Return a hash of the features' names, order, scales and version."""
    text = ",".join(f"{f.name}/{SCALES[f]:g}" for f in Feature) + f";{LIMIT:g};v{SCHEMA_VERSION}"
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Observation:
    """What controllers see of one moment.

    Attributes:
        time_s: When it was taken.
        features: ``(S, P, F)`` in physical units, see :class:`Feature`; zero where padded.
        requestable: ``(S, P)``, which phases may be requested.
        current: ``(S,)``, the phase that is shown or on its way.
        delay_rate: ``(S,)``, vehicle-seconds lost per second on the signal's approaches,
            insertion backlog included.
    """

    time_s: float
    features: FloatArray
    requestable: BoolArray
    current: IntArray
    delay_rate: FloatArray

    def scaled(self) -> FloatArray:
        """Return the features as networks take them: divided by their scales, at most LIMIT."""
        scaled: FloatArray = self.features * _FACTORS
        return np.minimum(scaled, LIMIT, out=scaled)


class Encoder:
    """Turns a measurement and the interlock's state into an :class:`Observation`."""

    def __init__(self, network: Network) -> None:
        self._layout = layout = Layout(network)
        signals, phases, width = layout.served.shape
        self._row = np.arange(signals)
        self._approach: WeightArray = np.zeros((signals * width, COLUMNS))
        self._behind: WeightArray = np.zeros((signals * width, 2))
        self._shape = (signals, width, -1)
        self._fixed = np.stack(
            (layout.exists, np.broadcast_to(layout.phases[:, None], (signals, phases))), axis=2
        )

    def observe(self, measurement: Measurement, interlock: Interlock) -> Observation:
        """Return the observation of all signals at the time of the measurement.

        Features that come together are computed together and put side by side at the end: this
        runs at every decision, and the number of NumPy calls is its cost.
        """
        time_s, values, layout = measurement.time_s, measurement.values, self._layout
        current = interlock.target.copy()
        requestable = interlock.requestable(time_s)
        self._approach[layout.slots] = layout.zones @ values
        self._behind[layout.slots] = layout.behind @ values[:, _DOWNSTREAM]
        approach, behind = self._approach.reshape(self._shape), self._behind.reshape(self._shape)

        served = layout.served @ approach
        now = layout.served[self._row, current]  # what the phase that is shown serves
        present = approach[:, :, Column.PRESENT, None]
        here = now[:, None] @ present
        lost = np.maximum(now[:, None] - layout.served, 0.0) @ present
        waits = np.zeros(len(self._approach))
        waits[layout.slots] = values[layout.heads, Column.WAIT]
        longest = ((layout.served > 0) * waits.reshape(len(now), 1, -1)).max(axis=2, keepdims=True)
        total = approach.sum(axis=1, keepdims=True)

        features = np.zeros((*layout.exists.shape, FEATURES), dtype=np.float32)
        blocks = (
            self._fixed[:, :, :1],
            requestable[:, :, None],
            interlock.status,
            np.maximum(time_s - interlock.since_s, 0.0),
            served[:, :, _COUNTS],
            (layout.yielding @ approach)[:, :, _MOTION],
            layout.served @ behind,
            total[:, :, _MOTION],
            longest,
            here,
            lost,
            lost / (here + _TINY),
            self._fixed[:, :, 1:],
        )
        column = 0
        for block in blocks:
            features[:, :, column : column + block.shape[2]] = block
            column += block.shape[2]
        features *= self._fixed[:, :, :1]
        delay_rate = total[:, 0, Column.DELAY].astype(np.float32)
        return Observation(time_s, features, requestable, current, delay_rate)
