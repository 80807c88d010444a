"""Metering signals at the edges on which vehicles enter, without a change of the network's file.

A gate is a piece of road before such an edge, with a signal of its own at its end. It is added to a
copy of the network for one episode; all that is there stays as it is, and so do the ids.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from signalrl.errors import NetworkError
from signalrl.sumo.xml import read_xml

ROAD_M = 150.0
"""Road before a gate; who finds no room there waits outside, as at any entry."""
SUFFIX = "_gate"
LOOP_M = 0.05
"""How far behind the gate those who pass are counted: before the rear of who enters there."""


@dataclass(frozen=True, slots=True)
class GateRoad:
    """The road of a gate in the network of an episode.

    Attributes:
        edge: The edge of the network behind it.
        id: Id of its own edge, and of its signal.
        lanes: How many it has, as many as the edge behind.
        car_lanes: How many of them cars may take.
        loops: Ids of the detectors that count who passes, one per lane.
    """

    edge: str
    id: str
    lanes: int
    car_lanes: int
    loops: tuple[str, ...]


def add_gates(
    network: Path, edges: Sequence[str], folder: Path
) -> tuple[Path, Path, list[GateRoad]]:
    """Write a copy of a network with gates.

    Args:
        network: The network's file.
        edges: Edges before which there is a gate; nobody may come from elsewhere to them.
        folder: Where to write.

    Returns:
        The network, an additional file with detectors, and the gates in the order of ``edges``.

    Raises:
        NetworkError: An edge is missing or for no cars, somebody comes from elsewhere, or the
            junction where it begins has other ways through it.
    """
    root = read_xml(network, "a network of SUMO", NetworkError)
    known = {edge.attrib["id"]: edge for edge in root.iter("edge")}
    junctions = {junction.attrib["id"]: junction for junction in root.iter("junction")}
    reached = {c.attrib["to"] for c in root.iter("connection")}
    gates = []
    for edge_id in edges:
        if edge_id not in known or "from" not in known[edge_id].attrib:
            raise NetworkError(f"gates: expected an edge of {network.name}, got {edge_id!r}")
        if edge_id in reached:
            raise NetworkError(
                f"gates: expected edges on which vehicles enter the network, got {edge_id!r}, "
                "to which they come from others; put the gate farther outside, or, where they only "
                "turn around there, build the network with netconvert --no-turnarounds"
            )
        gates.append(_add(root, known[edge_id], junctions))
    path, loops = folder / "gates.net.xml", folder / "gates.add.xml"
    _sort(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    loops.write_text(
        "<additional>\n"
        + "".join(
            f'    <inductionLoop id="{loop}" lane="{gate.edge}_{i}" pos="{LOOP_M:g}"'
            f' period="1000000" file="NUL"/>\n'
            for gate in gates
            for i, loop in enumerate(gate.loops)
        )
        + "</additional>\n",
        encoding="utf-8",
    )
    return path, loops, gates


def _add(root: ET.Element, edge: ET.Element, junctions: Mapping[str, ET.Element]) -> GateRoad:
    """Add the road, its signal and the way through it."""
    edge_id, start = edge.attrib["id"], junctions[edge.attrib["from"]]
    lanes, gate_id = edge.findall("lane"), edge.attrib["id"] + SUFFIX
    outside = f"{gate_id}_begin"
    road = ET.SubElement(
        root, "edge", {**edge.attrib, "id": gate_id, "from": outside, "to": start.attrib["id"]}
    )
    road.attrib.pop("shape", None)
    back_x, back_y = _back(lanes[0])
    ids = []
    for i, lane in enumerate(lanes):
        x, y = _points(lane)[0]
        keep = ("index", "speed", "width", "allow", "disallow")
        ET.SubElement(
            road,
            "lane",
            {
                "id": f"{gate_id}_{i}",
                **{name: lane.attrib[name] for name in keep if name in lane.attrib},
                "length": f"{ROAD_M:.2f}",
                "shape": f"{x + back_x:.2f},{y + back_y:.2f} {x:.2f},{y:.2f}",
            },
        )
        ids.append(f"{gate_id}_{i}")
        way = {"from": gate_id, "to": edge_id}
        way |= {"fromLane": str(i), "toLane": str(i), "tl": gate_id, "linkIndex": str(i)}
        ET.SubElement(root, "connection", way | {"dir": "s", "state": "O"})
    program = ET.SubElement(
        root, "tlLogic", {"id": gate_id, "type": "static", "programID": "0", "offset": "0"}
    )
    ET.SubElement(program, "phase", {"duration": "90", "state": "G" * len(lanes)})
    x, y = float(start.attrib["x"]) + back_x, float(start.attrib["y"]) + back_y
    place = {"id": outside, "type": "dead_end", "x": f"{x:.2f}", "y": f"{y:.2f}"}
    ET.SubElement(root, "junction", place | {"incLanes": "", "intLanes": "", "shape": ""})
    before = start.attrib.get("incLanes", "").split()
    if start.find("request") is not None:
        raise NetworkError(
            f"gates: expected a junction with no other way through it at the begin of {edge_id!r}, "
            f"got {start.attrib['id']!r}, which has others or another gate; begin the edge at a "
            "junction of its own"
        )
    start.attrib |= {"type": "traffic_light", "incLanes": " ".join([*before, *ids])}
    for i in range(len(lanes)):
        zeros = "0" * len(lanes)
        ET.SubElement(
            start, "request", {"index": str(i), "response": zeros, "foes": zeros, "cont": "0"}
        )
    loops = tuple(f"{gate_id}_loop_{i}" for i in range(len(lanes)))
    for_cars = sum(map(_is_for_cars, lanes))
    if not for_cars:
        raise NetworkError(f"gates: expected an edge for cars, got {edge_id!r}, which has no lane")
    return GateRoad(edge_id, gate_id, len(lanes), for_cars, loops)


def _is_for_cars(lane: ET.Element) -> bool:
    if "allow" in lane.attrib:
        return bool({"all", "passenger"} & set(lane.attrib["allow"].split()))
    return not {"all", "passenger"} & set(lane.attrib.get("disallow", "").split())


def _sort(root: ET.Element) -> None:
    """Bring the elements into the order in which SUMO reads them; what is equal stays in order."""
    order = ("location", "type", "edge", "tlLogic", "junction", "connection", "prohibition")
    rank = {tag: i for i, tag in enumerate(order)}
    root[:] = sorted(root, key=lambda element: rank.get(element.tag, len(order)))


def _points(lane: ET.Element) -> list[tuple[float, float]]:
    points = [point.split(",") for point in lane.attrib["shape"].split()]
    return [(float(point[0]), float(point[1])) for point in points]


def _back(lane: ET.Element) -> tuple[float, float]:
    """Return the way from the begin of a lane to the begin of the road before it."""
    (x, y), (next_x, next_y) = _points(lane)[:2]
    length = max(math.hypot(next_x - x, next_y - y), 1e-6)
    return (x - next_x) / length * ROAD_M, (y - next_y) / length * ROAD_M
