"""Finds the chain of signals that most vehicles drive straight along."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from signalrl.network.model import Network
from signalrl.sumo.roads import bound_of, main_positions, traffic_on
from signalrl.sumo.zones import MIN_SPEED_M_S

MIN_SIGNALS = 3
MAX_SIGNALS = 8
"""More don't fit a picture that a phone can show."""
MAX_LINK_M = 1500.0
"""Beyond this distance platoons have dispersed, and signals needn't be coordinated."""


@dataclass(frozen=True, slots=True)
class CorridorStop:
    """A signal of a corridor; the attributes are those of :class:`signalrl.sumo.course.Stop`."""

    signal: str
    distance_m: float
    forward: tuple[int, ...]
    backward: tuple[int, ...]
    forward_s: float | None
    backward_s: float | None


@dataclass(frozen=True, slots=True)
class Corridor:
    """A chain of signals.

    Attributes:
        forward: Where traffic drives that passes the stops in their order: ``EB`` ...
        backward: Where the opposite traffic drives.
        stops: The signals in the forward direction.
    """

    forward: str
    backward: str
    stops: tuple[CorridorStop, ...]


@dataclass(frozen=True, slots=True)
class _Way:
    """The way straight on from a stop line to the next one.

    Attributes:
        edge: The edge before the next stop line.
        length_m: How far it is.
        drive_s: How long it takes at the speed limits.
    """

    edge: str
    length_m: float
    drive_s: float


class _Map:
    """The signals, joined by the ways straight on between their stop lines."""

    def __init__(self, net: Any, network: Network) -> None:
        self._net = net
        self.signal_of: dict[str, str] = {}
        self.main: dict[str, tuple[int, ...]] = {}
        straight: dict[str, list[Any]] = defaultdict(list)
        for signal in network.signals:
            links = defaultdict(list)
            for link in signal.links:
                if not link.crossing:
                    edge = net.getLane(link.from_lane).getEdge().getID()
                    links[edge].append(link)
                    if link.direction == "s":
                        straight[edge].append(link)
            for edge, mine in links.items():
                self.signal_of[edge] = signal.id
                self.main[edge] = main_positions(mine)
        self.ways = {edge: self._ways(straight[edge]) for edge in sorted(straight)}

    def _ways(self, links: list[Any]) -> tuple[_Way, ...]:
        found: dict[str, _Way] = {}
        for link in sorted(links, key=lambda link: (link.length_m, link.position)):
            speed = max(link.path_speed_m_s, MIN_SPEED_M_S)
            edge = self._net.getLane(link.to_lane).getEdge()
            way = self._follow(edge, link.length_m, link.length_m / speed)
            if way is not None:
                found.setdefault(way.edge, way)
        return tuple(found[key] for key in sorted(found))

    def _follow(self, edge: Any, length_m: float, drive_s: float) -> _Way | None:
        """Follow an edge downstream through joints without a signal to the next stop line."""
        while length_m < MAX_LINK_M:
            length_m += edge.getLength()
            drive_s += edge.getLength() / max(edge.getSpeed(), MIN_SPEED_M_S)
            if edge.getID() in self.signal_of:
                return _Way(edge.getID(), round(length_m, 1), round(drive_s, 1))
            after = self._straight_on(edge)
            if after is None:
                return None
            edge = after
        return None

    def _straight_on(self, edge: Any) -> Any:
        choices = [
            (after, connections)
            for after, connections in edge.getOutgoing().items()
            if after.getFunction() == ""
            and not any(c.getTLSID() or c.getDirection() == "t" for c in connections)
        ]
        straight = [x for x in choices if any(c.getDirection() == "s" for c in x[1])]
        if not straight and len(choices) > 1:
            return None
        best = max(straight or choices, key=lambda x: (len(x[1]), x[0].getID()), default=None)
        return None if best is None else best[0]


def find_corridor(
    net: Any, network: Network, traffic: Mapping[str, float] | None = None
) -> Corridor | None:
    """Return the chain of signals, joined by ways straight on, that most vehicles use.

    Each signal comes once, the vehicles before its stop lines in both directions count, and there
    are three to eight signals.

    Args:
        net: What :func:`signalrl.sumo.reader.load_net` returned.
        network: The signals under control.
        traffic: Vehicles by edge, such as :func:`signalrl.sumo.traffic.traffic_by_edge` counts
            them; without it, lanes count.

    Returns:
        The corridor, or None where no three signals are joined.
    """
    roads = _Map(net, network)
    back: dict[tuple[str, str], tuple[str, _Way]] = {}
    for edge, ways in roads.ways.items():
        for way in ways:
            pair = (roads.signal_of[edge], roads.signal_of[way.edge])
            if pair not in back or traffic_on(net, edge, traffic) > traffic_on(
                net, back[pair][0], traffic
            ):
                back[pair] = (edge, way)

    def weight(chain: list[str]) -> tuple[float, int, float]:
        """Rank a chain by its vehicles, then by its signals; the busier direction is forward."""
        signals = [roads.signal_of[edge] for edge in chain]
        pairs = [back.get(pair) for pair in zip(signals[1:], signals, strict=False)]
        opposite = {edge for pair in pairs if pair is not None for edge in (pair[0], pair[1].edge)}
        there = sum(traffic_on(net, edge, traffic) for edge in chain)
        back_again = sum(traffic_on(net, edge, traffic) for edge in sorted(opposite))
        return there + back_again, len(chain), there

    best: tuple[tuple[float, int, float], list[str]] = ((-math.inf, 0, 0.0), [])
    for first in roads.ways:
        for chain in _chains(roads, [first]):
            if len(chain) >= MIN_SIGNALS and weight(chain) > best[0]:
                best = (weight(chain), chain)
    return _corridor(net, roads, back, best[1]) if best[1] else None


def _chains(roads: _Map, chain: list[str]) -> list[list[str]]:
    """Return a chain of edges before stop lines with all its continuations."""
    found = [chain]
    if len(chain) < MAX_SIGNALS:
        signals = {roads.signal_of[edge] for edge in chain}
        for way in roads.ways.get(chain[-1], ()):
            if roads.signal_of[way.edge] not in signals:
                found += _chains(roads, [*chain, way.edge])
    return found


def _corridor(
    net: Any, roads: _Map, back: Mapping[tuple[str, str], tuple[str, _Way]], chain: list[str]
) -> Corridor:
    signals = [roads.signal_of[edge] for edge in chain]
    stops, distance_m = [], 0.0
    for i, (edge, signal) in enumerate(zip(chain, signals, strict=True)):
        ways = {way.edge: way for way in roads.ways[chain[i - 1]]} if i else {}
        if i:
            distance_m += ways[edge].length_m
        # The opposite way ends here when it comes from the next signal, and begins here as well.
        ends = back.get((signals[i + 1], signal)) if i + 1 < len(signals) else None
        begins = back.get((signal, signals[i - 1])) if i else None
        opposite = ends[1].edge if ends else begins[0] if begins else None
        stops.append(
            CorridorStop(
                signal,
                round(distance_m, 1),
                roads.main[edge],
                roads.main[opposite] if opposite else (),
                ways[edge].drive_s if i else None,
                ends[1].drive_s if ends else None,
            )
        )
    return Corridor(*_directions(net, chain), tuple(stops))


def _directions(net: Any, chain: list[str]) -> tuple[str, str]:
    start, end = (net.getEdge(edge).getToNode().getCoord() for edge in (chain[0], chain[-1]))
    angle = math.atan2(end[1] - start[1], end[0] - start[0])
    return bound_of(angle), bound_of(angle + math.pi)
