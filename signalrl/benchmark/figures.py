"""The pictures of a report.

Colours of Okabe and Ito (2008), each with a marker and a line style of its own, so that they can be
told apart without colour; narrow, so that a phone shows their text.
"""

from __future__ import annotations

import base64
import io
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from signalrl.benchmark.statistics import Estimate

WIDTH_IN = 5.2
FloatArray = npt.NDArray[np.float64]
STYLE: Any = {
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "svg.hashsalt": "signalrl",
    "figure.constrained_layout.use": True,
}
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 2)))
_LONG_NUMBER = re.compile(r"\b([1-9]\d*\.\d\d)\d+")
"""Points of a picture to more than a hundredth, which nobody sees; factors below 1 stay."""
_BINS = 30
_MARK_EVERY = 4
_MAP_COLOURS = LinearSegmentedColormap.from_list(
    "delay", mpl.colormaps["viridis_r"](np.linspace(0.12, 1.0, 64))
)
_SHORTEST_M = 20.0
"""Shorter edges are coloured as if they were this long: a car on a joint is no jam."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a controller is drawn, the same in every picture."""

    colour: str
    marker: str
    line: Any

    @classmethod
    def number(cls, index: int) -> Look:
        """Return the look at a position; a colour comes back with another marker and line."""
        shifted = index + index // len(_COLOURS)
        return cls(
            _COLOURS[index % len(_COLOURS)],
            _MARKERS[shifted % len(_MARKERS)],
            _LINES[shifted % len(_LINES)],
        )


@dataclass(frozen=True, slots=True)
class Course:
    """A quantity over time, one row per seed.

    Attributes:
        time_s: ``(moments,)``.
        values: ``(seeds, moments)``.
    """

    time_s: FloatArray
    values: FloatArray


@dataclass(frozen=True, slots=True)
class Roads:
    """The geometry of a network.

    Attributes:
        shapes: Points of each edge in m, ``(points, 2)``, by id.
        length_m: Length of each edge.
        signals: Places of the controlled signals, ``(signals, 2)``.
        low: Lower left corner of the map, ``(2,)``.
        high: Upper right corner, ``(2,)``.
    """

    shapes: Mapping[str, FloatArray]
    length_m: Mapping[str, float]
    signals: FloatArray
    low: FloatArray
    high: FloatArray


def delay_figure(
    estimates: Mapping[str, Estimate],
    values: Mapping[str, Sequence[float]],
    looks: Mapping[str, Look],
) -> Figure:
    """Draw the mean delay of each controller with its interval, and a dot per seed.

    Args:
        estimates: By controller, from top to bottom.
        values: The seeds' means behind them.
        looks: How each is drawn.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 0.9 + 0.42 * len(estimates)))
        axes = figure.subplots()
        for row, (name, estimate) in enumerate(estimates.items()):
            look, seeds = looks[name], np.asarray(values[name])
            jitter = 0.22 * np.linspace(-1, 1, len(seeds)) if len(seeds) > 1 else np.zeros(1)
            axes.plot(seeds, row + jitter, ".", color="#999999", markersize=3.5, zorder=2)
            reach = (
                (estimate.mean, estimate.mean)
                if math.isnan(estimate.low)
                else (estimate.low, estimate.high)
            )
            axes.errorbar(
                estimate.mean,
                row,
                xerr=[[max(0.0, estimate.mean - reach[0])], [max(0.0, reach[1] - estimate.mean)]],
                fmt=look.marker,
                color=look.colour,
                ecolor="black",
                elinewidth=1.2,
                capsize=5,
                markersize=6,
                zorder=3,
            )
            axes.annotate(
                f"{estimate.mean:.1f}",
                (max(reach[1], float(seeds.max())), row),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set_yticks(range(len(estimates)), list(estimates))
        axes.set_ylim(len(estimates) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        largest = max(float(np.max(v)) for v in values.values())
        smallest = min(float(np.min(v)) for v in values.values())
        if smallest > 0 and largest / smallest > 20:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
        else:
            axes.set_xlim(0, 1.15 * largest)
        axes.set_xlabel("mean delay per vehicle in s")
        return figure


def course_figure(courses: Mapping[str, Course], looks: Mapping[str, Look], what: str) -> Figure:
    """Draw a quantity over time: the mean over the seeds, and the band from lowest to highest.

    Each point is the mean over a thirtieth of the episode, so that the signals' cycles, which are
    the same in every seed, don't hide the course.

    Args:
        courses: The quantity by controller.
        looks: How each is drawn.
        what: The quantity, with its unit.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 3.7))
        axes = figure.subplots()
        for number, (name, course) in enumerate(courses.items()):
            look, (minutes, values) = looks[name], _in_bins(course)
            axes.fill_between(
                minutes,
                values.min(axis=0),
                values.max(axis=0),
                color=look.colour,
                alpha=0.15,
                linewidth=0,
            )
            axes.plot(
                minutes,
                values.mean(axis=0),
                color=look.colour,
                linestyle=look.line,
                linewidth=1.5,
                marker=look.marker,
                markersize=5,
                markevery=(number % _MARK_EVERY, _MARK_EVERY),
                label=name,
            )
        axes.set_ylim(bottom=0)
        axes.set_xlim(0, max(float(c.time_s[-1]) for c in courses.values()) / 60.0)
        axes.set_xlabel("minutes since the start")
        axes.set_ylabel(what)
        figure.legend(loc="outside upper left", ncols=2, frameon=False, handlelength=3.2)
        return figure


