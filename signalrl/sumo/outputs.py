"""Reads SUMO's own record of an episode: the only source of every figure that is reported."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from signalrl.errors import SimulationError
from signalrl.sumo.episode import Outputs
from signalrl.sumo.xml import read_output

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class EpisodeMetrics:
    """What an episode did to its vehicles.

    Delay is time loss plus insertion delay, over every scheduled vehicle: arrived, still driving at
    the end, or never inserted. A vehicle that never entered has waited from its departure on.

    Attributes:
        mean_travel_time_s: Mean time on the road plus insertion delay, every vehicle counted.
        mean_waiting_s: Mean time standing on the road.
        resco_delay_s: Mean delay by RESCO's formula, see :func:`resco_delay_s`.
        mean_stops: How often a vehicle came to a stand on the road, every vehicle counted.
        co2_g_km: Carbon dioxide per km driven, by SUMO's emission model; None where it was not
            recorded.
        unfinished: Vehicles on the road at the end.
        undeparted: Vehicles that found no room to enter.
        tripinfo_sha256: Hash of the vehicles' records; equal traffic has equal hashes.
    """

    mean_delay_s: float
    median_delay_s: float
    p95_delay_s: float
    mean_travel_time_s: float
    mean_waiting_s: float
    resco_delay_s: float
    mean_stops: float
    co2_g_km: float | None
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
        loss_s: Time loss on the road.
        insertion_s: Insertion delay: how long the vehicle waited to enter.
        duration_s: Time on the road.
        waiting_s: Time standing on the road.
        stops: How often it came to a stand.
        length_m: Distance driven.
        co2_g: Carbon dioxide; NaN where it was not recorded.
        depart_s: When it entered; negative where it never did.
        arrival_s: When it reached its destination; negative where it never did.
        sha256: Hash of the records.
    """

    loss_s: FloatArray
    insertion_s: FloatArray
    duration_s: FloatArray
    waiting_s: FloatArray
    stops: FloatArray
    length_m: FloatArray
    co2_g: FloatArray
    depart_s: FloatArray
    arrival_s: FloatArray
    sha256: str

    @property
    def delay_s(self) -> FloatArray:
        """Time loss plus insertion delay."""
        return self.loss_s + self.insertion_s

    @property
    def departed(self) -> BoolArray:
        """Whether each vehicle entered the network."""
        return self.depart_s >= 0

    @property
    def arrived(self) -> BoolArray:
        """Whether each vehicle reached its destination."""
        return self.arrival_s >= 0


def read_trips(path: Path) -> Trips:
    """Read a tripinfo file written with unfinished and undeparted vehicles.

    Raises:
        SimulationError: The file is missing or incomplete.
    """
    digest = hashlib.sha256()
    rows: list[list[float]] = []
    for element in read_output(path).iter("tripinfo"):
        a = element.attrib
        # What SUMO records beside is no part of the traffic.
        digest.update(repr(sorted(item for item in a.items() if item[0] != "devices")).encode())
        emissions = element.find("emissions")
        rows.append(
            [
                float(a["timeLoss"]),
                max(0.0, float(a["departDelay"])),
                *(float(a[name]) for name in ("duration", "waitingTime", "waitingCount")),
                max(0.0, float(a["routeLength"])),
                math.nan if emissions is None else float(emissions.attrib["CO2_abs"]) / 1000.0,
                float(a["depart"]),
                float(a["arrival"]),
            ]
        )
    c = np.array(rows, dtype=np.float64).reshape(-1, 9).T
    return Trips(c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], digest.hexdigest())


def resco_delay_s(trips: Trips, end_s: float) -> float:
    """Return the mean delay as RESCO computes it (its ``utils/readXML.py``).

    That is time loss plus departure delay, over every vehicle that entered, finished or not; and,
    of those that never entered, the time from their departure to the end of the episode, if they
    were to depart later than the last vehicle that did enter. One that should have entered before,
    and found its own road blocked, is missing from RESCO's figure.

    Args:
        trips: With undeparted vehicles.
        end_s: End of the episode, on SUMO's clock.
    """
    departed = trips.departed
    scheduled_s = np.where(departed, trips.depart_s, end_s) - trips.insertion_s
    if not departed.any():
        return float(trips.delay_s.mean())
    last = int(np.argmax(np.where(departed, trips.depart_s, -np.inf)))
    counted = departed | (scheduled_s > scheduled_s[last])
    return float(trips.delay_s[counted].mean())


