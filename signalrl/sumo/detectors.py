"""Reads lanes as detectors would: each occupied lane once, all vehicles added up at once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from signalrl.control.measurement import (
    ARRIVAL_EARLY_S,
    ARRIVAL_LATE_S,
    ARRIVAL_MID_S,
    HALTING_M_S,
    MIN_ARRIVAL_SPEED_M_S,
    NEAR_M,
    QUEUE_MID_M,
    QUEUE_NEAR_M,
    VEHICLE_SPACE_M,
    Column,
    FloatArray,
)
from signalrl.network.model import Network
from signalrl.sumo.process import Simulation

try:
    from signalrl.sumo import _tally

    COMPILED = True
except ImportError:  # the installation found no compiler
    COMPILED = False

_Getter = Callable[[str], Any]

THRESHOLDS = (
    *(HALTING_M_S, NEAR_M, QUEUE_NEAR_M, QUEUE_MID_M),
    *(ARRIVAL_EARLY_S, ARRIVAL_MID_S, ARRIVAL_LATE_S, MIN_ARRIVAL_SPEED_M_S),
)
MIN_LIMIT_M_S = 0.1
"""A closed lane may have a limit of 0; what stands there is delayed all the same."""
logger = logging.getLogger(__name__)


class Way(NamedTuple):
    """How a lane is read.

    Attributes:
        row: Its index in the measurement.
        range_m: How far before the stop line vehicles are seen; negative behind the junction.
        far_m: Distance from the beginning of the lane to the stop line.
        limit_m_s: Speed limit.
        per_vehicle: Share of the lane that a vehicle takes.
        stops: Whether it ends at a stop line.
    """

    row: int
    range_m: float
    far_m: float
    limit_m_s: float
    per_vehicle: float
    stops: bool


class LaneReader:
    """Adds up the vehicles on the lanes of a network.

    Ids of vehicles live for the length of one reading, as SUMO needs them to tell speeds and
    positions; what leaves are sums per lane.

    Args:
        simulation: A started SUMO.
        network: The lanes.
        range_m: How far before the stop line vehicles are seen.
        native: Whether to read libsumo with the compiled reader, where it was compiled at the
            installation.

    Attributes:
        native: Whether it does.
    """

    def __init__(
        self, simulation: Simulation, network: Network, range_m: float, native: bool = True
    ) -> None:
        edges: dict[str, list[tuple[str, Way]]] = {}
        for edge, lane_id, way in _ways(network, range_m):
            edges.setdefault(edge, []).append((lane_id, way))
        self._edges = {edge: tuple(edges[edge]) for edge in sorted(edges)}
        self._enters: dict[str, str] = {}
        self._native: _tally.Reader | None = None
        if native:
            self._native = _prepare(simulation, tuple(self._edges.items()))
        self.native = self._native is not None
        api = simulation.api
        self._vehicles_on_edge: _Getter = api.edge.getLastStepVehicleNumber
        self._vehicles: _Getter = api.lane.getLastStepVehicleIDs
        self._halting: _Getter = api.lane.getLastStepHaltingNumber
        self._mean_speed: _Getter = api.lane.getLastStepMeanSpeed
        self._position: _Getter = api.vehicle.getLanePosition
        self._speed: _Getter = api.vehicle.getSpeed
        self._waiting: _Getter = api.vehicle.getWaitingTime
        self._route: _Getter = api.vehicle.getRoute
        self._pending: Callable[[], tuple[str, ...]] = api.simulation.getPendingVehicles

    def read(self, values: FloatArray) -> None:
        """Fill ``(lanes, columns)`` with what the detectors see now."""
        if self._native is not None:
            anybody_waits = _tally.read(self._native, values) > 0
        else:
            values.fill(0.0)
            self._read(values)
            anybody_waits = True
        if anybody_waits:
            self._add_pending(values)

    def _read(self, values: FloatArray) -> None:
        for edge, lanes in self._edges.items():
            # An edge of several lanes is asked first whether anybody is there.
            left = self._vehicles_on_edge(edge) if len(lanes) > 1 else 1
            for lane_id, way in lanes:
                if left <= 0:
                    break
                if vehicles := self._vehicles(lane_id):
                    values[way.row] = self._tally(lane_id, way, vehicles)
                    left -= len(vehicles)

    def _tally(self, lane_id: str, way: Way, vehicles: tuple[str, ...]) -> list[float]:
        """Add up a lane's vehicles, which SUMO lists from the rear to the front."""
        count, columns = len(vehicles), [0.0] * len(Column)
        columns[Column.OCCUPANCY] = count * way.per_vehicle
        if way.range_m < 0:  # behind the junction: only how full it is and how many stand
            for column in (Column.QUEUED, Column.QUEUE_25, Column.PRESENT):
                columns[column] = self._halting(lane_id)
            return columns
        speeds = 0.0
        for vehicle in reversed(vehicles):
            distance = way.far_m - self._position(vehicle)
            if distance > way.range_m:
                speeds = count * self._mean_speed(lane_id)
                break
            speed = self._speed(vehicle)
            speeds += speed
            for column in _columns_of(distance, speed):
                columns[column] += 1.0
        columns[Column.DELAY] = max(0.0, count - speeds / way.limit_m_s)
        if way.stops and columns[Column.QUEUED]:
            columns[Column.WAIT] = self._waiting(vehicles[-1])
        return columns

    def _add_pending(self, values: FloatArray) -> None:
        """Count the vehicles that wait for room on an edge as delayed, shared by its lanes.

        SUMO searches all of them for each edge that it is asked about, so each is asked once, when
        it is first found waiting, where it wants to enter.
        """
        known, route = self._enters, self._route
        self._enters = {
            vehicle: known[vehicle] if vehicle in known else route(vehicle)[0]
            for vehicle in self._pending()
        }
        for edge, waiting in Counter(self._enters.values()).items():
            for _, way in (lanes := self._edges.get(edge, ())):
                values[way.row, Column.DELAY] += waiting / len(lanes)


