"""What an approach of a signal can discharge under a program.

Saturation flow times the share of green, as in the Highway Capacity Manual; left turns that yield
have the capacity of the gaps that they find (HCM 2000, chapter 16, appendix C), with SUMO's gaps
and without those who leave as the green ends, which SUMO's drivers don't. How vehicles choose among
lanes is left to them: an approach is full when no choice of lanes serves more. Not modelled is that
those who wait to turn hold up a lane that they share: where most of a single lane turns left across
traffic, or waits for a phase of its own, SUMO discharges half of this or less.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from signalrl.network.model import Network, Program, Signal

SATURATION_VEH_H = 1830.0
"""What a queue of SUMO's default cars discharges in an hour of green, from a lane straight on."""
TURN_FACTOR = {"s": 1.0, "r": 0.78, "R": 0.9, "l": 0.79, "L": 0.9, "t": 0.7}
"""The same of a turn over that of going straight on, at the speeds of SUMO's turns."""
CRITICAL_GAP_S = 6.7
FOLLOW_UP_S = 2.9
"""Gap that a left turn of SUMO's default cars accepts, and the headway of those who share one; in
the field they are 4.5 and 2.5 s (HCM 2000)."""

Key = tuple[str, str]
"""A movement: the edge before the stop line and the edge behind the junction."""


@dataclass(frozen=True, slots=True)
class Movement:
    """Traffic from one edge over a stop line to another edge.

    Attributes:
        key: The two edges.
        direction: SUMO's letter.
        lanes: Lanes before the stop line from which it may go, sorted.
        protected: Share of the cycle in which it has right of way.
        permissive: Share of the cycle in which it has green and yields.
        opposing: Movements that it yields to then.
        opposing_lanes: Lanes from which these come.
    """

    key: Key
    direction: str
    lanes: tuple[str, ...]
    protected: float
    permissive: float
    opposing: tuple[Key, ...]
    opposing_lanes: int


def find_movements(network: Network) -> dict[Key, Movement]:
    """Return the movements over all stop lines under the stored programs."""
    edge_of = {lane.id: lane.edge for lane in network.lanes}
    return {
        movement.key: movement
        for signal in network.signals
        for movement in _movements(signal, signal.program, edge_of)
    }


def capacity_veh_h(movements: Sequence[Movement], volume_veh_h: Mapping[Key, float]) -> float:
    """Return what an approach discharges at most, in veh/h.

    By Hall's theorem, traffic in given shares fits on its lanes if and only if, for each set of
    movements, the lanes of that set have room for it while the set has green.

    Args:
        movements: All movements of the approach.
        volume_veh_h: Traffic by movement, of the opposing approaches too; it says in which shares
            the movements are wanted. With none of the approach, all are wanted alike.
    """
    total = sum(volume_veh_h.get(m.key, 0.0) for m in movements)
    shares = {
        m.key: volume_veh_h.get(m.key, 0.0) / total if total else 1.0 / len(movements)
        for m in movements
    }
    # What a vehicle of a movement takes: hours of green of a lane.
    takes = {}
    for movement in movements:
        own = movement_veh_h(movement, volume_veh_h)
        takes[movement.key] = (movement.protected + movement.permissive) / own if own else math.inf
    wanted = [m for m in movements if shares[m.key] > 0.0]
    most = math.inf
    for size in range(1, len(wanted) + 1):
        for some in combinations(wanted, size):
            # Share of the cycle in which a lane discharges some of them.
            room: dict[str, float] = defaultdict(float)
            for movement in some:
                for lane in movement.lanes:
                    room[lane] = max(room[lane], movement.protected + movement.permissive)
            need = sum(shares[m.key] * takes[m.key] for m in some)
            most = min(most, sum(room.values()) / need)
    return most


def movement_veh_h(movement: Movement, volume_veh_h: Mapping[Key, float]) -> float:
    """Return what one lane discharges at most if it has this movement alone, in veh/h."""
    straight = SATURATION_VEH_H * TURN_FACTOR.get(movement.direction, 1.0)
    veh_h = straight * movement.protected
    if movement.permissive > 0.0:
        opposing = sum(volume_veh_h.get(key, 0.0) for key in movement.opposing)
        veh_h += min(straight * movement.permissive, _permissive_veh_h(movement, opposing))
    return veh_h


def _permissive_veh_h(movement: Movement, opposing_veh_h: float) -> float:
    """Return what gaps in the opposing traffic let through, in veh/h."""
    if opposing_veh_h <= 0.0:
        return math.inf
    per_s = opposing_veh_h / 3600.0
    gaps = opposing_veh_h * math.exp(-per_s * CRITICAL_GAP_S) / -math.expm1(-per_s * FOLLOW_UP_S)
    # First the opposing queue leaves, which has built up over the rest of the cycle.
    lanes_veh_h = SATURATION_VEH_H * movement.opposing_lanes
    busy = opposing_veh_h * (1.0 - movement.permissive) / max(1.0, lanes_veh_h - opposing_veh_h)
    return gaps * max(0.0, movement.permissive - busy)


def _movements(signal: Signal, program: Program, edge_of: Mapping[str, str]) -> Iterable[Movement]:
    links = defaultdict(list)
    for link in signal.links:
        if not link.crossing and link.from_lane in edge_of and link.to_lane in edge_of:
            links[edge_of[link.from_lane], edge_of[link.to_lane]].append(link)
    cycle_s = sum(step.duration_s for step in program.steps)
    for key, own in sorted(links.items()):
        positions = [link.position for link in own]
        protected_s = permissive_s = 0.0
        opposing: set[Key] = set()
        for step in program.steps:
            letters = {step.state[p] for p in positions}
            if "G" in letters:
                protected_s += step.duration_s
            elif "g" in letters:
                permissive_s += step.duration_s
                opposing |= {
                    other
                    for other, theirs in links.items()
                    for link in theirs
                    if step.state[link.position] == "G"
                    and any(signal.foes[p, link.position] for p in positions)
                }
        yield Movement(
            key,
            own[0].direction,
            tuple(sorted({link.from_lane for link in own})),
            protected_s / cycle_s,
            permissive_s / cycle_s,
            tuple(sorted(opposing)),
            len({link.from_lane for other in opposing for link in links[other]}),
        )