def read_metrics(outputs: Outputs) -> EpisodeMetrics:
    """Read the metrics of a finished episode.

    Raises:
        SimulationError: An output is missing or incomplete, or nobody wanted to drive.
    """
    return metrics_of(read_trips(outputs.tripinfo), outputs)


def metrics_of(trips: Trips, outputs: Outputs) -> EpisodeMetrics:
    """Return the metrics of a finished episode whose trips have been read.

    Raises:
        SimulationError: An output is missing or incomplete, or nobody wanted to drive.
    """
    if not len(trips.loss_s):
        raise SimulationError(
            f"{outputs.tripinfo}: expected at least one scheduled vehicle, got none; "
            "look at the scenario's demand and its begin_s and end_s"
        )
    told = {e.tag: e.attrib for e in read_output(outputs.statistic)}
    end_s = float(told["performance"]["end"])
    delay_s = trips.delay_s
    driven_km = float(trips.length_m.sum()) / 1000.0
    co2_g = np.where(trips.departed, trips.co2_g, 0.0).sum()
    return EpisodeMetrics(
        mean_delay_s=float(delay_s.mean()),
        median_delay_s=float(np.median(delay_s)),
        p95_delay_s=float(np.percentile(delay_s, 95)),
        mean_travel_time_s=float((trips.duration_s + trips.insertion_s).mean()),
        mean_waiting_s=float(trips.waiting_s.mean()),
        resco_delay_s=resco_delay_s(trips, end_s),
        mean_stops=float(trips.stops.mean()),
        co2_g_km=None if math.isnan(co2_g) or not driven_km else float(co2_g / driven_km),
        vehicles=len(delay_s),
        arrived=int(trips.arrived.sum()),
        unfinished=int((trips.departed & ~trips.arrived).sum()),
        undeparted=int((~trips.departed).sum()),
        teleports=int(told["teleports"]["total"]),
        collisions=int(told["safety"]["collisions"]),
        tripinfo_sha256=trips.sha256,
    )


@dataclass(frozen=True, slots=True)
class Edges:
    """What happened on each edge, one row per interval.

    Attributes:
        ids: Edges on which anybody was, sorted.
        begin_s: ``(intervals,)``.
        end_s: ``(intervals,)``.
        present_s: ``(intervals, edges)``, vehicle-seconds spent.
        standing_s: ``(intervals, edges)``, vehicle-seconds spent standing.
        loss_s: ``(intervals, edges)``, vehicle-seconds lost.
        left: ``(intervals, edges)``, vehicles that left for another edge.
    """

    ids: tuple[str, ...]
    begin_s: FloatArray
    end_s: FloatArray
    present_s: FloatArray
    standing_s: FloatArray
    loss_s: FloatArray
    left: FloatArray

    def without(self, roads: Mapping[str, str]) -> Edges:
        """Return the record without some roads; what was lost on them is lost on others.

        Args:
            roads: Ids of those that are left out, and of the edges that they lead to.
        """
        ids = tuple(sorted({roads.get(edge, edge) for edge in self.ids}))
        column = {edge: i for i, edge in enumerate(ids)}
        to = [column[roads.get(edge, edge)] for edge in self.ids]
        kept = np.array([edge not in roads for edge in self.ids], bool)

        def of_edges(values: FloatArray) -> FloatArray:
            found = np.zeros((len(values), len(ids)))
            np.add.at(found.T, to, values.T)
            return found

        present_s, standing_s, left = (
            of_edges(values * kept) for values in (self.present_s, self.standing_s, self.left)
        )
        bounds_s = self.begin_s, self.end_s
        return Edges(ids, *bounds_s, present_s, standing_s, of_edges(self.loss_s), left)


def read_edges(path: Path) -> Edges:
    """Read the record of the edges.

    Raises:
        SimulationError: The file is missing or incomplete.
    """
    intervals = list(read_output(path).iter("interval"))
    ids = sorted({e.attrib["id"] for interval in intervals for e in interval.iter("edge")})
    column = {edge: i for i, edge in enumerate(ids)}
    values = np.zeros((4, len(intervals), len(ids)))
    for row, interval in enumerate(intervals):
        for edge in interval.iter("edge"):
            a = edge.attrib
            values[:, row, column[a["id"]]] = [
                float(a.get(name, 0.0))
                for name in ("sampledSeconds", "waitingTime", "timeLoss", "left")
            ]
    begin_s, end_s = (
        np.array([float(interval.attrib[name]) for interval in intervals])
        for name in ("begin", "end")
    )
    return Edges(tuple(ids), begin_s, end_s, *values)
