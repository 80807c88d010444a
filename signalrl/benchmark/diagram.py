"""Measures the fundamental diagram of a district: how many leave it, by how many are in it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from signalrl.benchmark.controllers import Entry
from signalrl.benchmark.episode import EpisodeSpec
from signalrl.benchmark.figures import STYLE
from signalrl.benchmark.processes import EpisodePool
from signalrl.errors import BenchmarkError
from signalrl.network.gridlock import LOCKED_SHARE, Diagram
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import EDGE_PERIOD_S

FloatArray = npt.NDArray[np.float64]

MINUTES = round(EDGE_PERIOD_S / 60.0)
WIDTH = 0.06
"""Width of the moving average over the diagram, as a share of the largest accumulation."""
FLAT = 0.98
"""Where a district lets out this share of its most, its capacity counts as reached: a plateau
ends in its collapse, so control keeps to its beginning."""

FALLEN = 0.9
"""Where it lets out less than this share of its most, beyond the plateau, it has been overfull."""


@dataclass(frozen=True, slots=True)
class Point:
    """Five minutes of an episode.

    Attributes:
        load: Factor on the usual traffic.
        seed: Of the episode.
        accumulation_veh: Vehicles between signals, as a mean.
        outflow_veh_h: Vehicles that reached their destination.
    """

    load: float
    seed: int
    accumulation_veh: float
    outflow_veh_h: float


def measure(
    scenario: Scenario,
    settings: Mapping[str, Any],
    entry: Entry,
    loads: Sequence[float],
    seeds: Sequence[int],
    jobs: int = 1,
    tell: Callable[[str], None] | None = None,
) -> list[Point]:
    """Drive a scenario with more and more traffic, until it is too much.

    Args:
        scenario: The scenario, with drawn demand.
        settings: Values in place of its own.
        entry: Who controls the signals; a district has a diagram for each way of control.
        loads: Factors on the usual traffic.
        seeds: Of the episodes with each.
        jobs: Episodes at a time.
        tell: Is told of each episode that has ended.

    Raises:
        BenchmarkError: An episode failed.
    """
    points: list[Point] = []
    with tempfile.TemporaryDirectory(prefix="signalrl-nfd-") as folder:
        specs = [
            (
                (load, seed),
                EpisodeSpec(
                    scenario=str(scenario.folder),
                    controller=entry.kind,
                    seed=seed,
                    result=str(Path(folder) / f"{load!r}-{seed}.json"),
                    policy=None if entry.path is None else str(entry.path),
                    parameters=dict(entry.parameters),
                    settings={**settings, "demand": {"scale_range": [load, load]}},
                ),
            )
            for load in loads
            for seed in seeds
        ]
        results = {key: Path(spec.result) for key, spec in specs}
        with EpisodePool[tuple[float, int]](jobs) as pool:
            for ended in pool.run(specs):
                if ended is None:
                    continue
                if ended.error is not None:
                    raise BenchmarkError(f"load and seed {ended.key}: {ended.error}")
                points += points_of(*ended.key, json.loads(results[ended.key].read_text()))
                del results[ended.key]
                if tell is not None:
                    tell(f"load and seed {ended.key}: done, {len(results)} of {len(specs)} left")
    return sorted(points, key=lambda p: (p.load, p.seed))


def points_of(load: float, seed: int, result: Mapping[str, Any]) -> Iterator[Point]:
    """Yield the points of an episode's result, without its first five minutes."""
    arrivals, inside = result["arrivals"], result["accumulation_veh"]
    for i in range(1, min(len(arrivals) // MINUTES, len(inside))):
        left = sum(arrivals[MINUTES * i : MINUTES * (i + 1)])
        yield Point(load, seed, inside[i], left * 60.0 / MINUTES)


def smooth(points: Sequence[Point]) -> tuple[FloatArray, FloatArray]:
    """Return accumulations and the mean outflow there, a Gaussian moving average."""
    inside = np.array([p.accumulation_veh for p in points])
    left = np.array([p.outflow_veh_h for p in points])
    at: FloatArray = np.linspace(inside.min(), inside.max(), 200)
    width = WIDTH * inside.max()
    weights = np.exp(-0.5 * ((at[:, None] - inside) / width) ** 2)
    enough = weights.sum(axis=1) >= 1.0
    mean: FloatArray = (weights @ left) / np.maximum(weights.sum(axis=1), 1e-9)
    return at[enough], mean[enough]


def fit(points: Sequence[Point]) -> Diagram:
    """Return the critical accumulation, where the plateau of the mean outflow begins, and it."""
    if not any(point.accumulation_veh for point in points):
        raise BenchmarkError(
            "expected vehicles on streets between signals, got none in "
            f"{len(points)} times of five minutes; a diagram needs at least two signals in a row"
        )
    at, mean = smooth(points)
    most = float(mean.max())
    critical = float(at[mean >= FLAT * most][0])
    return Diagram(round(critical, 1), round(most))


def falls_beyond(points: Sequence[Point], diagram: Diagram) -> bool:
    """Whether the outflow falls beyond the critical accumulation, or just was never more."""
    at, mean = smooth(points)
    beyond = mean[at > diagram.critical_veh]
    return bool(len(beyond)) and float(beyond.min()) < FALLEN * diagram.capacity_veh_h


def draw(points: Sequence[Point], diagram: Diagram, title: str, path: Path) -> Path:
    """Draw the diagram."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 4.2))
        axes = figure.subplots()
        inside = [p.accumulation_veh for p in points]
        dots = axes.scatter(
            inside,
            [p.outflow_veh_h for p in points],
            c=[p.load for p in points],
            cmap="viridis",
            s=14,
            alpha=0.8,
            linewidths=0,
        )
        axes.plot(*smooth(points), color="black", linewidth=1.5)
        axes.axvline(diagram.critical_veh, color="black", linestyle="--", linewidth=1)
        axes.annotate(
            f" critical: {diagram.critical_veh:.0f} vehicles",
            (diagram.critical_veh, 0.03),
            xycoords=("data", "axes fraction"),
        )
        axes.axhline(
            LOCKED_SHARE * diagram.capacity_veh_h,
            xmin=diagram.critical_veh / max(inside) / 1.05,
            color="#b2182b",
            linewidth=1,
        )
        axes.annotate(
            "locked, if for a quarter of an hour ",
            (1.0, LOCKED_SHARE * diagram.capacity_veh_h),
            xycoords=("axes fraction", "data"),
            xytext=(0, -10),
            textcoords="offset points",
            ha="right",
            color="#b2182b",
        )
        axes.set_xlim(0, 1.05 * max(inside))
        axes.set_ylim(0, None)
        axes.set_xlabel("vehicles between signals")
        axes.set_ylabel("vehicles that reach their destination, per hour")
        axes.set_title(title)
        if len({p.load for p in points}) > 1:
            figure.colorbar(dots, ax=axes, label="load, times the usual traffic")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
    return path
