"""Reads SUMO's own record of an episode: the only source of every figure that is reported."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from signalrl.errors import SimulationError
from signalrl.sumo.episode import Outputs


@dataclass(frozen=True, slots=True)
class EpisodeMetrics:
    """What an episode did to its vehicles.

    Delay is time loss plus insertion delay, over every scheduled vehicle: arrived, still driving at
    the end, or never inserted. A vehicle that never entered has waited from its departure on.

    Attributes:
        mean_travel_time_s: Mean time on the road plus insertion delay, every vehicle counted.
        mean_waiting_s: Mean time standing on the road.
        unfinished: Vehicles on the road at the end.
        undeparted: Vehicles that found no room to enter.
        tripinfo_sha256: Hash of the vehicles' records; equal traffic has equal hashes.
    """

    mean_delay_s: float
    median_delay_s: float
    p95_delay_s: float
    mean_travel_time_s: float
    mean_waiting_s: float
    vehicles: int
    arrived: int
    unfinished: int
    undeparted: int
    teleports: int
    collisions: int
    tripinfo_sha256: str


@dataclass(frozen=True, slots=True)
class Trips:
    """One entry per scheduled vehicle, in the order of SUMO's file; no ids.

    Attributes:
        delay_s: Time loss plus insertion delay.
        travel_time_s: Duration plus insertion delay.
        waiting_s: Time standing on the road.
        departed: Whether the vehicle entered the network.
        arrived: Whether it reached its destination.
        sha256: Hash of the records.
    """

    delay_s: npt.NDArray[np.float64]
    travel_time_s: npt.NDArray[np.float64]
    waiting_s: npt.NDArray[np.float64]
    departed: npt.NDArray[np.bool_]
    arrived: npt.NDArray[np.bool_]
    sha256: str


def read_trips(path: Path) -> Trips:
    """Read a tripinfo file written with unfinished and undeparted vehicles.

    Raises:
        SimulationError: The file is missing or incomplete.
    """
    digest = hashlib.sha256()
    rows: list[tuple[float, float, float, bool, bool]] = []
    for element in _elements(path):
        if element.tag != "tripinfo":
            continue
        a = element.attrib
        digest.update(repr(sorted(a.items())).encode())
        departed, arrived = float(a["depart"]) >= 0, float(a["arrival"]) >= 0
        insertion = max(0.0, float(a["departDelay"]))
        loss, duration = float(a["timeLoss"]), float(a["duration"])
        rows.append(
            (loss + insertion, duration + insertion, float(a["waitingTime"]), departed, arrived)
        )
    columns = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    return Trips(
        columns[0],
        columns[1],
        columns[2],
        columns[3].astype(np.bool_),
        columns[4].astype(np.bool_),
        digest.hexdigest(),
    )


def read_metrics(outputs: Outputs) -> EpisodeMetrics:
    """Read the metrics of a finished episode.

    Raises:
        SimulationError: An output is missing or incomplete, or nobody wanted to drive.
    """
    trips = read_trips(outputs.tripinfo)
    if not len(trips.delay_s):
        raise SimulationError(
            f"{outputs.tripinfo}: expected at least one scheduled vehicle, got none; "
            "look at the scenario's demand and its begin_s and end_s"
        )
    counts = {e.tag: e.attrib for e in _elements(outputs.statistic)}
    return EpisodeMetrics(
        mean_delay_s=float(trips.delay_s.mean()),
        median_delay_s=float(np.median(trips.delay_s)),
        p95_delay_s=float(np.percentile(trips.delay_s, 95)),
        mean_travel_time_s=float(trips.travel_time_s.mean()),
        mean_waiting_s=float(trips.waiting_s.mean()),
        vehicles=len(trips.delay_s),
        arrived=int(trips.arrived.sum()),
        unfinished=int((trips.departed & ~trips.arrived).sum()),
        undeparted=int((~trips.departed).sum()),
        teleports=int(counts["teleports"]["total"]),
        collisions=int(counts["safety"]["collisions"]),
        tripinfo_sha256=trips.sha256,
    )


def read_edge_delay(path: Path) -> dict[str, float]:
    """Return the time lost per edge over the whole episode, in vehicle-seconds.

    Raises:
        SimulationError: The file is missing or incomplete.
    """
    return {
        e.attrib["id"]: float(e.attrib.get("timeLoss", 0.0))
        for e in _elements(path)
        if e.tag == "edge"
    }


def _elements(path: Path) -> list[ET.Element]:
    try:
        return list(ET.parse(path).getroot().iter())
    except (OSError, ET.ParseError) as error:
        raise SimulationError(
            f"expected a complete output of SUMO, got {error} in {path}; "
            "the simulation ended early: run the episode again"
        ) from error
