"""The part of a report that shows one environment: pictures, tables, and one of its signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from signalrl.benchmark import markup
from signalrl.benchmark.controllers import POLICY, base_name
from signalrl.benchmark.figures import (
    Course,
    Look,
    course_figure,
    delay_figure,
    map_figure,
    png,
    svg,
)
from signalrl.benchmark.gates_section import gates_section
from signalrl.benchmark.programs import PROGRAMS
from signalrl.benchmark.roads import read_roads
from signalrl.benchmark.signal_section import signal_section
from signalrl.benchmark.statistics import Verdict
from signalrl.benchmark.store import Store
from signalrl.benchmark.summary import ControllerSummary, EnvironmentSummary, number, signed
from signalrl.scenario.schema import Scenario
from signalrl.sumo.course import SignalCourse
from signalrl.sumo.episode import scenario_network

Details = Mapping[str, Sequence[Mapping[str, Any]]]
COURSES = 5
"""The largest number of controllers that are drawn over time."""
MAPS = 4
"""... with a map."""
SIGNALS = 3
"""... with the engineers' views of a signal."""

_COLUMNS = (
    ("controller", "controller"),
    ("mean", "mean delay s [95 %]"),
    ("middle", "middle seed s"),
    ("median_delay_s", "median vehicle s"),
    ("p95_delay_s", "p95 s"),
    ("worst_approach_s", "worst approach s"),
    ("fairness", "evenness"),
    ("mean_stops", "stops"),
    ("mean_travel_time_s", "travel time s"),
    ("throughput_veh_h", "arrived veh/h"),
    ("co2_g_km", "CO2 g/km"),
    ("unfinished", "unfinished"),
    ("undeparted", "undeparted"),
    ("gridlocked", "gridlocked"),
    ("teleports", "teleports"),
    ("collisions", "collisions"),
    ("vetoes", "vetoes"),
    ("violations", "violations"),
    ("n", "n"),
)
_TWO_PLACES = ("fairness", "mean_stops")
_NO_PLACES = ("throughput_veh_h", "co2_g_km")
_SAID: dict[Verdict, str] = {
    "lower": "better",
    "higher": "worse",
    "no difference": "not told apart",
    "too few seeds": "too few seeds to say",
}
_SIGNS: dict[Verdict, str] = {"lower": "▼", "higher": "▲", "no difference": "·"}


def environment_section(
    env: EnvironmentSummary,
    store: Store,
    scenario: Scenario,
    looks: Mapping[str, Look],
    first_seed: int,
) -> str:
    """Return the section as HTML.

    Args:
        env: What was found.
        store: Holds the details of the episodes.
        scenario: The environment.
        looks: How each controller is drawn.
        first_seed: The seed in whose episodes a signal was recorded.

    Raises:
        BenchmarkError: The details of an episode are broken.
    """
    title = f'<h2 id="{escape(env.env)}">{escape(env.env)}</h2>'
    if not env.controllers:
        return f"<section>{title}<p>No episode was finished.</p></section>"
    details = {
        c.controller: [
            store.read_details((env.env, c.controller, seed)) for seed in sorted(c.delay_s)
        ]
        for c in env.ranked
    }
    subtitle = f'<p class="muted">{escape(env.title)}</p>' if env.title else ""
    return (
        f"<section>{title}{subtitle}<p class='lead'>{escape(env.headline())}</p>"
        f'<div class="figures">{_figures(env, details, scenario, looks)}</div>'
        f"<h3>Delay and what went with it</h3>{_table(env)}{_violations(details)}"
        f"{gates_section(details)}"
        f"<h3>Against the best of the others</h3>{_differences(env)}{_matrix(env)}"
        f"{_signal(env, store, looks, first_seed)}</section>"
    )


def featured(env: EnvironmentSummary, most: int) -> list[str]:
    """Return who is drawn where there is no room for all, in the order of their ranks.

    The best, policies, the best that SUMO runs by itself, the stored program, then by rank.
    """
    ranked = [c.controller for c in env.ranked if not c.is_bound]
    native = [n for n in ranked if base_name(n) in PROGRAMS and n != "fixed"]
    policies = [n for n in ranked if n.startswith(POLICY)]
    stored = [n for n in ranked if n == "fixed"]
    bounds = [c.controller for c in env.ranked if c.is_bound]
    first = [*ranked[:1], *policies, *native[:1], *stored, *ranked, *bounds]
    chosen = list(dict.fromkeys(first))[:most]
    return [c.controller for c in env.ranked if c.controller in chosen]


