"""Writes the report: one HTML page with its pictures inside, without scripts or network access."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from signalrl.benchmark import markup
from signalrl.benchmark.controllers import POLICY
from signalrl.benchmark.environment_section import environment_section
from signalrl.benchmark.figures import Look
from signalrl.benchmark.league_section import league_section
from signalrl.benchmark.statistics import CLAIM_P, MIN_PAIRS
from signalrl.benchmark.store import Store
from signalrl.benchmark.summary import Summary, league
from signalrl.files import replace_text
from signalrl.scenario.schema import Scenario

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
section {{ content-visibility: auto; contain-intrinsic-size: auto 3000px; }}
table.matrix th {{ writing-mode: vertical-rl; text-align: left; padding: .4rem .1rem; }}
table.matrix th:first-child {{ writing-mode: horizontal-tb; }}
table.matrix td {{ padding: .25rem .35rem; }}
@media print {{ section {{ content-visibility: visible; }} }}
</style>
</head>
<body>
{body}
</body>
</html>
"""

_MEASURES = {
    "mean_delay_s": "Delay is time loss plus insertion delay, averaged over every vehicle that was "
    "scheduled: arrived, still driving at the end (unfinished), or never inserted (undeparted).",
    "resco_delay_s": "Delay is that of RESCO: time loss plus departure delay over every vehicle "
    "that entered, and the time to the end of the episode of those that were to depart after the "
    "last one that did; a vehicle whose own road was blocked before that is missing.",
}
_METHOD = f"""Figures come from SUMO's own tripinfo, statistic and edge outputs. Every episode ran
in a fresh process. All controllers had the same seeds, so they met the same traffic, and
differences are taken seed by seed. Brackets are 95 % bootstrap intervals over the seeds (expanded
percentile, 10,000 resamples). A controller is called better or worse only where the interval of
the difference excludes 0, Wilcoxon's signed-rank test has a p-value below {CLAIM_P:g}, and at
least {MIN_PAIRS} seeds were paired. Middle seed is the median over the seeds of the mean delay:
one seed in which a junction locks up does not move it. Worst approach is the mean time loss on the
approach where it is highest, without those that wait outside; evenness is Jain's index over the
approaches, 1 where all fare alike. Gridlocked is the share of the episodes in which two edges or
more stood still at once for two whole records of five minutes. Carbon dioxide is
SUMO's emission model. Vetoes are requests that the interlock did not grant; violations are signal
states that the independent monitor judged to break a safety rule, of SUMO's own programs too."""


def write_report(summary: Summary, store: Store, scenarios: Mapping[str, Scenario]) -> Path:
    """Write ``report.html``.

    Args:
        summary: What was found.
        store: Holds the details of the episodes.
        scenarios: By the name of the environment.

    Returns:
        The path of the page.
    """
    looks = _looks(summary)
    parts = [
        _opening(summary),
        league_section(summary),
        *(
            environment_section(e, store, scenarios[e.env], looks, summary.seeds[0])
            for e in summary.environments
        ),
        f"<h2>How it was measured</h2><p>{_MEASURES[summary.suite.measure]} {_METHOD}</p>",
        _controllers(summary),
        _origin(summary),
    ]
    replace_text(summary.report, _PAGE.format(body="\n".join(parts)))
    return summary.report


def _looks(summary: Summary) -> dict[str, Look]:
    """Return how each controller is drawn: those that are drawn most get colours of their own."""
    labels = [c.controller for env in summary.environments for c in env.controllers]
    ranked = [standing.controller for standing in league(summary)]
    policies = [label for label in labels if label.startswith(POLICY)]
    stored = [label for label in labels if label == "fixed"]
    order = dict.fromkeys([*policies, *stored, *ranked, *labels])
    return {label: Look.number(i) for i, label in enumerate(order)}


def _opening(summary: Summary) -> str:
    controllers = {c.controller for env in summary.environments for c in env.controllers}
    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    about, suite = summary.about, summary.suite
    commit = (about.get("commit") or "")[:12]
    made = f"signalrl {about['versions']['signalrl']}" + (f" ({escape(commit)})" if commit else "")
    made += f", SUMO {about['versions'].get('eclipse-sumo', 'unknown')}"
    findings = "".join(
        f'<li><a href="#{escape(env.env)}">{escape(env.env)}</a>: {escape(env.headline())}</li>'
        for env in summary.environments
    )
    said = f"<p>{escape(suite.description)}</p>" if suite.description else ""
    return (
        f"<h1>{escape(suite.title or 'Traffic signal benchmark')}</h1>"
        f'<p class="muted">{_plural(len(controllers), "controller")}, '
        f"{_plural(len(summary.environments), 'environment')}, "
        f"{_plural(len(summary.seeds), 'seed')} ({_seeds(summary.seeds)}); "
        f"{made}; {today}</p>{said}{_failures(summary)}<ul class='lead'>{findings}</ul>"
    )


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
    rows = [[name, said, summary.sources.get(name, "")] for name, said in known.items()]
    if not rows:
        return ""
    head = ["controller", "what it does", "source"]
    return f"<h3>Controllers</h3>{markup.table(head, rows, text_columns=(1, 2))}"


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
