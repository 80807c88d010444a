"""Finds which lanes the detectors of a stop line see."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from signalrl.network.model import Signal, StoredSignal, Zone, ZonePart

DETECTION_RANGE_M = 150.0
"""How far before the stop line vehicles are seen, where nothing else is asked for."""
MIN_SHARE = 0.02
"""A lane that sends less than this share of its traffic to a stop line is not part of its zone."""
ENTRY_M = 20.0
"""Vehicles that enter the network are put whole onto a lane: a detector sees them from here on."""
JOINT_M = 1.0
MIN_SPEED_M_S = 1.0


def detection_zones(
    net: Any, signals: Iterable[Signal | StoredSignal], range_m: float
) -> tuple[Zone, ...]:
    """Return one zone per signal and stop-line lane, sorted by signal, then lane.

    Lane lengths lie: many stop-line lanes are a few metres long. A zone therefore follows its lane
    upstream, through joints that no signal controls, up to ``range_m`` before the stop line.
    """
    zones = []
    for signal in sorted(signals, key=lambda signal: signal.id):
        lanes = sorted({link.from_lane for link in signal.links if not link.crossing})
        zones += [Zone(signal.id, lane, _upstream(net.getLane(lane), range_m)) for lane in lanes]
    return tuple(zones)


def seen_m(net: Any, zone: Zone) -> float:
    """Return how far before the stop line a zone reaches, in m."""
    return max(part.offset_m + float(net.getLane(part.lane).getLength()) for part in zone.parts)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place for a detector.

    Attributes:
        lane: Id of the lane.
        at_m: Distance from the beginning of the lane.
        before_m: Distance to the stop line.
        drive_s: Time to drive there at the speed limits.
    """

    lane: str
    at_m: float
    before_m: float
    drive_s: float


def spots_upstream(net: Any, stop_lane: str, before_m: float) -> tuple[Spot, ...]:
    """Return where detectors have to lie to see all that comes to a stop line at a distance.

    The lanes are followed upstream as in :func:`detection_zones`, and each way that leads here gets
    a detector. Where it begins nearer than asked for, the detector lies near its beginning: at an
    entry of the network a bit behind it, as SUMO puts vehicles whole onto a lane.
    """
    spots: dict[str, Spot] = {}
    frontier = [(0.0, 0.0, stop_lane)]
    seen = set()
    while frontier:
        offset, drive_s, lane_id = heapq.heappop(frontier)
        if lane_id in seen:
            continue
        seen.add(lane_id)
        lane = net.getLane(lane_id)
        length, speed = float(lane.getLength()), max(float(lane.getSpeed()), MIN_SPEED_M_S)
        before = feeders(lane) if offset + length < before_m else []
        if before:
            for feeder in before:
                heapq.heappush(
                    frontier, (offset + length, drive_s + length / speed, feeder.getID())
                )
            continue
        entry = not lane.getEdge().getIncoming()
        nearest = min(ENTRY_M, 0.5 * length) if entry else min(JOINT_M, 0.5 * length)
        at_m = max(length - (before_m - offset), nearest)
        rest = length - at_m
        spots[lane_id] = Spot(
            lane_id, round(at_m, 2), round(offset + rest, 2), round(drive_s + rest / speed, 3)
        )
    return tuple(spots[key] for key in sorted(spots))


def _upstream(stop_lane: Any, range_m: float) -> tuple[ZonePart, ...]:
    """Follow a stop-line lane upstream, the nearest lanes first.

    A lane that fans out into several gives each the same share of its traffic; what it sends to
    the stop line on several ways adds up.
    """
    lanes = {stop_lane.getID(): stop_lane}
    shares: dict[str, float] = defaultdict(float, {stop_lane.getID(): 1.0})
    offsets = {stop_lane.getID(): 0.0}
    frontier = [(0.0, stop_lane.getID())]
    parts: dict[str, ZonePart] = {}
    while frontier:
        offset, lane_id = heapq.heappop(frontier)
        if lane_id in parts or offset > offsets[lane_id]:
            continue
        lane, share = lanes[lane_id], shares[lane_id]
        if share < MIN_SHARE:
            continue
        parts[lane_id] = ZonePart(lane_id, min(round(share, 6), 1.0), round(offset, 2))
        start = offset + lane.getLength()
        if start >= range_m:
            continue
        for before in feeders(lane):
            before_id = before.getID()
            if before_id in parts:
                continue
            lanes[before_id] = before
            shares[before_id] += share / _fan_out(before)
            offsets[before_id] = min(start, offsets.get(before_id, start))
            heapq.heappush(frontier, (offsets[before_id], before_id))
    return tuple(parts[key] for key in sorted(parts))


def feeders(lane: Any) -> list[Any]:
    """Return the lanes that lead into a lane without passing a signal, sorted."""
    found = {
        connection.getFromLane().getID(): connection.getFromLane()
        for connection in lane.getIncomingConnections()
        if not connection.getTLSID() and connection.getFromLane().getEdge().getFunction() == ""
    }
    return [found[key] for key in sorted(found)]


def _fan_out(lane: Any) -> int:
    targets = [connection.getToLane() for connection in lane.getOutgoing()]
    return len({lane.getID() for lane in targets if lane.getEdge().getFunction() == ""})
