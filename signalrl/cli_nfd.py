"""The command ``signalrl nfd``: at which accumulation a district discharges most."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, fields
from pathlib import Path
from typing import Any

from signalrl.benchmark.controllers import METERING, is_run_folder, parse_controllers
from signalrl.benchmark.diagram import Point, draw, falls_beyond, fit, measure
from signalrl.benchmark.seeds import parse_seeds
from signalrl.errors import ConfigError
from signalrl.files import make_folder
from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.episode import EDGE_PERIOD_S

POINTS, PICTURE = "nfd.csv", "nfd.svg"
SHORTEST_S = 2 * EDGE_PERIOD_S
"""Length of an episode from which on it says anything of the diagram."""


def nfd(
    env: str,
    controller: str,
    calendars: Sequence[Path],
    loads: Sequence[float],
    seeds: str,
    jobs: int,
    out: Path,
    tell: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Measure the diagram of an environment and write it into a folder.

    Args:
        env: Name or folder of an environment with drawn demand.
        controller: Who controls the signals, by name.
        calendars: Calendars in place of the environment's own; none for these.
        loads: Factors on the usual traffic.
        seeds: Of the episodes with each, as they are written.
        jobs: Episodes at a time.
        out: Folder for ``nfd.csv`` and ``nfd.svg``.
        tell: Is told of each episode that has ended.

    Raises:
        ConfigError: The environment has no demand that could be scaled, its episodes are too
            short, or an argument is wrong.
        BenchmarkError: An episode failed.
    """
    settings: dict[str, Any] = {}
    if calendars:
        settings["events"] = {"calendars": [str(path.resolve()) for path in calendars]}
    scenario = load_scenario(env, settings=settings)
    if scenario.demand is None:
        raise ConfigError(
            f"{scenario.name}: expected drawn demand (the key demand), to be scaled, got none"
        )
    if scenario.horizon_s < SHORTEST_S:
        raise ConfigError(
            f"{scenario.name}: expected episodes of at least {SHORTEST_S:g} s (end_s), since the "
            f"first {EDGE_PERIOD_S:g} s are left out, got {scenario.horizon_s:g} s"
        )
    entry = parse_controllers([controller])[0]
    if entry.metered:
        raise ConfigError(
            f"controller: expected one without {METERING}, got {controller}; a district that is "
            "held below its critical accumulation does not show it"
        )
    if entry.path is not None and is_run_folder(entry.path):
        raise ConfigError(
            f"controller: expected an exported policy, got the run folder {entry.path}; make one "
            f"with: signalrl export {entry.path} -o policy.bundle"
        )
    if len(set(loads)) < len(loads):
        raise ConfigError(f"load: expected every load once, got {', '.join(map(str, loads))}")
    make_folder(out)
    points = measure(scenario, settings, entry, loads, parse_seeds(seeds), jobs, tell)
    diagram = fit(points)
    with (out / POINTS).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Point)])
        writer.writerows(astuple(point) for point in points)
    draw(points, diagram, f"{scenario.name} under {controller}", out / PICTURE)
    return {
        **asdict(diagram),
        "points": len(points),
        "falls_beyond": falls_beyond(points, diagram),
        "env": scenario.name,
        "controller": controller,
    }