def map_figure(roads: Roads, delayed: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw the network once per controller, coloured and widened by delay, on one scale.

    Args:
        roads: The geometry.
        delayed: By controller, the mean number of delayed vehicles on each edge: vehicle-seconds
            lost per second.
    """
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        columns = min(2, len(delayed))
        lines = math.ceil(len(delayed) / columns)
        width, height = np.maximum(roads.high - roads.low, 1.0)
        tall = min(1.4, max(0.45, height / width)) * WIDTH_IN / columns + 0.3
        figure = Figure(figsize=(WIDTH_IN, lines * tall + 0.8), dpi=200)
        axes = figure.subplots(lines, columns, squeeze=False).ravel()
        density = {name: _per_100_m(roads, edges) for name, edges in delayed.items()}
        pooled = np.concatenate([d[d > 0] for d in density.values()] or [np.zeros(0)])
        top = float(np.quantile(pooled, 0.98)) if pooled.size else 1.0
        norm = Normalize(0.0, max(top, 0.1))
        for ax in axes:
            ax.set_axis_off()
        for ax, (name, values) in zip(axes, density.items(), strict=False):
            _draw_map(ax, roads, values, norm)
            ax.set_title(name, fontsize=10)
        colours = mpl.cm.ScalarMappable(norm, _MAP_COLOURS)
        bar = figure.colorbar(
            colours, ax=list(axes), location="bottom", fraction=0.05, aspect=40, extend="max"
        )
        bar.set_label("vehicles delayed per 100 m of road, mean over time and seeds")
        return figure


def svg(figure: Figure) -> str:
    """Return a figure as an SVG element that scales with the page."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return _LONG_NUMBER.sub(r"\1", text[text.index("<svg") :])


def png(figure: Figure) -> str:
    """Return a figure as a data address for an image: for maps with very many lines."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _in_bins(course: Course) -> tuple[FloatArray, FloatArray]:
    """Return the middle of each bin in minutes, and the means in it, ``(seeds, bins)``."""
    moments = len(course.time_s)
    cuts = np.linspace(0, moments, min(_BINS, moments) + 1).astype(int)
    pieces = [slice(a, b) for a, b in itertools.pairwise(cuts)]
    middle = np.array([course.time_s[piece].mean() for piece in pieces]) / 60.0
    return middle, np.stack([course.values[:, piece].mean(axis=1) for piece in pieces], axis=1)


def _draw_map(ax: Axes, roads: Roads, values: FloatArray, norm: Normalize) -> None:
    order = np.argsort(values, kind="stable")
    shapes = list(roads.shapes.values())
    lines = LineCollection(
        [shapes[i] for i in order],
        array=values[order],
        cmap=_MAP_COLOURS,
        norm=norm,
        linewidths=0.7 + 3.0 * np.clip(norm(values[order]), 0.0, 1.0),
        capstyle="round",
    )
    ax.add_collection(lines)
    ax.plot(*roads.signals.T, "o", color="white", markeredgecolor="black", markersize=3.5)
    ax.set_aspect("equal")
    ax.set_xlim(roads.low[0], roads.high[0])
    ax.set_ylim(roads.low[1], roads.high[1])


def _per_100_m(roads: Roads, delayed: Mapping[str, float]) -> FloatArray:
    return np.array(
        [
            100.0 * delayed.get(edge, 0.0) / max(roads.length_m[edge], _SHORTEST_M)
            for edge in roads.shapes
        ]
    )
