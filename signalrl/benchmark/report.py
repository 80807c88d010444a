"""Writes the report: one HTML page with its pictures inside, without scripts or network access."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from signalrl.benchmark import markup
from signalrl.benchmark.controllers import POLICY
from signalrl.benchmark.figures import (
    Course,
    Look,
    delay_figure,
    map_figure,
    png,
    queue_figure,
    svg,
)
from signalrl.benchmark.roads import read_roads
from signalrl.benchmark.statistics import MIN_PAIRS, Verdict
from signalrl.benchmark.store import Store, replace_text
from signalrl.benchmark.summary import (
    ControllerSummary,
    EnvironmentSummary,
    Summary,
    number,
    signed,
)
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import scenario_network

MAPS = 4
"""The largest number of controllers with a map."""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>signalrl benchmark</title>
<style>
:root {{ color-scheme: light; }}
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 70rem; margin: 0 auto; padding: 1rem; }}
h1 {{ font-size: 1.6rem; margin: .5rem 0; }}
h2 {{ font-size: 1.3rem; margin: 2.5rem 0 .5rem; border-bottom: 2px solid #1a1a1a; }}
h3 {{ font-size: 1.05rem; margin: 1.5rem 0 .3rem; }}
.lead {{ font-size: 1.1rem; }}
.muted {{ color: #555; font-size: .9rem; }}
.figures {{ display: grid; gap: 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }}
figure {{ margin: 0; }}
figure svg, figure img {{ display: block; width: 100%; max-width: 40rem; height: auto; }}
figcaption {{ color: #555; font-size: .9rem; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }}
th, td {{ padding: .3rem .6rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid #ddd; }}
th {{ border-bottom: 1px solid #1a1a1a; vertical-align: bottom; }}
th:first-child, td:first-child {{ text-align: left; position: sticky; left: 0;
  background: #fff; }}
tr.best td {{ font-weight: 600; }}
td.text {{ text-align: left; white-space: normal; min-width: 14rem; }}
code {{ overflow-wrap: anywhere; font-size: .85rem; }}
.warning {{ border-left: 4px solid #1a1a1a; background: #f3f3f3; padding: .5rem 1rem; }}
@media print {{ section {{ break-inside: avoid; }} }}
</style>
</head>
<body>
{body}
</body>
</html>
"""

_METHOD = f"""<p>Delay is time loss plus insertion delay, averaged over every vehicle that was
scheduled: arrived, still driving at the end (unfinished), or never inserted (undeparted). Figures
come from SUMO's own tripinfo and statistic outputs. Every episode ran in a fresh process. All
controllers had the same seeds, so they met the same traffic, and differences are taken seed by
seed. Brackets are 95 % bootstrap intervals over the seeds (expanded percentile, 10,000 resamples).
A controller is called better or worse only where the interval of the difference excludes 0 and at
least {MIN_PAIRS} seeds were paired. Vetoes are requests that the interlock did not grant;
violations are signal states that the independent monitor judged to break a safety rule, of the
network's own programs too.</p>"""

_COLUMNS = (
    ("controller", "controller"),
    ("mean", "mean delay s [95 %]"),
    ("median_delay_s", "median s"),
    ("p95_delay_s", "p95 s"),
    ("mean_travel_time_s", "travel time s"),
    ("unfinished", "unfinished"),
    ("undeparted", "undeparted"),
    ("teleports", "teleports"),
    ("collisions", "collisions"),
    ("vetoes", "vetoes"),
    ("violations", "violations"),
    ("n", "n"),
)
_SAID: dict[Verdict, str] = {
    "lower": "better",
    "higher": "worse",
    "no difference": "no difference",
    "too few seeds": "too few seeds to say",
}


def write_report(summary: Summary, store: Store, scenarios: Mapping[str, Scenario]) -> Path:
    """Write ``report.html``.

    Args:
        summary: What was found.
        store: Holds the details of the episodes.
        scenarios: By the name of the environment.

    Returns:
        The path of the page.
    """
    labels = list(dict.fromkeys(c.controller for e in summary.environments for c in e.controllers))
    looks = {label: Look.number(i) for i, label in enumerate(labels)}
    parts = [
        _opening(summary),
        *(_environment(e, store, scenarios[e.env], looks) for e in summary.environments),
        f"<h2>How it was measured</h2>{_METHOD}",
        _controllers(summary),
        _origin(summary),
    ]
    replace_text(summary.report, _PAGE.format(body="\n".join(parts)))
    return summary.report


def _opening(summary: Summary) -> str:
    controllers = {c.controller for env in summary.environments for c in env.controllers}
    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    about = summary.about
    commit = (about.get("commit") or "")[:12]
    made = f"signalrl {about['versions']['signalrl']}" + (f" ({escape(commit)})" if commit else "")
    made += f", SUMO {about['versions'].get('eclipse-sumo', 'unknown')}"
    findings = "".join(
        f'<li><a href="#{escape(env.env)}">{escape(env.env)}</a>: {escape(env.headline())}</li>'
        for env in summary.environments
    )
    return (
        "<h1>Traffic signal benchmark</h1>"
        f'<p class="muted">{_plural(len(controllers), "controller")}, '
        f"{_plural(len(summary.environments), 'environment')}, "
        f"{_plural(len(summary.seeds), 'seed')} ({_seeds(summary.seeds)}); "
        f"{made}; {today}</p>{_failures(summary)}<ul class='lead'>{findings}</ul>"
    )


