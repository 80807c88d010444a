"""What a controller sees of each phase of each signal, in physical units and scaled.

All scales are fixed and physical; nothing is learned and nothing runs along, so a policy carries
its input with it to any network.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from signalrl.control.inflow import INFLOW_SCALES, Inflow
from signalrl.control.interlock import Interlock
from signalrl.control.layout import IntArray, Layout
from signalrl.control.measurement import COLUMNS, Column, FloatArray, Measurement
from signalrl.errors import ConfigError
from signalrl.network.model import BoolArray, Network

try:
    from signalrl.control import _encode

    COMPILED = True
except ImportError:  # the installation found no compiler
    COMPILED = False

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


def feature_names(inflow: bool = False) -> tuple[str, ...]:
    """Return the names of the scaled features in order; with those of the expected inflow, or not.

    Their number is the length of a scaled row.
    """
    return (*(f.name for f in Feature), *(f.name for f in Inflow if inflow))


def schema_hash(inflow: bool = False) -> str:
    """Return a hash of the features' names, order, scales and version."""
    scales = (*SCALES, *INFLOW_SCALES)
    names = feature_names(inflow)
    columns = ",".join(f"{name}/{scale:g}" for name, scale in zip(names, scales, strict=False))
    return hashlib.sha256(f"{columns};{LIMIT:g};v{SCHEMA_VERSION}".encode()).hexdigest()


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
        lanes: ``(lanes, columns)``, the reading behind it; overwritten by the next one.
        layout: Which of the lanes lead to which signal, and which of them each phase serves.
        inflow: ``(S, P, len(Inflow))``, what the calendar of events leads to expect, in veh/min;
            None where the controller gets no forecast.
    """

    time_s: float
    features: FloatArray
    requestable: BoolArray
    current: IntArray
    delay_rate: FloatArray
    lanes: FloatArray
    layout: Layout
    inflow: FloatArray | None = None

    def approach_lanes(self) -> FloatArray:
        """Return the reading of each approach lane, ``(S, M, columns)``; zero where padded."""
        return self.layout.spread(self.layout.zones @ self.lanes)

    def scaled(self) -> FloatArray:
        """Return the features as networks take them: divided by their scales, at most LIMIT.

        Their names are :func:`feature_names`: the inflow comes last, where it is given.
        """
        scaled: FloatArray = np.empty(self.features.shape, dtype=np.float32)
        if COMPILED:
            _encode.scale(self.features, _FACTORS, LIMIT, scaled)
        else:
            np.minimum(np.multiply(self.features, _FACTORS, out=scaled), LIMIT, out=scaled)
        if self.inflow is None:
            return scaled
        expected = np.minimum(self.inflow / INFLOW_SCALES, np.float32(LIMIT))
        return np.concatenate((scaled, expected), axis=2)


class Encoder:
    """Turns a measurement and the interlock's state into an :class:`Observation`.

    Args:
        network: The signals and lanes.
        native: Whether the compiled encoder does the arithmetic, else NumPy; by default where it
            was compiled at the installation.
    """

    def __init__(self, network: Network, native: bool = COMPILED) -> None:
        self._layout = layout = Layout(network)
        self._measured = (len(network.lanes), COLUMNS)
        self._shape = layout.served.shape
        signals, phases, width = self._shape
        self._native = native
        self._plan = (
            *(layout.phases, layout.approaches, layout.heads),
            *(layout.zones.first, layout.zones.lane, layout.zones.share),
            *(layout.behind.first, layout.behind.lane, layout.behind.share),
            *(np.ascontiguousarray(x.swapaxes(1, 2)) for x in (layout.served, layout.yielding)),
        )
        self._approach: npt.NDArray[np.float64] = np.zeros((signals * width, COLUMNS))
        self._behind: npt.NDArray[np.float64] = np.zeros((signals * width, 2))
        self._fixed: FloatArray = np.stack(
            (layout.exists, np.broadcast_to(layout.phases[:, None], (signals, phases))),
            axis=2,
            dtype=np.float32,
        )

    def observe(
        self, measurement: Measurement, interlock: Interlock, inflow: FloatArray | None = None
    ) -> Observation:
        """Return the observation of all signals at the time of the measurement.

        A reading that is no number makes features that are none, of the phases that serve it.

        Args:
            measurement: The reading.
            interlock: Knows what is shown and what may be requested.
            inflow: What the calendar leads to expect, ``(S, P, len(Inflow))``, where it is given.

        Raises:
            ConfigError: The measurement is not one of this network's lanes, in float32.
        """
        signals, phases, _ = self._shape
        time_s, current = measurement.time_s, interlock.target.copy()
        requestable = interlock.requestable(time_s)
        features: FloatArray = np.empty((signals, phases, FEATURES), dtype=np.float32)
        delay_rate: FloatArray = np.empty(signals, dtype=np.float32)
        seen = Observation(
            *(time_s, features, requestable, current, delay_rate),
            *(measurement.values, self._layout, inflow),
        )
        if not self._native:
            self._check(measurement)
            self._encode(measurement, interlock, seen)
            return seen
        try:
            _encode.encode(
                *(time_s, self._measured[0], *self._shape, measurement.values, *self._plan),
                *(interlock.clearance_s, current, requestable, interlock.shown_until_s),
                *(interlock.green_since_s, features, delay_rate),
            )
        except ValueError:
            self._check(measurement)  # says more, where that was the reason
            raise
        return seen

    def _check(self, measurement: Measurement) -> None:
        values = measurement.values
        if not (
            values.shape == self._measured
            and values.dtype == np.float32
            and values.flags.c_contiguous
        ):
            raise ConfigError(
                f"expected a measurement of {self._measured[0]} lanes and {COLUMNS} columns in "
                f"contiguous float32, got {values.shape} in {values.dtype}; make it with "
                "Measurement.empty"
            )

    def _encode(self, measurement: Measurement, interlock: Interlock, seen: Observation) -> None:
        """Write the features, those that come together at once."""
        layout, values = self._layout, measurement.values
        signals, phases, width = self._shape
        self._approach[layout.slots] = layout.zones @ values
        self._behind[layout.slots] = layout.behind @ values[:, _DOWNSTREAM]
        approach = self._approach.reshape(signals, width, -1)
        behind = self._behind.reshape(signals, width, -1)

        row, green_since_s = np.arange(signals), interlock.green_since_s
        now = layout.served[row, seen.current][:, None]  # what is served as it is
        present = approach[:, :, Column.PRESENT, None]
        here, lost = now @ present, np.maximum(now - layout.served, 0.0) @ present
        waits = np.zeros(signals * width)
        waits[layout.slots] = values[layout.heads, Column.WAIT]
        longest = ((layout.served > 0) * waits.reshape(signals, 1, width)).max(axis=2)
        total = approach.sum(axis=1, keepdims=True)
        blocks = (
            self._fixed[:, :, :1],
            seen.requestable[:, :, None],
            (np.arange(phases) == seen.current[:, None])[:, :, None],
            interlock.clearance_s[row, seen.current][:, :, None],
            np.isinf(green_since_s)[:, None, None],
            np.maximum(seen.time_s - interlock.shown_until_s, 0.0)[:, :, None],
            np.maximum(seen.time_s - green_since_s, 0.0)[:, None, None],
            (layout.served @ approach)[:, :, _COUNTS],
            (layout.yielding @ approach)[:, :, _MOTION],
            layout.served @ behind,
            total[:, :, _MOTION],
            longest[:, :, None],
            here,
            lost,
            lost / (here + _TINY),
            self._fixed[:, :, 1:],
        )
        column = 0
        for block in blocks:
            seen.features[:, :, column : column + block.shape[2]] = block
            column += block.shape[2]
        np.multiply(seen.features, self._fixed[:, :, :1], out=seen.features)
        seen.delay_rate[:] = total[:, 0, Column.DELAY]
