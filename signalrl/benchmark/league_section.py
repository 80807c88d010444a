"""The part of a report that compares controllers over all environments."""

from __future__ import annotations

from html import escape

from signalrl.benchmark import markup
from signalrl.benchmark.controllers import CLASSICAL, base_name
from signalrl.benchmark.programs import PROGRAMS
from signalrl.benchmark.suite import Published
from signalrl.benchmark.summary import EnvironmentSummary, Summary, league

PUBLISHED_CLASSICAL = frozenset({"FIXED", "MaxWave", "MaxPressure", "SOTL"})
"""What others call the controllers of theirs that do not learn."""


def league_section(summary: Summary) -> str:
    """Return the section as HTML: the league table, and what others have published."""
    parts = []
    if len(summary.environments) > 1:
        parts.append(f"<h2>All environments</h2>{_league(summary)}")
    parts += [_published(summary, found) for found in summary.suite.published]
    return "".join(parts)


def _league(summary: Summary) -> str:
    delays = {
        env.env: {c.controller: c.delay.mean for c in env.controllers if not c.is_bound}
        for env in summary.environments
    }
    bounds = {
        env.env: {c.controller: c.delay.mean for c in env.controllers if c.is_bound}
        for env in summary.environments
    }
    names = list(delays)
    rows, best = [], []
    for standing in league(summary):
        rows.append(
            [
                standing.controller,
                f"{standing.relative:.2f}",
                f"{standing.wins} of {standing.environments}",
                f"{standing.gridlocked:.0%}",
                *(_seconds(delays[env].get(standing.controller)) for env in names),
            ]
        )
        best.append(False)
    for bound in dict.fromkeys(name for found in bounds.values() for name in found):
        limits = (_seconds(bounds[env].get(bound)) for env in names)
        rows.append([bound, "–", "–", "–", *limits])
        best.append(False)
    if league(summary):
        best[0] = True
    head = ["controller", "relative", "lowest in", "gridlocked", *names]
    return (
        markup.table(head, rows, best=best)
        + '<p class="muted">Mean delay in s, mean over the seeds. Relative is the geometric mean '
        "over the environments of the delay over the lowest there: 1.00 would be the lowest "
        "everywhere. A floor is no controller: it is what the signals can never reach.</p>"
    )


def _published(summary: Summary, found: Published) -> str:
    environments = [env for env in summary.environments if env.env in found.mean_delay_s]
    if not environments:
        return ""
    theirs = list(dict.fromkeys(n for env in environments for n in found.mean_delay_s[env.env]))
    rows = []
    for env in environments:
        figures = found.mean_delay_s[env.env]
        ours = _best_classical(env)
        rows.append(
            [
                env.env,
                "–" if ours is None else f"{ours[1]:.1f} ({ours[0]})",
                *(_seconds(figures.get(name)) for name in theirs),
                _said(ours, figures),
            ]
        )
    head = ["environment", "best classical, here", *theirs, "best classical, here to published"]
    return (
        f"<h3>Beside what others have published</h3>{markup.table(head, rows)}"
        f'<p class="muted">Mean delay in s. Theirs: {escape(found.label)}. Another version of SUMO '
        "and other rules: not comparable one to one.</p>"
    )


def _best_classical(env: EnvironmentSummary) -> tuple[str, float] | None:
    """Return the best controller that is no policy, and its delay."""
    for c in env.ranked:
        kind = base_name(c.controller)
        if not c.is_bound and (kind in CLASSICAL or kind in PROGRAMS):
            return c.controller, c.delay.mean
    return None


def _said(ours: tuple[str, float] | None, figures: dict[str, float]) -> str:
    theirs = [s for name, s in figures.items() if name in PUBLISHED_CLASSICAL]
    if ours is None or not theirs:
        return "–"
    return f"{ours[1] / min(theirs):.2f}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
