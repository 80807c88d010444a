"""What happened at the approaches of a simulated evening, in the terms of a forecast."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from signalrl.forecast.assignment import Roads
from signalrl.forecast.forecast import is_problem
from signalrl.forecast.traffic import Window
from signalrl.sumo.episode import Outputs
from signalrl.sumo.traffic import entry_edges
from signalrl.sumo.xml import read_output

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Observed:
    """What happened, each array ``(bins, approaches)``.

    Attributes:
        bin_s: Length of a bin in s.
        arrived: Vehicles that came to the approach and passed its stop line, or still want to.
        left: Vehicles that passed it, or whose trip ended before it.
        waiting: Vehicles delayed there, or outside for want of room, as a mean over the bin.
    """

    bin_s: float
    arrived: FloatArray
    left: FloatArray
    waiting: FloatArray

    @property
    def problem(self) -> npt.NDArray[np.bool_]:
        """Whether an approach was at level of service E or F."""
        return is_problem(self.waiting, self.left, self.bin_s)


def observe(
    outputs: Outputs, routes: Iterable[Path], roads: Roads, window: Window, bin_s: float
) -> Observed:
    """Read what happened from SUMO's own outputs.

    Args:
        outputs: Those of the evening, with details.
        routes: The route files that were driven, which say where vehicles wanted to enter.
        roads: The approaches.
        window: The time of the evening.
        bin_s: Length of a bin in s, a multiple of the outputs' interval.

    Raises:
        SimulationError: An output is missing or incomplete.
    """
    bins = int(window.steps * window.step_s // bin_s)
    shape = (bins, len(roads.before))
    arrived, left, waiting = (np.zeros(shape) for _ in range(3))
    of_edge = {edge: i for i, edges in enumerate(roads.before) for edge in edges}
    lasts = {edges[0]: i for i, edges in enumerate(roads.before)}
    firsts = {edges[-1] for edges in roads.before}
    for interval in read_output(outputs.edge_data).iter("interval"):
        row = int((float(interval.attrib["begin"]) - window.begin_s) // bin_s)
        if not 0 <= row < bins:
            continue
        for edge in interval.iter("edge"):
            a = edge.attrib
            column = of_edge.get(a["id"])
            if column is None:
                continue
            ended = float(a.get("arrived", 0.0))
            waiting[row, column] += float(a.get("timeLoss", 0.0)) / bin_s
            arrived[row, column] += float(a.get("departed", 0.0)) - ended
            left[row, column] += ended
            if a["id"] in firsts:
                arrived[row, column] += float(a.get("entered", 0.0))
            if a["id"] in lasts:
                left[row, column] += float(a.get("left", 0.0))
    entries = entry_edges(routes)
    for trip in read_output(outputs.tripinfo).iter("tripinfo"):
        name = trip.attrib["id"]
        edge_id = entries.get(name) or entries.get(name.rpartition(".")[0], "")  # of a flow
        column = of_edge.get(edge_id)
        if column is not None:
            waited_s = max(0.0, float(trip.attrib["departDelay"]))
            entered_s = float(trip.attrib["depart"])
            ends_s = (window.end_s if entered_s < 0.0 else entered_s) - window.begin_s
            waiting[:, column] += _spread(ends_s - waited_s, ends_s, bins, bin_s) / bin_s
    return Observed(bin_s, arrived, left, waiting)


def _spread(begin_s: float, end_s: float, bins: int, bin_s: float) -> FloatArray:
    """Return how much of a time lies in each bin, in s."""
    edges = np.arange(bins + 1) * bin_s
    found: FloatArray = np.diff(np.clip(edges, begin_s, max(begin_s, end_s)))
    return found
