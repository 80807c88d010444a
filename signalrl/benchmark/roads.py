"""Reads the geometry of a network, for maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from signalrl.benchmark.figures import Roads
from signalrl.network.model import Network
from signalrl.sumo.reader import load_net

MARGIN_M = 200.0
BORDER_M = 10.0


def read_roads(path: Path, network: Network) -> Roads:
    """Return the shapes of the roads, and where the controlled signals stand.

    The map is cut to the roads around the signals: half their extent, and at least 200 m, beyond
    the outermost.

    Args:
        path: The SUMO network.
        network: Its controlled signals.
    """
    net = load_net(path)
    junctions = [net.getNode(j).getCoord() for s in network.signals for j in s.junctions]
    signals = np.array(junctions, dtype=np.float64).reshape(-1, 2)
    shapes, lengths = {}, {}
    for edge in sorted(net.getEdges(withInternal=False), key=lambda edge: str(edge.getID())):
        if edge.getFunction() == "" and any(lane.allows("passenger") for lane in edge.getLanes()):
            shapes[str(edge.getID())] = np.array(edge.getShape(), dtype=np.float64)[:, :2]
            lengths[str(edge.getID())] = float(edge.getLength())
    points = np.concatenate(list(shapes.values()))
    margin = max(MARGIN_M, 0.5 * float(np.ptp(signals, axis=0).max()))
    low = np.maximum(points.min(axis=0), signals.min(axis=0) - margin)
    high = np.minimum(points.max(axis=0), signals.max(axis=0) + margin)
    seen = [edge for edge, p in shapes.items() if ((p >= low) & (p <= high)).all(axis=1).any()]
    return Roads(
        {edge: shapes[edge] for edge in seen},
        {edge: lengths[edge] for edge in seen},
        signals,
        low - BORDER_M,
        high + BORDER_M,
    )
