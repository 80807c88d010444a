"""The picture of a corridor of signals: the time-space diagram of signal engineers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from signalrl.benchmark.corridor_measures import Band
from signalrl.benchmark.figures import STYLE
from signalrl.benchmark.signal_figures import BLUE, GREEN, RED, add_shapes, panels
from signalrl.benchmark.signal_measures import Period

_DIRECTIONS, _HATCHES = (GREEN, BLUE), ("//", "\\\\")


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
        figure, axes = panels([titles[name] for name in colours], tall, 0.8)
        bar = 0.022 * max(distance_m[-1], 1.0) * 3.0 / tall
        for ax, (name, signals) in zip(axes, colours.items(), strict=True):
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
        for ax in axes[:-1]:
            ax.tick_params(labelbottom=False)
        axes[-1].set_xlabel("minutes since the start")
        figure.supylabel(f"signals, {distance_m[-1]:,.0f} m from first to last", fontsize=10)
        figure.legend(
            handles=_corridor_handles(directions),
            loc="outside upper left",
            ncols=2,
            frameon=False,
            handlelength=1.8,
        )
        return figure


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
        add_shapes(
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
    for colour, face in (("green", "white"), ("red", RED), ("yellow", "#F0E442")):
        spans = [
            ((p.start_s - begin_s) / 60.0, (p.end_s - begin_s) / 60.0)
            for p in periods
            if p.colour == colour
        ]
        add_shapes(
            ax,
            [[(a, low), (b, low), (b, high), (a, high)] for a, b in spans],
            facecolor=face,
            edgecolor="black",
            linewidth=0.4,
            zorder=2,
        )


def _meets(start_s: float, end_s: float, window_s: tuple[float, float]) -> bool:
    return start_s < window_s[1] and end_s > window_s[0]


def _corridor_handles(directions: tuple[str, str]) -> list[Any]:
    return [
        Patch(facecolor=RED, edgecolor="black", label="red"),
        Patch(facecolor="white", edgecolor="black", label="green"),
        *(
            Patch(facecolor=colour, alpha=0.4, hatch=hatch, label=f"{name} through all signals")
            for name, colour, hatch in zip(directions, (GREEN, BLUE), ("//", "\\\\"), strict=True)
        ),
    ]
