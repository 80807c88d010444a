"""What the approaches of a network are called, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from signalrl.forecast.assignment import backwards
from signalrl.forecast.problems import Place, bound_name
from signalrl.network.model import Network
from signalrl.scenario.schema import Scenario
from signalrl.sumo.reader import load_net
from signalrl.sumo.roads import roads_of

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Map:
    """The roads of a network.

    Attributes:
        places: The approaches by their last edge.
        shapes: Points of each approach in m, ``(points, 2)``, by its last edge.
        others: Points of all other roads.
        lonlat: The points of the approaches in degrees, WGS 84, where the network knows where it
            lies.
    """

    places: dict[str, Place]
    shapes: dict[str, FloatArray]
    others: tuple[FloatArray, ...]
    lonlat: dict[str, list[tuple[float, float]]] | None


def read_map(scenario: Scenario, network: Network) -> Map:
    """Read what the approaches of a scenario's network are called, and where they lie."""
    net = load_net(scenario.network_file)
    signal_of = {junction: signal.id for signal in network.signals for junction in signal.junctions}
    places, shapes = {}, {}
    for signal in network.signals:
        for road in roads_of(net, signal):
            chain = list(backwards(net.getEdge(road.edge)))
            last = net.getEdge(chain[-1])
            start = str(last.getFromNode().getID())
            street = str(net.getEdge(road.edge).getName() or "")
            name = f"{street or signal.id} {bound_name(road.name)}"
            places[road.edge] = Place(
                road.edge,
                signal.id,
                name if not street else f"{name} at {signal.id}",
                signal_of.get(start, start),
                float(sum(net.getEdge(edge).getLength() for edge in chain)),
            )
            points = [p[:2] for edge in reversed(chain) for p in net.getEdge(edge).getShape()]
            shapes[road.edge] = np.array(points, np.float64)
    own = {edge for key in shapes for edge in backwards(net.getEdge(key))}
    others = tuple(
        np.array([p[:2] for p in edge.getShape()], np.float64)
        for edge in net.getEdges(withInternal=False)
        if edge.getID() not in own and edge.allows("passenger")
    )
    return Map(places, shapes, others, _lonlat(net, shapes))


def _lonlat(net: Any, shapes: dict[str, FloatArray]) -> dict[str, list[tuple[float, float]]] | None:
    if not net.hasGeoProj():
        return None
    return {
        edge: [_degrees(net, point) for point in points.tolist()] for edge, points in shapes.items()
    }


def _degrees(net: Any, point: list[float]) -> tuple[float, float]:
    lon, lat = net.convertXY2LonLat(*point)
    return float(lon), float(lat)
