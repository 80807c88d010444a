"""How the approaches of the signals fared, from SUMO's record of the edges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from signalrl.network.model import Network
from signalrl.sumo.outputs import Edges

MIN_VEHICLES = 10
"""An approach with fewer vehicles in an episode says nothing about its control."""
LOCKED_INTERVALS = 2
"""An edge that nobody leaves in so many records of five minutes on end, while somebody stands on
it, is locked."""
LOCKED_EDGES = 2
STANDING = 0.95
"""Share of their time that vehicles on a locked edge stand."""


@dataclass(frozen=True, slots=True)
class Approach:
    """The road before one stop line, as far as its detectors reach.

    Attributes:
        signal: Id of the signal.
        edge: Edge that ends at the stop line.
        edges: This edge and those before it, sorted.
    """

    signal: str
    edge: str
    edges: tuple[str, ...]


def find_approaches(network: Network) -> tuple[Approach, ...]:
    """Return the approaches of all signals, sorted by signal, then edge.

    An edge that feeds several stop lines belongs to none of them, unless it ends at one.
    """
    edge_of = {lane.id: lane.edge for lane in network.lanes}
    members: dict[tuple[str, str], set[str]] = defaultdict(set)
    for zone in network.zones:
        key = (zone.signal, edge_of[zone.lane])
        members[key] |= {edge_of[part.lane] for part in zone.parts}
    users: dict[str, int] = defaultdict(int)
    for edges in members.values():
        for edge in edges:
            users[edge] += 1
    return tuple(
        Approach(signal, edge, tuple(sorted(e for e in edges if e == edge or users[e] == 1)))
        for (signal, edge), edges in sorted(members.items())
    )


def approach_delay_s(approaches: Iterable[Approach], edges: Edges) -> dict[str, float]:
    """Return the mean time loss of the vehicles of each approach, by its edge.

    Who waits outside for room is not on an edge, and is missing here.

    Args:
        approaches: Those of the network.
        edges: The record of an episode.

    Returns:
        Seconds per vehicle that passed the stop line or still waits; approaches with fewer than
        ten vehicles are left out.
    """
    column = {edge: i for i, edge in enumerate(edges.ids)}
    seconds = np.maximum(edges.end_s - edges.begin_s, 1.0)
    delays = {}
    for approach in approaches:
        own = [column[edge] for edge in approach.edges if edge in column]
        if approach.edge not in column:
            continue
        waiting = float(edges.present_s[-1, own].sum() / seconds[-1])
        vehicles = float(edges.left[:, column[approach.edge]].sum()) + waiting
        if vehicles >= MIN_VEHICLES:
            delays[approach.edge] = float(edges.loss_s[:, own].sum()) / vehicles
    return delays


def fairness(delays_s: Mapping[str, float]) -> float:
    """Return how evenly delay is spread over the approaches: 1 for all alike, 1/n for one alone.

    The index of Jain, Chiu and Hawe, *A Quantitative Measure of Fairness and Discrimination for
    Resource Allocation in Shared Computer Systems*, DEC TR-301, 1984.
    """
    x = np.array(list(delays_s.values()))
    if not x.size or not x.any():
        return 1.0
    return float(x.sum() ** 2 / (x.size * (x * x).sum()))


def is_gridlocked(edges: Edges) -> bool:
    """Return whether two edges or more were locked at the same time.

    One alone may be starved by its signal; where traffic locks up, others stand behind it.
    """
    lasts_s = (edges.end_s - edges.begin_s)[:, None]
    stood = (
        (edges.left == 0)
        & (edges.present_s >= lasts_s)
        & (edges.standing_s >= STANDING * edges.present_s)
    )
    if len(stood) < LOCKED_INTERVALS:
        return False
    runs = np.lib.stride_tricks.sliding_window_view(stood, LOCKED_INTERVALS, axis=0)
    return bool((runs.all(axis=2).sum(axis=1) >= LOCKED_EDGES).any())
