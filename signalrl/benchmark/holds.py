"""How long vehicles were held at each gate of an episode: delay like any other, and shown."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from signalrl.sumo.episode import Outputs
from signalrl.sumo.gates import GateRoad
from signalrl.sumo.metered import GateCourse
from signalrl.sumo.outputs import Edges


@dataclass(frozen=True, slots=True)
class GateHold:
    """What a gate did to those who came to it.

    Attributes:
        gate: Its name.
        passed: Vehicles that passed it.
        waiting: Vehicles that still waited before it at the end.
        held_h: Vehicle-hours lost before it, on its road and outside for want of room there, by
            SUMO's record of all who entered. They are part of the delay of the episode.
        longest_s: How long somebody waited there at most, by the counts of its detectors.
    """

    gate: str
    passed: int
    waiting: int
    held_h: float
    longest_s: float

    @property
    def mean_s(self) -> float:
        """Mean hold per vehicle that passed."""
        return 3600.0 * self.held_h / max(1, self.passed)


def gate_holds(
    roads: Sequence[GateRoad], course: GateCourse, outputs: Outputs, edges: Edges
) -> list[GateHold]:
    """Return what each gate did, from SUMO's own outputs.

    Args:
        roads: The roads of the gates.
        course: What the meter saw.
        outputs: The record of the episode.
        edges: The record of its edges.
    """
    lost_s = dict(zip(edges.ids, edges.loss_s.sum(axis=0).tolist(), strict=True))
    outside_s = dict.fromkeys((road.id for road in roads), 0.0)
    for _, trip in ET.iterparse(outputs.tripinfo):
        if trip.tag == "tripinfo":
            edge = trip.attrib["departLane"].rpartition("_")[0]
            if edge in outside_s:
                outside_s[edge] += float(trip.attrib["departDelay"])
            trip.clear()
    return [
        GateHold(
            name,
            round(course.passed_veh[-1][i]),
            round(course.waiting_veh[-1][i]),
            round((lost_s.get(road.id, 0.0) + outside_s[road.id]) / 3600.0, 2),
            max(row[i] for row in course.hold_s),
        )
        for i, (name, road) in enumerate(zip(course.gates, roads, strict=True))
    ]
