"""Draws the way of one decision, ``decision.svg``, from the phases of the environment ``single``.

    python docs/images/decision.py

Run it again when those phases or their clearances change. The counts in the picture are an example;
they are those of the vehicles that it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle
from matplotlib.path import Path as Curve

from signalrl.control.observation import FEATURES
from signalrl.network.model import Signal
from signalrl.network.timing import transition
from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.episode import scenario_network

STYLE = {"font.family": "DejaVu Sans", "font.size": 10.5, "svg.hashsalt": "signalrl"}
INK, MUTED, FAINT, ROAD = "#1a1a1a", "#5c5c5c", "#d9d9d9", "#eeeeee"
GREEN, YELLOW, RED = "#00875f", "#f2c14e", "#a63d2f"
ARMS = "swne"
"""In steps of 90 degrees, clockwise; index 0 is a vehicle that comes from the south."""
LANES = {"r": 0.40, "s": 0.27, "l": 0.11}
"""Where a movement begins in an icon, to the right of the middle of its arm."""
ARM, STOP_LINE = 0.40, 0.47
STREET_LANES = {"r": 0.335, "s": 0.205, "l": 0.07}
"""Half width of an arm, distance of its stop line, and its lanes; the whole is -1 to 1."""
CURRENT, CHOSEN, GREEN_FOR_S = 0, 4, 14
QUEUED = {("n", "s"): 4, ("n", "r"): 3, ("n", "l"): 3, ("s", "s"): 2, ("e", "l"): 1, ("w", "l"): 1}
MOVING = {("e", "s"): (0.60, 0.86), ("w", "s"): (0.74,), ("n", "r"): (0.895,), ("s", "r"): (0.78,)}
"""Vehicles in the picture: halting ones by lane, and moving ones by distance from the middle."""
SCORES = (1.1, 0.6, 0.9, 3.4, 4.2, 1.0)


def main() -> None:
    """Draw the picture beside this script."""
    scenario = load_scenario("single")
    signal = scenario_network(scenario).signals[0]
    intervals = transition(signal, CURRENT, CHOSEN, scenario.timing)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 5.3))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, 11), ylim=(0, 5.3), aspect="equal")
        axes.set_axis_off()
        street(axes, signal, 1.8, 2.75, 1.48)
        table(axes, signal)
        timeline(axes, [(i.kind, i.duration_s) for i in intervals])
        way(axes)
        target = Path(__file__).with_suffix(".svg")
        figure.savefig(target, facecolor="white", metadata={"Date": None, "Creator": None})


def street(axes: Axes, signal: Signal, x: float, y: float, size: float) -> None:
    """Draw the intersection with its vehicles and what it shows."""
    title(axes, 0.3, "1  Street", "detectors count vehicles, lane by lane")
    for wide, tall in ((1.0, ARM), (ARM, 1.0)):
        axes.add_patch(
            Rectangle(
                (x - wide * size, y - tall * size), 2 * wide * size, 2 * tall * size, color=ROAD
            )
        )
    shown = signal.phases[CURRENT].state
    for k, arm in enumerate(ARMS):
        place = Place(x, y, size, rotation(k))
        for offset, style in ((0.0, "-"), (0.1375, "--"), (0.27, "--"), (-0.20, "--")):
            line = place.at([[offset, -1.0], [offset, -STOP_LINE]])
            axes.plot(*line.T, style, color="white", linewidth=1.3, zorder=1)
        line = place.at([[0.0, -STOP_LINE], [ARM, -STOP_LINE]])
        axes.plot(*line.T, color=MUTED, linewidth=1.0, zorder=1)
        for link in signal.links:
            if arm_of(link.from_lane) == arm:
                is_green = shown[link.position] == "G"
                dot = Circle(
                    place.at([STREET_LANES[link.direction], -STOP_LINE + 0.05]),
                    0.05,
                    facecolor=GREEN if is_green else "white",
                    edgecolor=GREEN if is_green else RED,
                    linewidth=1.5,
                    zorder=3,
                )
                axes.add_patch(dot)
        for direction, offset in STREET_LANES.items():
            for i in range(QUEUED.get((arm, direction), 0)):
                car(axes, place, offset, STOP_LINE + 0.07 + 0.115 * i, INK)
            for distance in MOVING.get((arm, direction), ()):
                car(axes, place, offset, distance, "white")
    axes.text(
        x,
        0.98,
        f"phase {CURRENT} has been green for {GREEN_FOR_S} s,\nan event has ended in the north",
        ha="center",
        va="top",
        color=MUTED,
        fontsize=9,
    )


def table(axes: Axes, signal: Signal) -> None:
    """Draw what each phase would serve, and the score that a controller gives it."""
    title(axes, 3.65, "2  Observation", "a row of features per phase")
    title(axes, 6.15, "3  Policy", "scores each row")
    left, top, step = 4.2, 4.02, 0.56
    for p, phase in enumerate(signal.phases):
        y = top - step * p
        icon(axes, signal, phase.state, left - 0.16, y, 0.22)
        axes.text(left - 0.5, y, str(p), va="center", ha="right", fontsize=10)
        queued, moving = served(signal, phase.state)
        bar(axes, left + 0.3, y + 0.075, 0.083 * queued, INK, str(queued))
        bar(axes, left + 0.3, y - 0.115, 0.083 * moving, "white", str(moving))
        chosen = p == CHOSEN
        score = SCORES[p]
        bar(axes, 6.25, y - 0.02, 0.26 * score, GREEN if chosen else FAINT, f"{score:.1f}", 0.2)
    y = top - step * CHOSEN
    axes.add_patch(
        FancyBboxPatch(
            (3.52, y - 0.235),
            4.25,
            0.47,
            boxstyle="round,pad=0.0,rounding_size=0.08",
            fill=False,
            edgecolor=INK,
            linewidth=1.6,
        )
    )
    axes.text(
        left + 0.25,
        0.98,
        f"■ queued   □ approaching\nand {FEATURES - 2} features more",
        ha="left",
        va="top",
        color=MUTED,
        fontsize=9,
    )
    axes.text(6.25, 0.98, "highest of what\nmay be requested", va="top", color=MUTED, fontsize=9)


def timeline(axes: Axes, intervals: list[tuple[str, float]]) -> None:
    """Draw the interlock's way from the phase that is shown to the one that is requested."""
    title(axes, 8.25, "4  Interlock", "times the way, safely")
    labels = {"yellow": "yellow change", "red": "red clearance"}
    looks = {"yellow": (YELLOW, "//"), "red": ("white", "")}
    x, y, height = 8.3, 4.05, 0.44
    blocks = [(f"phase {CURRENT}", 0.0, GREEN, "")]
    blocks += [(labels[kind], duration, *looks[kind]) for kind, duration in intervals]
    blocks += [(f"phase {CHOSEN}", 0.0, GREEN, "")]
    for k, (label, duration, colour, hatch) in enumerate(blocks):
        at = y - 0.52 * k
        axes.add_patch(
            Rectangle(
                (x, at - height / 2),
                0.62,
                height,
                facecolor=colour,
                edgecolor=INK if colour != "white" else RED,
                hatch=hatch,
                linewidth=1.2,
            )
        )
        seconds = f"{duration:g} s" if duration else "green"
        inside = axes.text(x + 0.31, at, seconds, ha="center", va="center", fontsize=9.5)
        if colour == GREEN:
            inside.set_color("white")
        if hatch:
            inside.set_bbox({"facecolor": YELLOW, "edgecolor": "none", "pad": 1.2})
        axes.text(x + 0.76, at, label, va="center")
    axes.add_patch(
        FancyBboxPatch(
            (8.3, 1.1),
            2.35,
            0.74,
            boxstyle="round,pad=0.0,rounding_size=0.08",
            facecolor="white",
            edgecolor=INK,
            linestyle=(0, (4, 2)),
            linewidth=1.2,
        )
    )
    axes.text(8.42, 1.655, "5  Monitor", va="center", weight="bold")
    axes.text(
        8.42, 1.32, "judges every state again,\nwith code of its own", va="center", fontsize=9
    )


