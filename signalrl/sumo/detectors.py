"""Reads lanes as detectors would: each occupied lane once, all vehicles added up at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from signalrl.control.measurement import (
    ARRIVAL_EARLY_S,
    ARRIVAL_LATE_S,
    ARRIVAL_MID_S,
    COLUMNS,
    HALTING_M_S,
    MIN_ARRIVAL_SPEED_M_S,
    NEAR_M,
    QUEUE_MID_M,
    QUEUE_NEAR_M,
    VEHICLE_SPACE_M,
    Column,
    FloatArray,
)
from signalrl.network.model import Lane, Network

_NEAR, _OCCUPANCY, _DELAY, _WAIT = range(7, 11)
"""Entries of a lane's tally behind the seven kinds of vehicles: queued near, middle and far;
arriving early, mid, late and later."""
_TALLY = 11
_COLUMNS_OF = (
    (Column.QUEUED, Column.QUEUE_25, Column.PRESENT),
    (Column.QUEUED, Column.QUEUE_60, Column.PRESENT),
    (Column.QUEUED, Column.QUEUE_FAR, Column.PRESENT),
    (Column.APPROACHING, Column.ARRIVAL_5, Column.PRESENT),
    (Column.APPROACHING, Column.ARRIVAL_10, Column.PRESENT),
    (Column.APPROACHING, Column.ARRIVAL_20, Column.PRESENT),
    (Column.APPROACHING, Column.PRESENT),
    (Column.NEAR,),
    (Column.OCCUPANCY,),
    (Column.DELAY,),
    (Column.WAIT,),
)
_TO_COLUMNS: FloatArray = np.zeros((_TALLY, COLUMNS), dtype=np.float32)
for _entry, _columns in enumerate(_COLUMNS_OF):
    _TO_COLUMNS[_entry, _columns] = 1.0


class LaneReader:
    """Adds up the vehicles on the lanes of a network.

    Ids of vehicles live for the length of one reading, as SUMO needs them to tell speeds and
    positions; what leaves are sums per lane.

    Args:
        api: libsumo or a connection of traci.
        network: The lanes.
        range_m: How far before the stop line vehicles are seen.
    """

    def __init__(self, api: Any, network: Network, range_m: float) -> None:
        self._api = api
        offsets: dict[str, float] = {}
        for zone in network.zones:
            for part in zone.parts:
                offsets[part.lane] = min(part.offset_m, offsets.get(part.lane, part.offset_m))
        stop_lanes = {zone.lane for zone in network.zones}
        edges: dict[str, list[_Lane]] = {}
        for i, lane in enumerate(network.lanes):
            edges.setdefault(lane.edge, []).append(
                _Lane(i, lane, offsets.get(lane.id), range_m, lane.id in stop_lanes)
            )
        self._lanes = {edge: tuple(edges[edge]) for edge in sorted(edges)}
        # An edge of several lanes is asked first whether anybody is there.
        self._narrow = [lanes[0] for lanes in self._lanes.values() if len(lanes) == 1]
        self._wide = [(edge, lanes) for edge, lanes in self._lanes.items() if len(lanes) > 1]
        self._enters: dict[str, str] = {}

    def read(self, values: FloatArray) -> None:
        """Fill ``(lanes, columns)`` with what the detectors see now."""
        api = self._api
        on_lane, on_edge = api.lane.getLastStepVehicleIDs, api.edge.getLastStepVehicleNumber
        values.fill(0.0)
        occupied: list[int] = []
        tallies: list[float] = []
        for lane in self._narrow:
            if vehicles := on_lane(lane.id):
                occupied.append(lane.index)
                tallies += lane.tally(vehicles, api)
        for edge, lanes in self._wide:
            left = on_edge(edge)
            if left:
                for lane in lanes:
                    if vehicles := on_lane(lane.id):
                        occupied.append(lane.index)
                        tallies += lane.tally(vehicles, api)
                        left -= len(vehicles)
                        if left <= 0:
                            break
        if occupied:
            rows = np.array(tallies, dtype=np.float32).reshape(-1, _TALLY)
            values[occupied] = rows @ _TO_COLUMNS
        self._add_pending(values)

    def _add_pending(self, values: FloatArray) -> None:
        """Count the vehicles that wait for room on an edge as delayed, shared by its lanes.

        SUMO searches all of them for each edge that it is asked about, so each is asked once, when
        it is first found waiting, where it wants to enter.
        """
        known, route = self._enters, self._api.vehicle.getRoute
        self._enters = {
            vehicle: known[vehicle] if vehicle in known else route(vehicle)[0]
            for vehicle in self._api.simulation.getPendingVehicles()
        }
        for edge, waiting in Counter(self._enters.values()).items():
            for lane in (lanes := self._lanes.get(edge, ())):
                values[lane.index, Column.DELAY] += waiting / len(lanes)


class _Lane:
    """How one lane is read."""

    __slots__ = ("_far_m", "_limit", "_partly", "_per_vehicle", "_range_m", "_stops", "id", "index")

    def __init__(
        self, index: int, lane: Lane, offset_m: float | None, range_m: float, stops: bool
    ) -> None:
        self.index, self.id = index, lane.id
        self._range_m = range_m if offset_m is not None else -1.0
        self._far_m = lane.length_m + (offset_m or 0.0)
        self._partly = offset_m is not None and self._far_m > range_m
        self._limit = lane.speed_m_s
        self._per_vehicle = VEHICLE_SPACE_M / max(lane.length_m, VEHICLE_SPACE_M)
        self._stops = stops

    def tally(self, vehicles: Sequence[str], api: Any) -> list[float]:
        """Add up the lane's vehicles, which SUMO lists from the rear to the front."""
        tally = [0.0] * _TALLY
        count = len(vehicles)
        tally[_OCCUPANCY] = count * self._per_vehicle
        range_m, far_m = self._range_m, self._far_m
        if range_m < 0:  # behind the junction: only how full it is and how many stand
            tally[0] = api.lane.getLastStepHaltingNumber(self.id)
            return tally
        get_speed, get_position = api.vehicle.getSpeed, api.vehicle.getLanePosition
        seen, speeds = 0, 0.0
        for vehicle in reversed(vehicles):
            distance = far_m - get_position(vehicle)
            if distance > range_m:
                break
            seen += 1
            speed = get_speed(vehicle)
            speeds += speed
            if distance < NEAR_M:
                tally[_NEAR] += 1
            if speed < HALTING_M_S:
                tally[0 if distance < QUEUE_NEAR_M else 1 if distance < QUEUE_MID_M else 2] += 1
                continue
            if speed < MIN_ARRIVAL_SPEED_M_S:
                speed = MIN_ARRIVAL_SPEED_M_S
            arrival = distance / speed
            if arrival < ARRIVAL_MID_S:
                tally[3 if arrival < ARRIVAL_EARLY_S else 4] += 1
            else:
                tally[5 if arrival < ARRIVAL_LATE_S else 6] += 1
        if seen < count and self._partly:
            speeds = count * api.lane.getLastStepMeanSpeed(self.id)
        tally[_DELAY] = max(0.0, count - speeds / self._limit)
        if self._stops and (tally[0] or tally[1] or tally[2]):
            tally[_WAIT] = api.vehicle.getWaitingTime(vehicles[-1])
        return tally
