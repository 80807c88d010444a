"""The fundamental diagram of a district of streets, and what counts as its lock-up.

The more vehicles are in a district, the more leave it per hour, up to its critical accumulation;
beyond, the fewer leave the more are in: Daganzo, "Urban gridlock: macroscopic modeling and
mitigation approaches", Transportation Research B 41 (2007); Geroliminis and Daganzo, "Existence of
urban-scale macroscopic fundamental diagrams", Transportation Research B 42 (2008).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from signalrl.network.model import Network

FloatArray = npt.NDArray[np.floating[Any]]

LOCKED_SHARE = 0.5
"""A district beyond its critical accumulation locks where it lets out less than this share of its
capacity ..."""
LOCKED_S = 900.0
"""... for so long on end."""


@dataclass(frozen=True, slots=True)
class Diagram:
    """What a district discharges.

    Attributes:
        critical_veh: Accumulation at which most leave it; vehicles on its core edges.
        capacity_veh_h: How many leave it then.
    """

    critical_veh: float
    capacity_veh_h: float


def core_edges(network: Network) -> frozenset[str]:
    """Return the edges between signals: those of approaches to which vehicles come from signals.

    The arms on which vehicles enter, and those on which they leave, are no part of it: who waits
    there blocks nobody else.
    """
    edge_of = {lane.id: lane.edge for lane in network.lanes}
    behind = {
        edge_of[link.to_lane]
        for signal in network.signals
        for link in signal.links
        if link.to_lane in edge_of
    }
    found: set[str] = set()
    for zone in network.zones:
        edges = {edge_of[part.lane] for part in zone.parts}
        if edges & behind:
            found |= edges
    return frozenset(found)


def stuck(
    accumulation_veh: npt.ArrayLike, outflow_veh_h: npt.ArrayLike, diagram: Diagram
) -> FloatArray:
    """Return how stuck a district is in each bin: over-full, and hardly anybody gets out.

    Above 1 it is more than critical and lets out less than ``LOCKED_SHARE`` of its capacity.
    """
    full = np.asarray(accumulation_veh, np.float64) / diagram.critical_veh
    least = LOCKED_SHARE * diagram.capacity_veh_h
    found: FloatArray = np.minimum(full, least / np.maximum(np.asarray(outflow_veh_h), 1.0))
    return found


def locked(
    accumulation_veh: npt.ArrayLike, outflow_veh_h: npt.ArrayLike, diagram: Diagram, bin_s: float
) -> npt.NDArray[np.bool_]:
    """Return whether a district locked: it was stuck for a quarter of an hour on end.

    Args:
        accumulation_veh: Vehicles in it, as a mean over each bin, ``(bins, ...)``.
        outflow_veh_h: Vehicles that left in each bin, of the same shape.
        diagram: What it discharges.
        bin_s: Length of a bin in s.

    Returns:
        One answer for each of the further axes: evenings, draws.
    """
    severity = lock_severity(accumulation_veh, outflow_veh_h, diagram, bin_s)
    return np.asarray((severity > 1.0).any(axis=0))


def lock_severity(
    accumulation_veh: npt.ArrayLike,
    outflow_veh_h: npt.ArrayLike,
    diagram: Diagram,
    bin_s: float,
    factor: npt.ArrayLike = 1.0,
) -> FloatArray:
    """Return how stuck a district is at least, in the quarter of an hour from each bin on.

    Where that is above 1, it is locked from there on.

    Args:
        accumulation_veh: As of :func:`locked`.
        outflow_veh_h: The same.
        diagram: What it discharges.
        bin_s: Length of a bin in s.
        factor: On what :func:`stuck` says, such as what past evenings taught.
    """
    bins = stuck(accumulation_veh, outflow_veh_h, diagram) * np.asarray(factor, np.float64)
    needed = max(1, int(np.ceil(LOCKED_S / bin_s)))
    if len(bins) < needed:
        return np.zeros((0, *bins.shape[1:]))
    found: FloatArray = np.lib.stride_tricks.sliding_window_view(bins, needed, axis=0).min(axis=-1)
    return found
