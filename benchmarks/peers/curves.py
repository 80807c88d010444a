"""Draws the learning curves that ``compare.py`` stored.

python benchmarks/peers/curves.py
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from signalrl.benchmark.figures import STYLE, WIDTH_IN

RESULTS = Path(__file__).resolve().parent.parent / "results" / "peers"
# Colours of Okabe and Ito (2008); markers and lines tell the curves apart without them.
LOOKS: dict[str, dict[str, Any]] = {
    "signalrl-ppo": {"color": "#0072B2", "marker": "o", "linestyle": "-"},
    "sumo-rl-ppo": {"color": "#D55E00", "marker": "s", "linestyle": "--"},
    "sumo-rl-dqn": {"color": "#009E73", "marker": "^", "linestyle": "-."},
}
LINES: dict[str, dict[str, Any]] = {
    "fixed": {"color": "#000000", "linestyle": ":"},
    "greedy": {"color": "#666666", "linestyle": (0, (8, 3))},
}
HEIGHT_IN = 3.8


def draw(folder: Path) -> None:
    """Draw a figure per stored map, and one of all."""
    stored = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    with mpl.rc_context(STYLE):
        for found in stored:
            save(figure([found]), folder / f"{found['map']}.svg")
        save(figure(stored), folder / "curves.svg")


def figure(stored: list[dict[str, Any]]) -> Figure:
    """Return the learning curves, a panel per map."""
    drawn = Figure(figsize=(WIDTH_IN * len(stored), HEIGHT_IN))
    for axes, found in zip(drawn.subplots(1, len(stored), squeeze=False)[0], stored, strict=True):
        panel(axes, found)
    return drawn


def panel(axes: Axes, found: dict[str, Any]) -> None:
    """Draw a map: mean over the seeds, with the range of the seeds as a bar."""
    for key, look in LOOKS.items():
        side = found["sides"][key]
        points = side["checkpoints"]
        values = [list(point[f"delay_s_{side['mode']}"].values()) for point in points]
        means = [statistics.mean(v) for v in values]
        spread = [[m - min(v) for m, v in zip(means, values, strict=True)]]
        spread += [[max(v) - m for m, v in zip(means, values, strict=True)]]
        label = side["label"] + (", sampled actions" if side["mode"] == "sampled" else "")
        wall_s = [point["wall_s"] for point in points]
        axes.errorbar(wall_s, means, yerr=spread, label=label, markersize=5, capsize=2, **look)
    for key, look in LINES.items():
        level = found["sides"][key]["checkpoints"][0]["delay_s_greedy"].values()
        axes.axhline(statistics.mean(level), label=f"{key} (no learning)", **look)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(left=-0.02 * found["budget_s"])
    axes.set_title(found["map"])
    axes.set_xlabel("wall-clock time of training (s)")
    axes.set_ylabel("mean delay per vehicle (s)")
    drawn = sorted(zip(*axes.get_legend_handles_labels(), strict=True), key=lambda x: "(" in x[1])
    axes.legend(*zip(*drawn, strict=True), fontsize=8)


def save(drawn: Figure, path: Path) -> None:
    """Write a figure as SVG, the same bytes for the same data."""
    drawn.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=RESULTS)
    draw(parser.parse_args().folder)


if __name__ == "__main__":
    main()
