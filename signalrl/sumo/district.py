"""How many vehicles a district held in an episode, and whether it locked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from signalrl.network.gridlock import Diagram, core_edges, lock_severity, locked
from signalrl.network.model import Network
from signalrl.scenario.metering_schema import Metering
from signalrl.sumo.episode import EDGE_PERIOD_S
from signalrl.sumo.outputs import Edges, Trips
from signalrl.sumo.plant import SumoPlant


def watched(plant: SumoPlant, network: Network, end_s: float) -> Iterator[tuple[float, float]]:
    """Drive an episode to its end, or for as long as anybody asks.

    Yields:
        After every five minutes the mean number of vehicles on the streets between signals, and
        how many reached their destination, in veh/h, as :func:`accumulation_veh` and
        :func:`outflow_veh_h` have them from SUMO's records when all is over. Here a vehicle has
        left a street with its front, there with its rear, so the mean is 2 to 4 % lower.

    Raises:
        SimulationError: SUMO failed.
    """
    api = plant.api
    core = sorted(core_edges(network).intersection(api.edge.getIDList()))
    step_s = api.simulation.getDeltaT()
    steps = round(EDGE_PERIOD_S / step_s)
    while plant.time_s + EDGE_PERIOD_S <= end_s:
        begin_s, inside, left = plant.time_s, 0, 0
        for step in range(1, steps + 1):
            plant.advance(begin_s + step * step_s)
            inside += sum(map(api.edge.getLastStepVehicleNumber, core))
            left += api.simulation.getArrivedNumber()
        yield inside / steps, 3600.0 * left / EDGE_PERIOD_S


def accumulation_veh(edges: Edges, network: Network) -> list[float]:
    """Return the vehicles on the streets between signals, as a mean of every five minutes.

    What is left at the end, less than five minutes, counts no more than in :func:`outflow_veh_h`.
    """
    core = core_edges(network)
    inside = edges.present_s[:, [edge in core for edge in edges.ids]].sum(axis=1)
    return [round(float(v), 1) for v in inside[_whole(edges)] / EDGE_PERIOD_S]


def outflow_veh_h(trips: Trips, edges: Edges) -> list[float]:
    """Return the vehicles that reached their destination, in every five minutes."""
    whole = _whole(edges)
    bounds_s = np.append(edges.begin_s[whole], edges.end_s[whole][-1:])
    left, _ = np.histogram(trips.arrival_s[trips.arrived], bounds_s)
    return [round(float(v), 1) for v in 3600.0 * left / np.diff(bounds_s)]


def _whole(edges: Edges) -> npt.NDArray[np.bool_]:
    return edges.end_s - edges.begin_s >= EDGE_PERIOD_S


def has_locked(
    metering: Metering | None, accumulation: list[float], outflow: list[float]
) -> bool | None:
    """Return whether a district locked; None where its diagram is not known."""
    if metering is None:
        return None
    return bool(locked(accumulation, outflow, metering.diagram, EDGE_PERIOD_S))


def lock_begins_s(
    diagram: Diagram, accumulation: list[float], outflow: list[float]
) -> float | None:
    """Return how long after its beginning an episode's district is locked; None where never."""
    runs = lock_severity(accumulation, outflow, diagram, EDGE_PERIOD_S) > 1.0
    return float(runs.argmax()) * EDGE_PERIOD_S if runs.any() else None
