"""Draws a forecast: a map of where, and a timeline of when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.dates
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from signalrl.forecast.forecast import Outlook
from signalrl.forecast.places import Map
from signalrl.forecast.report import DayForecast

mdates: Any = mpl.dates
STYLE: Any = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "svg.hashsalt": "signalrl",
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
COLOURS = mpl.colormaps["YlOrRd"]
MOST_ROWS = 24
MOST_LETTERS = 32
"""Of a place: joined junctions are called by all of theirs, and leave no room for the picture."""


def draw_forecast(forecast: DayForecast, roads: Map, out: Path) -> list[Path]:
    """Draw ``map.svg`` and ``timeline.svg`` into a folder; return their paths."""
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / "map.svg", out / "timeline.svg"]
    with mpl.rc_context(STYLE):
        for path, figure in zip(
            paths, (map_figure(forecast, roads), timeline_figure(forecast, roads)), strict=True
        ):
            figure.savefig(path, metadata={"Date": None})
    return paths


def map_figure(forecast: DayForecast, roads: Map) -> Figure:
    """Draw the approaches, coloured by the probability of a problem."""
    odds = dict.fromkeys(roads.shapes, 0.0) | forecast.odds()
    figure = Figure(figsize=(7.0, 6.0))
    axes = figure.subplots()
    axes.add_collection(LineCollection(list(roads.others), colors="#cccccc", linewidths=0.8))
    order = sorted(odds, key=lambda edge: odds[edge])
    # Traffic keeps to the right: each direction is drawn beside the middle of its road.
    shapes = [_aside(roads.shapes[edge], 6.0) for edge in order]
    lines = LineCollection(
        shapes,
        array=np.array([odds[edge] for edge in order]),
        cmap=COLOURS,
        norm=Normalize(0, 1),
        linewidths=[1.0 + 3.5 * odds[edge] for edge in order],
    )
    axes.add_collection(lines)
    for rank, problem in enumerate(forecast.ranked()[:9], 1):
        x, y = roads.shapes[problem.place.edge][-1]
        axes.annotate(
            str(rank),
            (x, y),
            fontsize=8,
            weight="bold",
            ha="center",
            va="center",
            bbox={"boxstyle": "circle,pad=0.2", "fc": "white", "ec": "black", "lw": 0.6},
        )
    axes.set_aspect("equal")
    axes.autoscale()
    axes.axis("off")
    bar = figure.colorbar(lines, ax=axes, shrink=0.6)
    bar.set_label("probability of a problem (over 55 s per vehicle)")
    titles = ", ".join(dict.fromkeys(event.title for event in forecast.events())) or "no event"
    axes.set_title(f"{forecast.env}, {forecast.day}: {titles}", parse_math=False)
    return figure


def timeline_figure(forecast: DayForecast, roads: Map) -> Figure:
    """Draw the probability of a problem over time, a row for each approach that has one."""
    wanted = [problem.place.edge for problem in forecast.ranked()]
    rows = list(dict.fromkeys(wanted))[:MOST_ROWS]
    figure = Figure(figsize=(7.0 * max(1, len(forecast.parts)), 1.6 + 0.24 * max(1, len(rows))))
    grid = figure.subplots(1, len(forecast.parts), squeeze=False, sharey=True)[0]
    for axes, part, outlook in zip(grid, forecast.parts, forecast.outlooks, strict=True):
        axes.set_title(part.label, parse_math=False)
        if not rows:
            axes.text(0.5, 0.5, "no problem is likely", ha="center", transform=axes.transAxes)
            axes.axis("off")
            continue
        first, last = _span(outlook, rows)
        moments = [outlook.window.moment(i * outlook.bin_s) for i in range(first, last + 1)]
        at = [outlook.approaches.index(edge) for edge in rows]
        odds = outlook.problem[first:last].mean(axis=2)[:, at].T
        zone = outlook.window.clock.tzinfo
        numbers = mdates.date2num(moments)  # in UTC, since an hour of the clocks may come twice
        axes.pcolormesh(
            numbers,
            np.arange(len(rows) + 1),
            odds,
            cmap=COLOURS,
            vmin=0,
            vmax=1,
            edgecolors="white",
            linewidth=0.3,
        )
        for event in part.events:
            for moment in (event.begin, event.end):
                number = mdates.date2num(moment)
                if numbers[0] <= number <= numbers[-1]:
                    axes.axvline(number, color="black", linestyle="--", linewidth=1)
        axes.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M", tz=zone))
        axes.xaxis.set_major_locator(mdates.AutoDateLocator(tz=zone, maxticks=8))
        names = [_short(roads.places[edge].name) for edge in rows]
        axes.set_yticks(np.arange(len(rows)) + 0.5, names, parse_math=False)
    if rows:
        grid[0].invert_yaxis()  # once: the axes share it
        image = mpl.cm.ScalarMappable(Normalize(0, 1), COLOURS)
        figure.colorbar(image, ax=list(grid), label="probability of a problem", shrink=0.8)
    return figure


def _short(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else f"\u2026{name[1 - MOST_LETTERS :]}"


def _span(outlook: Outlook, rows: list[str]) -> tuple[int, int]:
    """Return the bins to draw: those with a problem, and an hour on both sides."""
    at = [outlook.approaches.index(edge) for edge in rows]
    some = np.flatnonzero(outlook.problem[:, at].mean(axis=2).max(axis=1) > 0.05)
    if not len(some):
        return 0, len(outlook.problem)
    hour = round(3600.0 / outlook.bin_s)
    return max(0, int(some[0]) - hour), min(len(outlook.problem), int(some[-1]) + 1 + hour)


def _aside(points: Any, metres: float) -> Any:
    """Shift a line to its right."""
    ahead = np.gradient(points, axis=0)
    length = np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    return points + metres * np.stack([ahead[:, 1], -ahead[:, 0]], axis=1) / length
