"""How many vehicles a district held in an episode, and whether it locked."""

from __future__ import annotations

import numpy as np

from signalrl.network.gridlock import core_edges, locked
from signalrl.network.model import Network
from signalrl.scenario.metering_schema import Metering
from signalrl.sumo.episode import EDGE_PERIOD_S
from signalrl.sumo.outputs import Edges, Trips


def accumulation_veh(edges: Edges, network: Network) -> list[float]:
    """Return the vehicles on the streets between signals, as a mean of every five minutes."""
    core = core_edges(network)
    inside = edges.present_s[:, [edge in core for edge in edges.ids]].sum(axis=1)
    return [round(float(v), 1) for v in inside / np.maximum(edges.end_s - edges.begin_s, 1.0)]


def outflow_veh_h(trips: Trips, edges: Edges) -> list[float]:
    """Return the vehicles that reached their destination, in every five minutes."""
    bounds_s = np.append(edges.begin_s, edges.end_s[-1:])
    left, _ = np.histogram(trips.arrival_s[trips.arrived], bounds_s)
    return [round(float(v), 1) for v in 3600.0 * left / np.diff(bounds_s)]


def has_locked(
    metering: Metering | None, accumulation: list[float], outflow: list[float]
) -> bool | None:
    """Return whether a district locked; None where its diagram is not known."""
    if metering is None:
        return None
    return bool(locked(accumulation, outflow, metering.diagram, EDGE_PERIOD_S))
