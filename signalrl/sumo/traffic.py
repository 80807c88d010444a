"""Counts, before anything is simulated, how many vehicles want to use each edge."""

from __future__ import annotations

import heapq
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from signalrl.errors import ConfigError
from signalrl.sumo.xml import read_xml

Trip = tuple[float, tuple[str, ...], float]
"""Departure, the edges that are named, and the number of vehicles."""


def traffic_by_edge(
    net: Any, routes: Iterable[Path], begin_s: float = 0.0, end_s: float = math.inf
) -> dict[str, float]:
    """Return how many vehicles of the route files want to use each edge.

    Routes are counted as they are written; trips and flows from edge to edge take the fastest way
    on empty roads. It is good for choosing where to look, not for figures: queues and detours are
    not in it.

    Args:
        net: What :func:`signalrl.sumo.reader.load_net` returned.
        routes: SUMO's route files.
        begin_s: Departures before this time don't count.
        end_s: Nor do those from this time on.

    Raises:
        ConfigError: A file can't be read.
    """
    counts: dict[str, float] = defaultdict(float)
    trips: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for path in routes:
        for depart_s, edges, vehicles in _trips(path, begin_s, end_s):
            if not begin_s <= depart_s < end_s:
                continue
            if len(edges) == 2:  # where these are a whole route, it is the fastest way as well
                trips[edges[0]][edges[1]] += vehicles
            else:
                for name in edges:
                    counts[name] += vehicles
    for origin in sorted(trips):
        before = _fastest(net, origin, set(trips[origin]))
        for destination, vehicles in trips[origin].items():
            edge: str | None = destination
            while edge is not None and edge in before:
                counts[edge] += vehicles
                edge = before[edge]
    return {name: counts[name] for name in sorted(counts)}


def entry_edges(routes: Iterable[Path]) -> dict[str, str]:
    """Return the edge on which each vehicle, trip and flow wants to enter, by its id.

    The vehicles of a flow have its id with a number behind a point.

    Raises:
        ConfigError: A file can't be read.
    """
    found: dict[str, str] = {}
    for path in routes:
        for element, edges in _with_edges(path):
            if edges and ("from" in element.attrib or "to" not in element.attrib):
                found[element.attrib["id"]] = edges[0]
    return found


def _trips(path: Path, begin_s: float, end_s: float) -> Iterator[Trip]:
    for element, edges in _with_edges(path):
        a = element.attrib
        start_s = _number(a.get("depart", a.get("begin", "")), begin_s)
        if element.tag == "flow":  # one that has begun before goes on
            start_s = max(start_s, begin_s)
        yield start_s, edges, _vehicles(element, begin_s, end_s)


def _with_edges(path: Path) -> Iterator[tuple[Element, tuple[str, ...]]]:
    """Yield each vehicle, trip and flow, and the edges that it names."""
    named: dict[str, tuple[str, ...]] = {}
    for element in read_xml(path, "a route file of SUMO", ConfigError):
        a = element.attrib
        if element.tag == "route" and "id" in a:
            named[a["id"]] = tuple(a.get("edges", "").split())
        if element.tag not in ("vehicle", "trip", "flow"):
            continue
        way = element.find("route")
        if way is not None:
            yield element, tuple(way.attrib.get("edges", "").split())
        elif "route" in a:
            yield element, named.get(a["route"], ())
        else:
            yield element, tuple(a[key] for key in ("from", "to") if key in a)


def _vehicles(element: Element, begin_s: float, end_s: float) -> float:
    """Return how many vehicles an element stands for."""
    if element.tag != "flow":
        return 1.0
    a = element.attrib
    first_s, last_s = _number(a.get("begin", ""), begin_s), _number(a.get("end", ""), end_s)
    lasts_s = max(0.0, min(end_s, last_s) - max(begin_s, first_s))
    lasts_s = lasts_s if math.isfinite(lasts_s) else 3600.0
    if "number" in a:
        whole_s = last_s - first_s
        return _number(a["number"], 1.0) * (lasts_s / whole_s if whole_s > 0 else 1.0)
    if exponential := re.fullmatch(r"exp\((.+)\)", a.get("period", "").strip()):
        return _number(exponential[1], 0.0) * lasts_s  # vehicles per s
    if "period" in a:
        return lasts_s / max(_number(a["period"], 3600.0), 0.1)
    per_hour = _number(a.get("vehsPerHour", a.get("perHour", "")), 0.0)
    return max(per_hour, 3600.0 * _number(a.get("probability", ""), 0.0)) * lasts_s / 3600.0


def _number(text: str, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:  # "triggered", or nothing
        return otherwise


def _fastest(net: Any, origin: str, destinations: set[str]) -> dict[str, str | None]:
    """Return the edge before each on the fastest ways from an edge (Dijkstra)."""
    if not net.hasEdge(origin):
        return {}
    before: dict[str, str | None] = {}
    left = set(destinations)
    heap: list[tuple[float, str, str | None]] = [(0.0, origin, None)]
    while heap and left:
        cost_s, edge_id, came_from = heapq.heappop(heap)
        if edge_id in before:
            continue
        before[edge_id] = came_from
        left.discard(edge_id)
        edge = net.getEdge(edge_id)
        cost_s += edge.getLength() / max(edge.getSpeed(), 0.1)
        for after in edge.getOutgoing():
            if after.getFunction() == "" and after.getID() not in before:
                heapq.heappush(heap, (cost_s, after.getID(), edge_id))
    return before