def _figures(
    env: EnvironmentSummary, details: Details, scenario: Scenario, looks: Mapping[str, Look]
) -> str:
    ranked, drawn = env.ranked, featured(env, COURSES)
    delays = delay_figure(
        {c.controller: c.delay for c in ranked},
        {c.controller: list(c.delay_s.values()) for c in ranked},
        looks,
    )
    lost = {name: _course(details[name], "delay_rate", scenario.begin_s) for name in drawn}
    arrived = {name: _arrivals(details[name]) for name in drawn}
    roads = read_roads(scenario.network_file, scenario_network(scenario))
    maps = map_figure(roads, {name: _edges(details[name]) for name in featured(env, MAPS)})
    return "".join(
        (
            markup.figure(svg(delays), "Mean delay: 95 % interval, and a grey dot per seed."),
            markup.figure(
                svg(course_figure(lost, looks, "vehicles delayed at the signals")),
                "Delay over time: vehicle-seconds lost per second before the signals, those "
                "included that wait outside for room; averaged over a thirtieth of the episode. "
                "Mean over the seeds, and a band from the lowest seed to the highest.",
            ),
            markup.figure(
                svg(course_figure(arrived, looks, "vehicles arrived")),
                "Cumulative arrivals: who has reached the destination, mean over the seeds, and a "
                "band from the lowest seed to the highest.",
            ),
            markup.figure(
                f'<img src="{png(maps)}" alt="Maps of the network, one per controller">',
                "Where vehicles lose time. The wider and darker, the more. Circles are signals.",
            ),
        )
    )


def _course(episodes: Sequence[Mapping[str, Any]], what: str, begin_s: float) -> Course:
    series = [episode["series"] for episode in episodes]
    moments = min(len(s["time_s"]) for s in series)
    return Course(
        np.array(series[0]["time_s"][:moments]) - begin_s,
        np.array([s[what][:moments] for s in series], dtype=np.float64),
    )


def _arrivals(episodes: Sequence[Mapping[str, Any]]) -> Course:
    minutes = min(len(episode["arrivals"]) for episode in episodes)
    counts = np.array([episode["arrivals"][:minutes] for episode in episodes], dtype=np.float64)
    return Course(60.0 * np.arange(1.0, minutes + 1), counts.cumsum(axis=1))


def _edges(episodes: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the mean number of delayed vehicles per edge, over time and seeds."""
    delayed: dict[str, float] = {}
    for episode in episodes:
        share = 1.0 / (episode["sim_s"] * len(episodes))
        for edge, lost_s in episode["edge_delay_s"].items():
            delayed[edge] = delayed.get(edge, 0.0) + lost_s * share
    return delayed


def _table(env: EnvironmentSummary) -> str:
    return (
        markup.table(
            [title for _, title in _COLUMNS],
            [[_cell(c, column) for column, _ in _COLUMNS] for c in env.ranked],
            best=[c is env.best for c in env.ranked],
        )
        + '<p class="muted">Counts are means per episode.</p>'
    )


def _cell(c: ControllerSummary, column: str) -> str:
    match column:
        case "controller":
            return c.controller
        case "mean":
            return str(c.delay)
        case "middle":
            return f"{c.middle_s:.1f}"
        case "n":
            return str(c.n)
        case "gridlocked":
            return f"{c.counts[column]:.0%}"
    if column in c.counts:
        return number(c.counts[column])
    places = 2 if column in _TWO_PLACES else 0 if column in _NO_PLACES else 1
    return f"{c.estimates[column].mean:,.{places}f}"


def _differences(env: EnvironmentSummary) -> str:
    rows = [
        [
            c.controller,
            c.against_best.reference,
            signed(c.against_best.difference),
            f"{c.against_best.median:+.1f}",
            f"{c.against_best.p_value:.3f}",
            str(c.against_best.difference.n),
            _SAID[c.against_best.verdict],
        ]
        for c in env.ranked
        if c.against_best is not None
    ]
    if not rows:
        return "<p>There is no other controller.</p>"
    head = ["controller", "against", "difference s [95 %]", "median s", "p", "pairs", "it is"]
    return markup.table(head, rows)


def _matrix(env: EnvironmentSummary) -> str:
    """Return everybody against everybody, where there are enough controllers and seeds."""
    ranked = [c for c in env.ranked if not c.is_bound]
    verdicts = {found.verdict for c in ranked for found in c.against.values()}
    if len(ranked) < 3 or verdicts <= {"too few seeds"}:
        return ""
    rows = []
    for c in ranked:
        found = [c.against.get(other.controller) for other in ranked]
        rows.append([c.controller, *(_SIGNS.get(f.verdict, "") if f else "" for f in found)])
    head = ["", *(c.controller for c in ranked)]
    return (
        "<h3>Everybody against everybody</h3>"
        + markup.table(head, rows, kind="matrix")
        + '<p class="muted">▼ the delay of the row is lower than that of the column, ▲ it is '
        "higher, · the seeds do not tell.</p>"
    )


def _violations(details: Details) -> str:
    lines = []
    for name, episodes in details.items():
        first = next((e["first_violation"] for e in episodes if e["first_violation"]), None)
        if first is not None:
            lines.append(
                f"<li>{escape(name)}: first at {first['time_s']:g} s, signal "
                f"{escape(first['signal'])}: {escape(first['rule'])} "
                f"(<code>{escape(first['state'])}</code>)</li>"
            )
    return f"<p>Violations:</p><ul>{''.join(lines)}</ul>" if lines else ""


def _signal(
    env: EnvironmentSummary, store: Store, looks: Mapping[str, Look], first_seed: int
) -> str:
    """Return the engineers' views, from the episodes of the first seed."""
    courses = {}
    finished = {c.controller for c in env.controllers if first_seed in c.delay_s}
    for name in featured(env, SIGNALS):
        if name in finished:
            watched = store.read_details((env.env, name, first_seed))["signal"]
            if watched is not None:
                courses[name] = SignalCourse.from_dict(watched)
    return signal_section(courses, looks)