def _prepare(simulation: Simulation, edges: tuple[object, ...]) -> _tally.Reader | None:
    """Return a compiled reader of the lanes, or None where there can be none."""
    library = simulation.inner
    if not COMPILED or library is None:
        return None
    try:
        return _tally.prepare(str(library.__file__), edges, THRESHOLDS)
    except OSError as error:
        logger.warning("lanes are read from Python, which is slower: %s", error)
        return None


def _ways(network: Network, range_m: float) -> Iterator[tuple[str, str, Way]]:
    """Yield edge, id and way of reading of each lane of a network."""
    offsets: dict[str, float] = {}
    for zone in network.zones:
        for part in zone.parts:
            offsets[part.lane] = min(part.offset_m, offsets.get(part.lane, part.offset_m))
    stop_lanes = {zone.lane for zone in network.zones}
    for row, lane in enumerate(network.lanes):
        yield (
            lane.edge,
            lane.id,
            Way(
                row=row,
                range_m=range_m if lane.id in offsets else -1.0,
                far_m=lane.length_m + offsets.get(lane.id, 0.0),
                limit_m_s=max(lane.speed_m_s, MIN_LIMIT_M_S),
                per_vehicle=VEHICLE_SPACE_M / max(lane.length_m, VEHICLE_SPACE_M),
                stops=lane.id in stop_lanes,
            ),
        )


def _columns_of(distance_m: float, speed_m_s: float) -> Iterator[Column]:
    """Yield the columns that a vehicle counts in."""
    yield Column.PRESENT
    if distance_m < NEAR_M:
        yield Column.NEAR
    if speed_m_s < HALTING_M_S:
        yield Column.QUEUED
        if distance_m < QUEUE_NEAR_M:
            yield Column.QUEUE_25
        else:
            yield Column.QUEUE_60 if distance_m < QUEUE_MID_M else Column.QUEUE_FAR
        return
    yield Column.APPROACHING
    arrival_s = distance_m / max(speed_m_s, MIN_ARRIVAL_SPEED_M_S)
    if arrival_s < ARRIVAL_EARLY_S:
        yield Column.ARRIVAL_5
    elif arrival_s < ARRIVAL_LATE_S:
        yield Column.ARRIVAL_10 if arrival_s < ARRIVAL_MID_S else Column.ARRIVAL_20