def way(axes: Axes) -> None:
    """Draw the arrows from step to step and back to the street."""
    for x0, x1, y in ((3.36, 3.6, 2.62), (5.84, 6.1, 2.62), (7.84, 8.14, 2.62)):
        arrow(axes, [(x0, y), (x1, y)])
    arrow(axes, [(9.5, 1.02), (9.5, 0.28), (1.8, 0.28), (1.8, 0.5)])
    axes.text(
        5.6,
        0.28,
        "signal states; five seconds later the next decision",
        ha="center",
        va="center",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 4},
    )


def title(axes: Axes, x: float, head: str, text: str) -> None:
    """Write the head of a step."""
    axes.text(x, 5.02, head, fontsize=13, weight="bold", va="center", color=INK)
    axes.text(x, 4.68, text, fontsize=9.5, va="center", color=MUTED)


def icon(axes: Axes, signal: Signal, state: str, x: float, y: float, size: float) -> None:
    """Draw the movements that a phase lets go, over all that there are."""
    box = FancyBboxPatch(
        (x - size, y - size),
        2 * size,
        2 * size,
        boxstyle="round,pad=0.0,rounding_size=0.06",
        facecolor=ROAD,
        edgecolor="none",
    )
    axes.add_patch(box)
    done = set()
    for link in signal.links:
        key = arm_of(link.from_lane), link.direction
        if state[link.position] not in "Gg" or key in done:
            continue
        done.add(key)
        points = movement(*key) * size + (x, y)
        codes = [Curve.MOVETO, *[Curve.CURVE4] * 3]
        axes.add_patch(
            FancyArrowPatch(
                path=Curve(points, codes),
                arrowstyle="-|>,head_length=2.4,head_width=1.5",
                color=GREEN,
                linewidth=1.3,
                zorder=4,
            )
        )


