"""How long vehicles were held at each gate of an episode: delay like any other, and shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from signalrl.sumo.episode import Outputs
from signalrl.sumo.gates import GateRoad
from signalrl.sumo.metered import GateCourse, MeteredPlant
from signalrl.sumo.outputs import Edges, read_edges
from signalrl.sumo.plant import SumoPlant
from signalrl.sumo.traffic import entry_edges
from signalrl.sumo.xml import read_output


@dataclass(frozen=True, slots=True)
class GateHold:
    """What a gate did to those who came to it.

    Attributes:
        gate: Its name.
        passed: Vehicles that passed it.
        waiting: Vehicles that still waited before it at the end.
        held_h: Vehicle-hours lost before it, on its road and outside for want of room there, by
            SUMO's own record. They are part of the delay of the episode.
        longest_s: How long somebody waited there at most while gates held, by the counts of its
            detectors.
    """

    gate: str
    passed: int
    waiting: int
    held_h: float
    longest_s: float


def read_gates(plant: SumoPlant, outputs: Outputs) -> tuple[list[GateHold], GateCourse | None]:
    """Return what gates did and what their meter saw, to the end; SUMO has stopped."""
    if not isinstance(plant, MeteredPlant):
        return [], None
    edges = read_edges(outputs.edge_data)
    return gate_holds(plant.roads, plant.course, outputs, edges, plant.routes), plant.course


def read_own_edges(plant: SumoPlant, outputs: Outputs) -> Edges:
    """Read the record of the edges; what was lost on the road before a gate was lost behind it.

    So an approach that vehicles are held before is as slow as they are.
    """
    roads = plant.roads if isinstance(plant, MeteredPlant) else ()
    return read_edges(outputs.edge_data).without({road.id: road.edge for road in roads})


def gate_holds(
    roads: Sequence[GateRoad],
    course: GateCourse,
    outputs: Outputs,
    edges: Edges,
    routes: Iterable[Path],
) -> list[GateHold]:
    """Return what each gate did, from SUMO's own outputs.

    Args:
        roads: The roads of the gates.
        course: What the meter saw.
        outputs: The record of the episode.
        edges: The record of its edges.
        routes: The route files that were driven: they tell where those wait who never entered.
    """
    lost_s = dict(zip(edges.ids, edges.loss_s.sum(axis=0).tolist(), strict=True))
    outside_s = dict.fromkeys((road.id for road in roads), 0.0)
    missing: dict[str, float] = {}
    for trip in read_output(outputs.tripinfo).iter("tripinfo"):
        a = trip.attrib
        if float(a["depart"]) < 0.0:
            missing[a["id"]] = max(0.0, float(a["departDelay"]))
        elif (edge := a["departLane"].rpartition("_")[0]) in outside_s:
            outside_s[edge] += float(a["departDelay"])
    entries = entry_edges(routes) if missing else {}
    for name, waited_s in missing.items():
        if (edge := entries.get(name, "")) in outside_s:
            outside_s[edge] += waited_s
    held = [row for row, q in zip(course.hold_s, course.allowed_veh_h, strict=True) if q >= 0.0]
    return [
        GateHold(
            name,
            round(course.passed_veh[-1][i]),
            round(course.waiting_veh[-1][i]),
            round((lost_s.get(road.id, 0.0) + outside_s[road.id]) / 3600.0, 2),
            max((row[i] for row in held), default=0.0),
        )
        for i, (name, road) in enumerate(zip(course.gates, roads, strict=True))
    ]
