"""The pictures of one signal and of its corridor, as signal engineers know them.

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
    Band,
    Cycle,
    Ending,
    Period,
    Split,
)

_GREEN, _PALE_GREEN, _RED, _BLUE = "#009E73", "#c9ebe0", "#D55E00", "#0072B2"
_HOW_MARKERS = {"gap out": ("o", _GREEN), "max out": ("^", _RED), "cut off": ("s", _BLUE)}
_DIRECTIONS, _HATCHES = (_GREEN, _BLUE), ("//", "\\\\")
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
        figure, panels = _panels(list(endings), tall, 0.7)
        offset = {"gap out": -0.25, "max out": 0.0, "cut off": 0.25}
        for ax, found in zip(panels, endings.values(), strict=True):
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
        _minutes(panels, begin_s, end_s)
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
        figure, panels = _panels([titles[name] for name in found], 1.75, 0.75)
        for ax, (cycles, arrivals) in zip(panels, found.values(), strict=True):
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
        _minutes(panels, begin_s, end_s)
        figure.supylabel("time since the begin of red in s", fontsize=10)
        figure.legend(
            handles=[
                Line2D([], [], marker=".", linestyle="", color="black", label="arrival"),
                Patch(facecolor=_PALE_GREEN, edgecolor=_GREEN, label="green"),
                Line2D([], [], color=_RED, linewidth=1.2, linestyle="--", label="next red"),
            ],
            loc="outside upper left",
            ncols=3,
            frameon=False,
            handlelength=1.6,
        )
        return figure


def corridor_figure(
    colours: Mapping[str, Sequence[tuple[Sequence[Period], Sequence[Period]]]],
    bands: Mapping[str, tuple[Sequence[Band], Sequence[Band]]],
    distance_m: Sequence[float],
    titles: Mapping[str, str],
    directions: tuple[str, str],
    window_s: tuple[float, float],
    begin_s: float,
) -> Figure:
    """Draw a time-space diagram of a corridor: red bars, and the greens that meet the next green.

    Args:
        colours: By controller, the colours of the forward and the backward movement of each signal.
        bands: By controller, the bands of both directions.
        distance_m: Of each signal from the first.
        titles: By controller.
        directions: Names of the forward and the backward direction.
        window_s: What is shown.
        begin_s: Begin of the episode.
    """
    with mpl.rc_context(STYLE):
        tall = 0.5 + max(1.6, 0.42 * len(distance_m))
        figure, panels = _panels([titles[name] for name in colours], tall, 0.8)
        bar = 0.022 * max(distance_m[-1], 1.0) * 3.0 / tall
        for ax, (name, signals) in zip(panels, colours.items(), strict=True):
            for direction in (0, 1):
                seen = [
                    b for b in bands[name][direction] if _meets(b.leaves[0], b.comes[1], window_s)
                ]
                _draw_bands(ax, seen, distance_m, direction, begin_s)
            for at_m, both in zip(distance_m, signals, strict=True):
                for direction, periods in enumerate(both):
                    low = at_m - bar if direction == 0 else at_m
                    shown = [p for p in periods if _meets(p.start_s, p.end_s, window_s)]
                    _draw_bars(ax, shown, low, bar, begin_s)
            ax.set_xlim(*((s - begin_s) / 60.0 for s in window_s))
            ax.set_ylim(-2.5 * bar, distance_m[-1] + 2.5 * bar)
            ax.set_yticks(distance_m, [str(k + 1) for k in range(len(distance_m))])
            ax.tick_params(axis="y", length=0)
            ax.grid(visible=False)
        for ax in panels[:-1]:
            ax.tick_params(labelbottom=False)
        panels[-1].set_xlabel("minutes since the start")
        figure.supylabel(f"signals, {distance_m[-1]:,.0f} m from first to last", fontsize=10)
        figure.legend(
            handles=_corridor_handles(directions),
            loc="outside upper left",
            ncols=2,
            frameon=False,
            handlelength=1.8,
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
    _add(ax, shapes, facecolor=_PALE_GREEN, edgecolor="none")
    _add(ax, begins, closed=False, facecolor="none", edgecolor=_GREEN, linewidth=1.6)
    _add(ax, ends, closed=False, facecolor="none", edgecolor=_GREEN, linewidth=0.8)
    if cycles:
        edges = [(c.begin_s - begin_s) / 60.0 for c in cycles]
        lengths = [c.end_s - c.begin_s for c in cycles]
        ax.plot(
            [*edges, (cycles[-1].end_s - begin_s) / 60.0],
            [*lengths, lengths[-1]],
            drawstyle="steps-post",
            color=_RED,
            linewidth=0.9,
            linestyle="--",
        )


def _draw_bands(
    ax: Axes, bands: Sequence[Band], distance_m: Sequence[float], direction: int, begin_s: float
) -> None:
    for through in (False, True):
        shapes = [
            [
                ((band.leaves[0] - begin_s) / 60.0, distance_m[band.stop]),
                ((band.leaves[1] - begin_s) / 60.0, distance_m[band.stop]),
                ((band.comes[1] - begin_s) / 60.0, distance_m[band.to]),
                ((band.comes[0] - begin_s) / 60.0, distance_m[band.to]),
            ]
            for band in bands
            if band.through == through
        ]
        _add(
            ax,
            shapes,
            facecolor=_DIRECTIONS[direction],
            alpha=0.4 if through else 0.16,
            edgecolor="none",
            hatch=_HATCHES[direction] if through else None,
        )


def _draw_bars(
    ax: Axes, periods: Sequence[Period], low: float, height: float, begin_s: float
) -> None:
    if not periods:
        return
    high = low + height
    for colour, face in (("green", "white"), ("red", _RED), ("yellow", "#F0E442")):
        spans = [
            ((p.start_s - begin_s) / 60.0, (p.end_s - begin_s) / 60.0)
            for p in periods
            if p.colour == colour
        ]
        _add(
            ax,
            [[(a, low), (b, low), (b, high), (a, high)] for a, b in spans],
            facecolor=face,
            edgecolor="black",
            linewidth=0.4,
            zorder=2,
        )


def _add(
    ax: Axes, shapes: Sequence[Sequence[tuple[float, float]]], *, closed: bool = True, **look: Any
) -> None:
    """Add shapes as one path, which takes much less room on a page than many do."""
    if shapes:
        paths = [
            Path([*shape, shape[0]], closed=True) if closed else Path(shape) for shape in shapes
        ]
        ax.add_patch(PathPatch(Path.make_compound_path(*paths), **{"linewidth": 0, **look}))


def _meets(start_s: float, end_s: float, window_s: tuple[float, float]) -> bool:
    return start_s < window_s[1] and end_s > window_s[0]


def _corridor_handles(directions: tuple[str, str]) -> list[Any]:
    return [
        Patch(facecolor=_RED, edgecolor="black", label="red"),
        Patch(facecolor="white", edgecolor="black", label="green"),
        *(
            Patch(facecolor=colour, alpha=0.4, hatch=hatch, label=f"{name} through all signals")
            for name, colour, hatch in zip(directions, (_GREEN, _BLUE), ("//", "\\\\"), strict=True)
        ),
    ]


def _panels(titles: Sequence[str], tall_in: float, extra_in: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel per title, one below the other."""
    figure = Figure(figsize=(WIDTH_IN, extra_in + tall_in * len(titles)), dpi=_DPI)
    axes = list(figure.subplots(len(titles), 1, squeeze=False, sharex=True).ravel())
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, fontsize=10, loc="left")
    return figure, axes


def _minutes(panels: Sequence[Axes], begin_s: float, end_s: float) -> None:
    panels[-1].set_xlim(0, (end_s - begin_s) / 60.0)
    panels[-1].set_xlabel("minutes since the start")


def _tick(end_min: float) -> float:
    """Return a distance of ticks that leaves room for their labels in half the width."""
    return next((step for step in (1, 2, 5, 10, 15, 20, 30, 60) if end_min / step <= 4), 120)


def _numbered(phases: Sequence[str]) -> list[str]:
    return [f"{number} {name}" for number, name in enumerate(phases, 1)]


def _top(cycles: Sequence[Cycle]) -> float:
    lengths = [cycle.end_s - cycle.begin_s for cycle in cycles]
    return 1.05 * max(lengths, default=60.0)