def movement(arm: str, direction: str) -> np.ndarray:
    """Return the Bezier points (4, 2) of a movement in the square from -1 to 1."""
    start = np.array([LANES[direction], -0.92])
    end = np.array({"s": (LANES["s"], 0.92), "r": (0.92, -0.27), "l": (-0.92, 0.27)}[direction])
    corner = np.array({"s": (LANES["s"], 0.0), "r": (0.40, -0.27), "l": (0.11, 0.27)}[direction])
    bend = 0.8
    points = np.array([start, start + bend * (corner - start), end + bend * (corner - end), end])
    return points @ rotation(ARMS.index(arm)).T


def served(signal: Signal, state: str) -> tuple[int, int]:
    """Return the halting and the moving vehicles of the picture that a phase would serve."""
    going = {
        (arm_of(link.from_lane), link.direction)
        for link in signal.links
        if state[link.position] in "Gg"
    }
    queued = sum(count for key, count in QUEUED.items() if key in going)
    return queued, sum(len(cars) for key, cars in MOVING.items() if key in going)


def car(axes: Axes, place: Place, offset: float, distance: float, colour: str) -> None:
    """Draw a vehicle on its lane."""
    corners = [[-0.038, 0.0], [0.038, 0.0], [0.038, 0.088], [-0.038, 0.088]]
    points = place.at(np.array([offset, -distance]) - corners)
    axes.add_patch(
        Polygon(points, facecolor=colour, edgecolor=INK, linewidth=0.9, joinstyle="round", zorder=2)
    )


def bar(
    axes: Axes, x: float, y: float, length: float, colour: str, text: str, height: float = 0.13
) -> None:
    """Draw a bar with its value."""
    axes.add_patch(
        Rectangle(
            (x, y - height / 2 + 0.02),
            max(length, 0.012),
            height,
            facecolor=colour,
            edgecolor=INK,
            linewidth=0.9,
        )
    )
    axes.text(x + length + 0.07, y + 0.01, text, va="center", fontsize=8.5)


def arrow(axes: Axes, points: list[tuple[float, float]]) -> None:
    """Draw a way with corners that ends in an arrow."""
    axes.add_patch(
        FancyArrowPatch(
            path=Curve(points),
            arrowstyle="-|>,head_length=6,head_width=3.5",
            color=INK,
            linewidth=1.6,
            joinstyle="round",
        )
    )


@dataclass(frozen=True)
class Place:
    """Where an arm is drawn: the middle of the junction, the size, and the arm's rotation."""

    x: float
    y: float
    size: float
    turn: np.ndarray

    def at(self, points: npt.ArrayLike) -> np.ndarray:
        """Return where points of the southern arm lie in the picture, (..., 2)."""
        where: np.ndarray = np.asarray(points) @ self.turn.T * self.size + (self.x, self.y)
        return where


def rotation(k: int) -> np.ndarray:
    """Return the matrix that turns the southern arm to arm ``k``."""
    angle = -np.pi / 2 * k
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def arm_of(lane: str) -> str:
    """Return the letter of the arm from which a lane leads to the junction."""
    return lane[0]


if __name__ == "__main__":
    main()
