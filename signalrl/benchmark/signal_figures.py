"""The pictures of one signal, as signal engineers know them.

The style is that of :mod:`signalrl.benchmark.figures`: whatever has a colour has a shape or a line
of its own too. Dots are drawn as pixels, so that a page with many of them stays light.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path

from signalrl.benchmark.figures import STYLE, WIDTH_IN, Look
from signalrl.benchmark.signal_measures import (
    HOWS,
    Arrivals,
    Cycle,
    Ending,
    Split,
)

GREEN, _PALE_GREEN, RED, BLUE = "#009E73", "#c9ebe0", "#D55E00", "#0072B2"
_HOW_MARKERS = {"gap out": ("o", GREEN), "max out": ("^", RED), "cut off": ("s", BLUE)}
_DPI = 200
_ROW_IN = 0.19


def split_figure(
    splits: Mapping[str, Sequence[Split]],
    phases: Sequence[str],
    stored_s: Sequence[float | None],
    looks: Mapping[str, Look],
) -> Figure:
    """Draw the greens of each phase: the mean, the range from 15th to 85th percentile, the longest.

    Args:
        splits: By controller, one per phase.
        phases: Whom each phase serves.
        stored_s: Green of each phase in the stored program.
        looks: How each controller is drawn.
    """
    with mpl.rc_context(STYLE):
        rows = len(phases) * (len(splits) + 1)
        figure = Figure(figsize=(WIDTH_IN, 0.9 + 0.2 * math.ceil(len(splits) / 2) + _ROW_IN * rows))
        axes = figure.subplots()
        for number, (name, of_phases) in enumerate(splits.items()):
            look = looks[name]
            seen = [s for s in of_phases if s.greens]
            y = np.array([s.phase * (len(splits) + 1) + number for s in seen], dtype=np.float64)
            axes.hlines(
                y,
                [s.p15_s for s in seen],
                [s.p85_s for s in seen],
                color=look.colour,
                linewidth=2.5,
            )
            axes.plot([s.longest_s for s in seen], y, "|", color="black", markersize=7)
            axes.plot([s.mean_s for s in seen], y, look.marker, color=look.colour, label=name)
            for split in of_phases:
                axes.annotate(
                    f"{split.greens}×",
                    (1.0, split.phase * (len(splits) + 1) + number),
                    xycoords=("axes fraction", "data"),
                    xytext=(3, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=9,
                )
        for phase, green_s in enumerate(stored_s):
            low = phase * (len(splits) + 1) - 0.6
            if phase:
                axes.axhline(low - 0.4, color="#999999", linewidth=0.6)
            if green_s is not None:
                axes.vlines(
                    green_s,
                    low,
                    low + len(splits) + 0.2,
                    color="black",
                    linestyle=":",
                    linewidth=1.5,
                )
        middle = 0.5 * (len(splits) - 1)
        axes.set_yticks(
            [k * (len(splits) + 1) + middle for k in range(len(phases))], _numbered(phases)
        )
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(rows - 1.2, -0.8)
        axes.grid(visible=False, axis="y")
        axes.set_xlim(left=0)
        axes.set_xlabel("green in s")
        handles = [*axes.get_legend_handles_labels()[0]]
        if any(s is not None for s in stored_s):
            handles.append(Line2D([], [], color="black", linestyle=":", label="stored program"))
        figure.legend(
            handles=handles, loc="outside upper left", ncols=2, frameon=False, handlelength=1.5
        )
        return figure


def termination_figure(
    endings: Mapping[str, Sequence[Ending]], phases: Sequence[str], begin_s: float, end_s: float
) -> Figure:
    """Draw how each green ended, over time (Purdue phase termination chart).

    Args:
        endings: By controller.
        phases: Whom each phase serves.
        begin_s: Begin of the episode.
        end_s: Its end.
    """
    with mpl.rc_context(STYLE):
        tall = 0.45 + 0.34 * len(phases)
        figure, axes = panels(list(endings), tall, 0.7)
        offset = {"gap out": -0.25, "max out": 0.0, "cut off": 0.25}
        for ax, found in zip(axes, endings.values(), strict=True):
            for how in HOWS:
                marker, colour = _HOW_MARKERS[how]
                mine = [e for e in found if e.how == how]
                ax.plot(
                    [(e.time_s - begin_s) / 60.0 for e in mine],
                    [e.phase + offset[how] for e in mine],
                    marker,
                    color=colour,
                    markersize=3.2,
                    markeredgewidth=0.6,
                    markerfacecolor="white" if how == "gap out" else colour,
                    rasterized=True,
                )
            for phase in range(1, len(phases)):
                ax.axhline(phase - 0.5, color="#999999", linewidth=0.6)
            ax.set_yticks(range(len(phases)), _numbered(phases))
            ax.tick_params(axis="y", length=0)
            ax.set_ylim(len(phases) - 0.5, -0.5)
            ax.grid(visible=False, axis="y")
        _minutes(axes, begin_s, end_s)
        figure.legend(
            handles=[
                Line2D(
                    [],
                    [],
                    linestyle="",
                    marker=marker,
                    color=colour,
                    markerfacecolor="white" if how == "gap out" else colour,
                    label=how,
                )
                for how, (marker, colour) in _HOW_MARKERS.items()
            ],
            loc="outside upper left",
            ncols=3,
            frameon=False,
            handletextpad=0.1,
        )
        return figure


def arrivals_figure(
    shares: Mapping[str, Mapping[str, Sequence[float]]],
    titles: Mapping[str, str],
    minutes: Sequence[float],
    looks: Mapping[str, Look],
) -> Figure:
    """Draw the share of vehicles that arrive on green, one panel per approach.

    Args:
        shares: By approach and controller, one value in [0, 1] per part of the episode; nan where
            nobody came.
        titles: By approach.
        minutes: Middle of each part of the episode.
        looks: How each controller is drawn.
    """
    with mpl.rc_context(STYLE):
        columns = min(2, len(shares))
        lines = math.ceil(len(shares) / columns)
        names = list(next(iter(shares.values())))
        end_min = minutes[-1] + minutes[0]
        figure = Figure(figsize=(WIDTH_IN, 0.65 + 0.2 * math.ceil(len(names) / 2) + 1.5 * lines))
        axes = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
        for ax in axes.ravel()[len(shares) :]:
            ax.set_axis_off()
        for ax, (approach, by_controller) in zip(axes.ravel(), shares.items(), strict=False):
            for name, values in by_controller.items():
                look = looks[name]
                ax.plot(
                    minutes,
                    100.0 * np.asarray(values),
                    color=look.colour,
                    linestyle=look.line,
                    marker=look.marker,
                    markersize=4.5,
                    linewidth=1.3,
                    label=name,
                )
            ax.set_title(titles[approach], fontsize=10, loc="left")
            ax.set_xlim(0, end_min)
            ax.set_xticks(np.arange(0, 0.99 * end_min, _tick(end_min)))
            ax.set_ylim(0, 100)
            ax.set_yticks([0, 25, 50, 75, 100])
        figure.supxlabel("minutes since the start", fontsize=10)
        figure.supylabel("arrivals on green in %", fontsize=10)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside upper left", ncols=2, frameon=False, handlelength=3.2
        )
        return figure


def coordination_figure(
    found: Mapping[str, tuple[Sequence[Cycle], Arrivals]],
    titles: Mapping[str, str],
    begin_s: float,
    end_s: float,
) -> Figure:
    """Draw when vehicles came in the cycle of their movement (Purdue coordination diagram).

    Args:
        found: Cycles and arrivals by controller.
        titles: By controller.
        begin_s: Begin of the episode.
        end_s: Its end.
    """
    with mpl.rc_context(STYLE):
        figure, axes = panels([titles[name] for name in found], 1.75, 0.75)
        for ax, (cycles, arrivals) in zip(axes, found.values(), strict=True):
            _draw_cycles(ax, cycles, begin_s)
            ax.plot(
                (np.array(arrivals.time_s) - begin_s) / 60.0,
                arrivals.in_cycle_s,
                ".",
                color="black",
                markersize=2.6,
                markeredgewidth=0,
                zorder=3,
                rasterized=True,
            )
            ax.grid(visible=False)
            ax.set_ylim(0, _top(cycles))
        _minutes(axes, begin_s, end_s)
        figure.supylabel("time since the begin of red in s", fontsize=10)
        figure.legend(
            handles=[
                Line2D([], [], marker=".", linestyle="", color="black", label="arrival"),
                Patch(facecolor=_PALE_GREEN, edgecolor=GREEN, label="green"),
                Line2D([], [], color=RED, linewidth=1.2, linestyle="--", label="next red"),
            ],
            loc="outside upper left",
            ncols=3,
            frameon=False,
            handlelength=1.6,
        )
        return figure


def _draw_cycles(ax: Axes, cycles: Sequence[Cycle], begin_s: float) -> None:
    """Draw the greens of the cycles as areas, their begins and ends and the next red as lines."""
    shapes, begins, ends = [], [], []
    for cycle in cycles:
        left, right = (cycle.begin_s - begin_s) / 60.0, (cycle.end_s - begin_s) / 60.0
        low, high = cycle.green_s - cycle.begin_s, cycle.yellow_s - cycle.begin_s
        shapes.append([(left, low), (right, low), (right, high), (left, high)])
        begins.append([(left, low), (right, low)])
        ends.append([(left, high), (right, high)])
    add_shapes(ax, shapes, facecolor=_PALE_GREEN, edgecolor="none")
    add_shapes(ax, begins, closed=False, facecolor="none", edgecolor=GREEN, linewidth=1.6)
    add_shapes(ax, ends, closed=False, facecolor="none", edgecolor=GREEN, linewidth=0.8)
    if cycles:
        edges = [(c.begin_s - begin_s) / 60.0 for c in cycles]
        lengths = [c.end_s - c.begin_s for c in cycles]
        ax.plot(
            [*edges, (cycles[-1].end_s - begin_s) / 60.0],
            [*lengths, lengths[-1]],
            drawstyle="steps-post",
            color=RED,
            linewidth=0.9,
            linestyle="--",
        )


def add_shapes(
    ax: Axes, shapes: Sequence[Sequence[tuple[float, float]]], *, closed: bool = True, **look: Any
) -> None:
    """Add shapes as one path, which takes much less room on a page than many do."""
    if shapes:
        paths = [
            Path([*shape, shape[0]], closed=True) if closed else Path(shape) for shape in shapes
        ]
        ax.add_patch(PathPatch(Path.make_compound_path(*paths), **{"linewidth": 0, **look}))


def panels(titles: Sequence[str], tall_in: float, extra_in: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel per title, one below the other, and its axes.

    Args:
        titles: From top to bottom.
        tall_in: Height of each panel in inches.
        extra_in: Room for the legend and the labels.
    """
    figure = Figure(figsize=(WIDTH_IN, extra_in + tall_in * len(titles)), dpi=_DPI)
    axes = list(figure.subplots(len(titles), 1, squeeze=False, sharex=True).ravel())
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, fontsize=10, loc="left")
    return figure, axes


def _minutes(axes: Sequence[Axes], begin_s: float, end_s: float) -> None:
    axes[-1].set_xlim(0, (end_s - begin_s) / 60.0)
    axes[-1].set_xlabel("minutes since the start")


def _tick(end_min: float) -> float:
    """Return a distance of ticks that leaves room for their labels in half the width."""
    return next((step for step in (1, 2, 5, 10, 15, 20, 30, 60) if end_min / step <= 4), 120)


def _numbered(phases: Sequence[str]) -> list[str]:
    return [f"{number} {name}" for number, name in enumerate(phases, 1)]


def _top(cycles: Sequence[Cycle]) -> float:
    lengths = [cycle.end_s - cycle.begin_s for cycle in cycles]
    return 1.05 * max(lengths, default=60.0)