def _environment(
    env: EnvironmentSummary, store: Store, scenario: Scenario, looks: Mapping[str, Look]
) -> str:
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
        f"<h3>Against the best of the others</h3>{_differences(env)}</section>"
    )


def _figures(
    env: EnvironmentSummary,
    details: Mapping[str, Sequence[Mapping[str, Any]]],
    scenario: Scenario,
    looks: Mapping[str, Look],
) -> str:
    ranked = env.ranked
    delays = delay_figure(
        {c.controller: c.delay for c in ranked},
        {c.controller: list(c.delay_s.values()) for c in ranked},
        looks,
    )
    queues = queue_figure(
        {name: _course(episodes, scenario.begin_s) for name, episodes in details.items()}, looks
    )
    roads = read_roads(scenario.network_file, scenario_network(scenario))
    mapped = _mapped([c.controller for c in ranked])
    maps = map_figure(roads, {name: _edges(details[name]) for name in mapped})
    return "".join(
        (
            markup.figure(svg(delays), "Mean delay: 95 % interval, and a grey dot per seed."),
            markup.figure(
                svg(queues),
                "Queue before the signals, averaged over a thirtieth of the episode: mean over the "
                "seeds; band from the lowest seed to the highest.",
            ),
            markup.figure(
                f'<img src="{png(maps)}" alt="Maps of the network, one per controller">',
                "Where vehicles lose time. The wider and darker, the more. Circles are signals.",
            ),
        )
    )


def _mapped(ranked: Sequence[str]) -> list[str]:
    """Return which controllers get a map: the best, policies and the last come first."""
    by_interest = [ranked[0], *(n for n in ranked if n.startswith(POLICY)), ranked[-1], *ranked]
    chosen = list(dict.fromkeys(by_interest))[:MAPS]
    return [name for name in ranked if name in chosen]


def _course(episodes: Sequence[Mapping[str, Any]], begin_s: float) -> Course:
    series = [episode["series"] for episode in episodes]
    moments = min(len(s["time_s"]) for s in series)
    return Course(
        np.array(series[0]["time_s"][:moments]) - begin_s,
        np.array([s["queued"][:moments] for s in series], dtype=np.float64),
    )


def _edges(episodes: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the mean number of delayed vehicles per edge, over time and seeds."""
    delayed: dict[str, float] = {}
    for episode in episodes:
        share = 1.0 / (episode["sim_s"] * len(episodes))
        for edge, lost_s in episode["edge_delay_s"].items():
            delayed[edge] = delayed.get(edge, 0.0) + lost_s * share
    return delayed


def _table(env: EnvironmentSummary) -> str:
    best = env.ranked[0].controller
    return (
        markup.table(
            [title for _, title in _COLUMNS],
            [[_cell(c, column) for column, _ in _COLUMNS] for c in env.ranked],
            best=[c.controller == best for c in env.ranked],
        )
        + '<p class="muted">Counts are means per episode.</p>'
    )


def _cell(c: ControllerSummary, column: str) -> str:
    if column == "controller":
        return c.controller
    if column == "mean":
        return str(c.delay)
    if column == "n":
        return str(c.n)
    if column in c.counts:
        return number(c.counts[column])
    return f"{c.estimates[column].mean:.1f}"


def _differences(env: EnvironmentSummary) -> str:
    rows = [
        [
            c.controller,
            c.against_best.reference,
            signed(c.against_best.difference),
            str(c.against_best.difference.n),
            _SAID[c.against_best.verdict],
        ]
        for c in env.ranked
        if c.against_best is not None
    ]
    if not rows:
        return "<p>There is no other controller.</p>"
    return markup.table(["controller", "against", "difference s [95 %]", "pairs", "it is"], rows)


def _violations(details: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
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


def _failures(summary: Summary) -> str:
    if not summary.failures:
        return ""
    rows = [[f.env, f.controller, str(f.seed), f.error] for f in summary.failures]
    table = markup.table(["environment", "controller", "seed", "error"], rows, text_columns=(3,))
    return (
        f'<div class="warning"><p>{_plural(len(rows), "episode")} failed and '
        f"{'is' if len(rows) == 1 else 'are'} missing from the figures.</p>{table}</div>"
    )


def _controllers(summary: Summary) -> str:
    known = {c.controller: c.description for e in summary.environments for c in e.controllers}
    items = "".join(f"<li><b>{escape(k)}</b>: {escape(v)}</li>" for k, v in known.items())
    return f"<h3>Controllers</h3><ul>{items}</ul>" if items else ""


def _origin(summary: Summary) -> str:
    about = summary.about
    items = [f"command: <code>{escape(about['command'])}</code>"]
    if about.get("commit"):
        items.append(f"commit: <code>{escape(about['commit'])}</code>")
    items.append(", ".join(f"{escape(k)} {escape(v)}" for k, v in about["versions"].items()))
    items.append("data: <code>episodes.csv</code>, <code>summary.json</code> beside this page")
    return "<h3>Origin</h3><ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def _plural(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _seeds(seeds: Sequence[int]) -> str:
    if len(seeds) > 1 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))
