"""Tells the roads that lead to a signal apart, and names its phases by whom they serve."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from signalrl.network.model import Link, Network, Phase, Program, Signal
from signalrl.network.phases import phase_shown

BOUNDS = ("EB", "NB", "WB", "SB")
"""Eastbound, northbound, westbound, southbound: counter-clockwise from the x axis."""
_HEADING_M = 30.0
_LEFT, _RIGHT = frozenset("lLt"), frozenset("rR")


@dataclass(frozen=True, slots=True)
class Road:
    """A road that leads to a signal.

    Attributes:
        edge: Its last edge.
        name: Where its traffic drives, such as ``NB``; a number tells two of a name apart.
        lanes: Its lanes before the stop line, sorted.
        main: Positions of its main movement in the signal's state: straight on where it can.
    """

    edge: str
    name: str
    lanes: tuple[str, ...]
    main: tuple[int, ...]


def roads_of(net: Any, signal: Signal) -> tuple[Road, ...]:
    """Return the roads that lead to a signal, sorted by edge."""
    links = _by_edge(net, signal.links)
    names = _names({edge: heading_of(net, links[edge][0].from_lane) for edge in links})
    return tuple(
        Road(
            edge,
            names[edge],
            tuple(sorted({link.from_lane for link in links[edge]})),
            main_positions(links[edge]),
        )
        for edge in links
    )


def main_positions(links: Iterable[Link]) -> tuple[int, ...]:
    """Return the positions of the links straight on, or of all where none goes straight on."""
    links = list(links)
    straight = sorted({link.position for link in links if link.direction == "s"})
    return tuple(straight or sorted({link.position for link in links}))


def busiest_signal(net: Any, network: Network, traffic: Mapping[str, float] | None = None) -> str:
    """Return the signal that most vehicles want to pass: the one to look at.

    Args:
        net: What :func:`signalrl.sumo.reader.load_net` returned.
        network: The signals under control.
        traffic: Vehicles by edge; without it, lanes count.
    """
    best = max(
        network.signals,
        key=lambda s: sum(traffic_on(net, edge, traffic) for edge in _by_edge(net, s.links)),
    )
    return best.id


def traffic_on(net: Any, edge: str, traffic: Mapping[str, float] | None) -> float:
    """Return the vehicles on an edge, or its lanes where no traffic is known."""
    if traffic is not None:
        return traffic.get(edge, 0.0)
    return float(net.getEdge(edge).getLaneNumber())


def bound_of(angle: float) -> str:
    """Return the direction that is nearest to an angle in rad, counter-clockwise from the east."""
    return BOUNDS[round(angle / (math.pi / 2)) % 4]


def heading_of(net: Any, lane: str) -> float:
    """Return the angle of the last metres of a lane, in rad."""
    points = [(float(p[0]), float(p[1])) for p in net.getLane(lane).getShape()]
    (x, y), start = points[-1], points[0]
    for point in reversed(points):
        start = point
        if math.dist(point, (x, y)) >= _HEADING_M:
            break
    return math.atan2(y - start[1], x - start[0])


def phase_names(net: Any, signal: Signal) -> tuple[str, ...]:
    """Return whom each phase serves, such as ``EB WB`` or ``NB SB left``.

    A turn is named where the phase lets nothing else of its road go, or where it is protected
    beside the traffic straight on; a right turn that accompanies other roads isn't.
    """
    links = _by_edge(net, signal.links)
    names = {road.edge: road.name for road in roads_of(net, signal)}
    return tuple(_phase_name(phase, links, names) for phase in signal.phases)


def phase_greens(signal: Signal, program: Program) -> tuple[tuple[float, float, float] | None, ...]:
    """Return the stored, the shortest and the longest green of each phase in a program.

    Steps that follow each other with the same greens are one; None stands for a phase that the
    program hasn't.
    """
    states = [phase.state for phase in signal.phases]
    found: dict[int, tuple[float, float, float]] = {}
    last: int | None = None
    for step in program.steps:
        phase = phase_shown(states, step.state)
        if phase is not None:
            before = found[phase] if phase == last else (0.0, 0.0, 0.0)
            times = (before[0] + step.duration_s, before[1] + step.min_s, before[2] + step.max_s)
            found[phase] = max(times, found.get(phase, times))
        last = phase
    return tuple(found.get(phase.index) for phase in signal.phases)


def _by_edge(net: Any, links: Iterable[Link]) -> dict[str, list[Link]]:
    """Return the vehicle links of a signal by the edge that they come from, sorted."""
    found: dict[str, list[Link]] = defaultdict(list)
    for link in links:
        if not link.crossing:
            found[str(net.getLane(link.from_lane).getEdge().getID())].append(link)
    return {edge: found[edge] for edge in sorted(found)}


def _names(headings: Mapping[str, float]) -> dict[str, str]:
    by_bound: dict[str, list[str]] = defaultdict(list)
    for edge, angle in headings.items():
        by_bound[bound_of(angle)].append(edge)
    return {
        edge: bound if len(edges) == 1 else f"{bound}{number}"
        for bound, edges in by_bound.items()
        for number, edge in enumerate(edges, 1)
    }


def _phase_name(phase: Phase, links: Mapping[str, Iterable[Link]], names: Mapping[str, str]) -> str:
    kinds: dict[str, list[str]] = defaultdict(list)
    for edge, mine in links.items():
        protected = {k.direction for k in mine if phase.state[k.position] == "G"}
        green = protected or {k.direction for k in mine if phase.state[k.position] == "g"}
        if green:
            kinds[_kind(green, {k.direction for k in mine})].append(names[edge])
    if len(kinds) > 1:
        kinds.pop("right", None)
    return ", ".join(
        " ".join([*sorted(kinds[kind]), *([kind] if kind else [])]) for kind in sorted(kinds)
    )


def _kind(green: set[str], everything: set[str]) -> str:
    """Return what to say about the directions of a road that are green; nothing for the usual."""
    turns_left = bool(green & _LEFT - {"t"})
    if "s" in green:
        return "all" if turns_left else ""
    if green == everything:
        return ""
    if green <= _LEFT:
        return "left"
    return "right" if green <= _RIGHT else ""
