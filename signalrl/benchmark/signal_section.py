"""The part of a report that shows one signal and its corridor, as signal engineers look at them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

from signalrl.benchmark import markup
from signalrl.benchmark.corridor_figures import corridor_figure
from signalrl.benchmark.corridor_measures import bands, progression
from signalrl.benchmark.figures import Look, svg
from signalrl.benchmark.signal_figures import (
    arrivals_figure,
    coordination_figure,
    split_figure,
    termination_figure,
)
from signalrl.benchmark.signal_measures import (
    GAP_S,
    HOWS,
    arrivals_on_green,
    coordination,
    endings,
    periods,
    platoon_ratio,
    splits,
)
from signalrl.sumo.course import Approach, SignalCourse

PARTS = 6
PART_S = 600.0
"""Arrivals on green are averaged over a sixth of the episode, and at least over ten minutes."""
WINDOW_S = 600.0
"""How much of the episode the time-space diagram shows, from its middle on."""
Courses = Mapping[str, SignalCourse]

_SPLITS = (
    "Split monitor: the mean green of each phase, a line from the 15th to the 85th percentile, and "
    "a stroke at the longest. On the right, how often the phase was green."
)
_TERMINATIONS = (
    "How each green ended. Gap out: nobody was on the detectors, a drive of 2 s before the stop "
    f"line, in the last {GAP_S:g} s, nor stood at the line. Max out: the longest allowed green was "
    "reached with traffic still coming. Cut off: traffic was still coming, and the controller "
    "chose another phase or its program went on."
)
_ARRIVALS = (
    "Arrivals on green: share of the vehicles that reach the stop line on green if nothing before "
    "it holds them up, for the main movement of each approach."
)
_COORDINATION = (
    "Coordination diagram of the {name} approach, the busiest: a dot per vehicle, over the time "
    "since its main movement turned red. Dots in the green area need not stop. The thick line is "
    "the begin of green."
)
_CORRIDOR = (
    "Time-space diagram of the corridor; the signals are {stops}. Of each bar the lower half is "
    "{forward} traffic, the upper half {backward}. A dark band left the first signal on green and "
    "met green ever since, at the speed limit; a pale one meets it at the next signal only. In the "
    "titles: how much of the green meets green at the next signal, over the whole episode."
)


def signal_section(courses: Courses, looks: Mapping[str, Look]) -> str:
    """Return the section as HTML, in the style of the report.

    Args:
        courses: Of the same signal, by controller, in the order in which they are drawn; four at
            the most are readable.
        looks: How each controller is drawn.
    """
    if not courses:
        return ""
    first = next(iter(courses.values()))
    figures = [_splits(courses, looks), _terminations(courses)]
    if first.approaches:
        figures += [_arrivals(courses, looks), _coordination(courses)]
    if first.corridor is not None:
        figures.append(_corridor(courses))
    return (
        f"<h3>One signal: {escape(first.signal)}</h3>"
        '<p class="muted">The signal that most vehicles want to pass, in the episode of the first '
        "seed. NB, EB, SB and WB is traffic that drives to the north, east, south and west; a "
        "phase that serves all of it lets left turns go unhindered too.</p>"
        f'<div class="figures">{"".join(figures)}</div>{_summary(courses)}{_phases(courses)}'
    )


def _splits(courses: Courses, looks: Mapping[str, Look]) -> str:
    first = next(iter(courses.values()))
    drawn = split_figure(
        {name: splits(course) for name, course in courses.items()},
        [phase.name for phase in first.phases],
        [phase.stored_s for phase in first.phases],
        looks,
    )
    return markup.figure(svg(drawn), _SPLITS)


def _terminations(courses: Courses) -> str:
    first = next(iter(courses.values()))
    drawn = termination_figure(
        {name: endings(course) for name, course in courses.items()},
        [phase.name for phase in first.phases],
        first.begin_s,
        first.end_s,
    )
    return markup.figure(svg(drawn), _TERMINATIONS)


def _arrivals(courses: Courses, looks: Mapping[str, Look]) -> str:
    first = next(iter(courses.values()))
    lasts_s = first.end_s - first.begin_s
    parts = max(1, min(PARTS, int(lasts_s // PART_S)))
    shares: dict[str, dict[str, list[float]]] = {}
    titles = {}
    for approach in first.approaches:
        shares[approach.edge] = {}
        total = 0
        for name, course in courses.items():
            came, green = arrivals_on_green(
                _same(course, approach), course.shown, course.begin_s, course.end_s, parts
            )
            shares[approach.edge][name] = [
                g / c if c else math.nan for g, c in zip(green, came, strict=True)
            ]
            total += sum(came)
        titles[approach.edge] = f"{approach.name}: {total / len(courses):.0f} vehicles"
    minutes = [(k + 0.5) * lasts_s / parts / 60.0 for k in range(parts)]
    return markup.figure(svg(arrivals_figure(shares, titles, minutes, looks)), _ARRIVALS)


def _coordination(courses: Courses) -> str:
    first, approach = next(iter(courses.values())), _busiest(courses)
    found = {name: coordination(_same(c, approach), c) for name, c in courses.items()}
    titles = {name: f"{name}: {_on_green(found[name][1].on_green)} on green" for name in courses}
    drawn = coordination_figure(found, titles, first.begin_s, first.end_s)
    return markup.figure(svg(drawn), _COORDINATION.format(name=approach.name))


def _corridor(courses: Courses) -> str:
    first = next(iter(courses.values()))
    colours, found, titles = {}, {}, {}
    for name, course in courses.items():
        corridor = course.corridor
        if corridor is None:
            continue
        colours[name] = [
            (
                periods(stop.shown, stop.forward, course.end_s),
                periods(stop.shown, stop.backward, course.end_s) if stop.backward else [],
            )
            for stop in corridor.stops
        ]
        found[name] = (bands(corridor, course.end_s), bands(corridor, course.end_s, True))
        titles[name] = f"{name}: {_progression(course)}"
    corridor = first.corridor
    assert corridor is not None
    middle_s = 0.5 * (first.begin_s + first.end_s)
    start_s = max(first.begin_s, min(middle_s, first.end_s - WINDOW_S))
    drawn = corridor_figure(
        colours,
        found,
        [stop.distance_m for stop in corridor.stops],
        titles,
        (corridor.forward, corridor.backward),
        (start_s, min(start_s + WINDOW_S, first.end_s)),
        first.begin_s,
    )
    caption = _CORRIDOR.format(
        stops=", ".join(f"{k}: {stop.signal}" for k, stop in enumerate(corridor.stops, 1)),
        forward=corridor.forward,
        backward=corridor.backward,
    )
    return markup.figure(svg(drawn), caption)


def _summary(courses: Courses) -> str:
    """Return a table with a line per controller."""
    approach = _busiest(courses)
    rows = []
    for name, course in courses.items():
        cycles, arrivals = coordination(_same(course, approach), course)
        mean_s = sum(c.end_s - c.begin_s for c in cycles) / len(cycles) if cycles else math.nan
        rows.append(
            [
                name,
                _number(mean_s, 0),
                _on_green(arrivals.on_green),
                _number(platoon_ratio(cycles, arrivals), 2),
                _progression(course) if course.corridor is not None else "–",
            ]
        )
    head = ["controller", "mean cycle s", "arrivals on green", "platoon ratio", "progression"]
    return (
        f"<h3>Progression</h3>{markup.table(head, rows)}"
        f'<p class="muted">Cycle, arrivals and platoon ratio (share of arrivals on green over '
        f"share of green; 1 for arrivals at random) of the {escape(approach.name)} approach; "
        "progression: share of green along the corridor that meets green at the next signal.</p>"
    )


def _phases(courses: Courses) -> str:
    """Return a table with a line per controller and phase, to be opened."""
    rows = []
    for name, course in courses.items():
        for split, phase in zip(splits(course), course.phases, strict=True):
            rows.append(
                [
                    name,
                    f"{split.phase + 1} {phase.name}",
                    str(split.greens),
                    _number(split.mean_s, 1),
                    _number(split.p15_s, 0),
                    _number(split.p85_s, 0),
                    _number(split.longest_s, 0),
                    *(_percent(share) for share in split.share),
                ]
            )
    head = ["controller", "phase", "greens", "mean s", "p15 s", "p85 s", "longest s", *HOWS]
    return f"<details><summary>Phases in figures</summary>{markup.table(head, rows)}</details>"


def _busiest(courses: Courses) -> Approach:
    """Return the approach with the most arrivals over all controllers."""
    first = next(iter(courses.values()))
    return max(
        first.approaches,
        key=lambda a: sum(len(_same(course, a).arrival_s) for course in courses.values()),
    )


def _same(course: SignalCourse, approach: Approach) -> Approach:
    return next(a for a in course.approaches if a.edge == approach.edge)


def _progression(course: SignalCourse) -> str:
    corridor = course.corridor
    if corridor is None:
        return ""
    both = (
        (corridor.forward, progression(corridor, course.end_s)),
        (corridor.backward, progression(corridor, course.end_s, True)),
    )
    return ", ".join(f"{_percent(share)} {name}" for name, share in both if not math.isnan(share))


def _on_green(on_green: tuple[bool, ...]) -> str:
    return _percent(sum(on_green) / len(on_green) if on_green else math.nan)


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100.0 * share:.0f} %"


def _number(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"
