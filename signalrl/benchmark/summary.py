"""What a benchmark found: per environment and controller, and who is better than whom."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich import box
from rich.table import Table

from signalrl.benchmark.controllers import Entry
from signalrl.benchmark.statistics import Comparison, Estimate, bootstrap_mean, compare
from signalrl.benchmark.store import Failure, Row
from signalrl.benchmark.suite import Measure, Suite

ESTIMATED = (
    *("mean_delay_s", "median_delay_s", "p95_delay_s", "mean_travel_time_s", "mean_waiting_s"),
    *("resco_delay_s", "worst_approach_s", "fairness"),
    *("mean_stops", "throughput_veh_h", "co2_g_km"),
)
LEGEND = (
    "stuck: vehicles unfinished or never inserted; wrong: unsafe signal states; both per episode; "
    "vs best other: difference of the mean, paired by seed"
)
COUNTED = (
    *("vehicles", "arrived", "unfinished", "undeparted", "teleports", "collisions"),
    *("gridlocked", "vetoes", "violations"),
)


@dataclass(frozen=True, slots=True)
class ControllerSummary:
    """A controller in an environment, over its seeds.

    Attributes:
        controller: Its label.
        description: What it does.
        is_bound: Whether it is a bound, which no controller can reach, rather than a controller.
        n: Episodes.
        measure: The delay by which controllers rank, one of ``ESTIMATED``.
        estimates: Mean over the seeds with its interval, for each of ``ESTIMATED``.
        counts: Mean per episode, for each of ``COUNTED``; of ``gridlocked``, the rate.
        delay_s: The measure per seed.
        against_best: The measure against the best of the other controllers.
        against: The measure against each of the others.
    """

    controller: str
    description: str
    is_bound: bool
    n: int
    measure: Measure
    estimates: dict[str, Estimate]
    counts: dict[str, float]
    delay_s: dict[int, float]
    against_best: Comparison | None
    against: dict[str, Comparison]

    @property
    def delay(self) -> Estimate:
        """The delay by which controllers rank, per vehicle in s."""
        return self.estimates[self.measure]

    @property
    def middle_s(self) -> float:
        """The median over the seeds of that delay: one seed that locks up does not move it."""
        return median(self.delay_s.values())


@dataclass(frozen=True, slots=True)
class EnvironmentSummary:
    """All controllers in an environment, in the order of the command."""

    env: str
    title: str
    controllers: tuple[ControllerSummary, ...]

    @property
    def ranked(self) -> list[ControllerSummary]:
        """The controllers by mean delay, the lowest first; bounds before them."""
        return sorted(self.controllers, key=lambda c: (not c.is_bound, c.delay.mean, c.controller))

    @property
    def best(self) -> ControllerSummary | None:
        """The controller with the lowest mean delay."""
        return next((c for c in self.ranked if not c.is_bound), None)

    def headline(self) -> str:
        """Say who has the lowest delay, and whether the interval of the difference agrees."""
        best = self.best
        if not self.controllers:
            return "No episode was finished."
        if best is None:
            return "There is no controller, only a bound."
        text = f"{best.controller} has the lowest mean delay, {best.delay} s"
        if best.against_best is None:
            return f"{text}."
        difference, reference = best.against_best.difference, best.against_best.reference
        text += f"; against {reference}, the best of the others, {signed(difference)} s: "
        return (
            text
            + {
                "lower": "it is better.",
                "higher": "it is not better on the seeds that both have.",
                "no difference": "the seeds do not tell them apart.",
                "too few seeds": "too few seeds to say whether it is better.",
            }[best.against_best.verdict]
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """What a benchmark found.

    Attributes:
        out: The folder of the results.
        environments: In the order of the command.
        seeds: The seeds that were asked for.
        failures: Episodes that failed.
        about: Command, commit and versions.
        suite: What was asked for.
        sources: Where each controller comes from, by label.
    """

    out: Path
    environments: tuple[EnvironmentSummary, ...]
    seeds: tuple[int, ...]
    failures: tuple[Failure, ...]
    about: Mapping[str, Any]
    suite: Suite
    sources: Mapping[str, str]

    @property
    def report(self) -> Path:
        """The page."""
        return self.out / "report.html"

    @property
    def exit_status(self) -> int:
        """0, or 1 where an episode failed."""
        return 1 if self.failures else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as plain JSON data."""
        return {
            **self.about,
            "suite": self.suite.model_dump(mode="json", exclude={"published"}),
            "seeds": list(self.seeds),
            "league": [asdict(line) for line in league(self)],
            "environments": {
                env.env: {
                    "title": env.title,
                    "controllers": {c.controller: _controller(c) for c in env.controllers},
                }
                for env in self.environments
            },
            "failures": [asdict(failure) for failure in self.failures],
        }

    def tables(self) -> list[Table]:
        """Return a table per environment for the terminal, and the league where there are more."""
        tables = [_table(env) for env in self.environments]
        return [*tables, _league_table(self)] if len(tables) > 1 else tables


def summarize(
    rows: Sequence[Row],
    environments: Sequence[tuple[str, str]],
    controllers: Sequence[Entry],
    seeds: Sequence[int],
    failures: Sequence[Failure],
    *,
    out: Path,
    about: Mapping[str, Any],
    suite: Suite,
) -> Summary:
    """Summarise finished episodes.

    Args:
        rows: Finished episodes; those of other environments, controllers or seeds don't count.
        environments: Name and title of each.
        controllers: Those that were asked for.
        seeds: The seeds that were asked for.
        failures: Episodes that failed.
        out: The folder of the results.
        about: Command, commit and versions.
        suite: What was asked for.
    """
    wanted = set(seeds)
    summaries = []
    for env, title in environments:
        found = {
            entry.label: [
                r for r in rows if r.env == env and r.controller == entry.label and r.seed in wanted
            ]
            for entry in controllers
        }
        delays = {
            entry.label: {r.seed: float(getattr(r, suite.measure)) for r in found[entry.label]}
            for entry in controllers
            if found[entry.label] and not entry.is_bound
        }
        summaries.append(
            EnvironmentSummary(
                env,
                title,
                tuple(
                    _summary(entry, found[entry.label], delays, suite.measure)
                    for entry in controllers
                    if found[entry.label]
                ),
            )
        )
    sources = {entry.label: entry.source for entry in controllers}
    return Summary(out, tuple(summaries), tuple(seeds), tuple(failures), about, suite, sources)


@dataclass(frozen=True, slots=True)
class Standing:
    """A controller over all environments.

    Attributes:
        controller: Its label.
        relative: Geometric mean over the environments of its delay over the lowest there.
        wins: Environments in which no other has a lower mean delay.
        gridlocked: Share of its episodes in which the network locked.
        environments: In how many it has episodes.
    """

    controller: str
    relative: float
    wins: int
    gridlocked: float
    environments: int


def league(summary: Summary) -> list[Standing]:
    """Return the standings, the lowest relative delay first; bounds are left out."""
    ratios: dict[str, list[float]] = {}
    locked: dict[str, list[float]] = {}
    for env in summary.environments:
        if env.best is None:
            continue
        lowest = max(env.best.delay.mean, 1e-9)
        for c in env.controllers:
            if not c.is_bound:
                ratios.setdefault(c.controller, []).append(c.delay.mean / lowest)
                locked.setdefault(c.controller, []).append(c.counts["gridlocked"])
    standings = [
        Standing(
            name,
            math.exp(sum(math.log(max(r, 1e-9)) for r in values) / len(values)),
            sum(r <= 1.0 for r in values),
            sum(locked[name]) / len(locked[name]),
            len(values),
        )
        for name, values in ratios.items()
    ]
    return sorted(standings, key=lambda s: (-s.environments, s.relative, s.controller))


def signed(estimate: Estimate) -> str:
    """Write a difference with its sign: ``-1.2 [-1.6, -0.8]``."""
    if math.isnan(estimate.low):
        return f"{estimate.mean:+.1f}"
    return f"{estimate.mean:+.1f} [{estimate.low:+.1f}, {estimate.high:+.1f}]"


def _summary(
    entry: Entry,
    rows: Sequence[Row],
    delays: Mapping[str, Mapping[int, float]],
    measure: Measure,
) -> ControllerSummary:
    own = {row.seed: float(getattr(row, measure)) for row in rows}
    others = {name: values for name, values in delays.items() if name != entry.label}
    against = {name: compare(name, own, values) for name, values in others.items()}
    best = min(
        others,
        key=lambda name: (sum(others[name].values()) / len(others[name]), name),
        default=None,
    )
    return ControllerSummary(
        controller=entry.label,
        description=entry.description,
        is_bound=entry.is_bound,
        n=len(rows),
        measure=measure,
        estimates={
            name: bootstrap_mean([float(getattr(row, name)) for row in rows]) for name in ESTIMATED
        },
        counts={name: sum(getattr(row, name) for row in rows) / len(rows) for name in COUNTED},
        delay_s=own,
        against_best=None if best is None or entry.is_bound else against[best],
        against={name: found for name, found in against.items() if found and not entry.is_bound},
    )


def _controller(c: ControllerSummary) -> dict[str, Any]:
    data: dict[str, Any] = {"description": c.description, "n": c.n}
    data.update({name: _estimate(estimate) for name, estimate in c.estimates.items()})
    data["median_over_seeds_s"] = c.middle_s
    data["per_episode"] = c.counts
    if c.against_best is not None:
        data["against_best_other"] = _comparison(c.against_best)
    data["against"] = {name: _comparison(found) for name, found in c.against.items()}
    return data


def _comparison(found: Comparison) -> dict[str, Any]:
    return {
        "reference": found.reference,
        "difference_s": _estimate(found.difference),
        "median_difference_s": found.median,
        "wilcoxon_p": found.p_value,
        "verdict": found.verdict,
    }


def _estimate(estimate: Estimate) -> dict[str, float | int | list[float] | None]:
    interval = None if math.isnan(estimate.low) else [estimate.low, estimate.high]
    return {"mean": estimate.mean, "interval95": interval, "n": estimate.n}


def _table(env: EnvironmentSummary) -> Table:
    table = Table(
        title=f"{env.env}: delay per vehicle in s",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("controller", overflow="fold")
    for name in ("mean [95 %]", "median", "stuck", "wrong", "vs best other"):
        table.add_column(name, justify="right", no_wrap=True)
    for c in env.ranked:
        table.add_row(
            c.controller,
            str(c.delay),
            f"{c.estimates['median_delay_s'].mean:.1f}",
            number(c.counts["unfinished"] + c.counts["undeparted"]),
            number(c.counts["violations"]),
            "" if c.against_best is None else signed(c.against_best.difference),
        )
    return table


def _league_table(summary: Summary) -> Table:
    table = Table(
        title="all environments: delay relative to the lowest (geometric mean)",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("controller", overflow="fold")
    for name in ("relative", "lowest in", "gridlocked"):
        table.add_column(name, justify="right", no_wrap=True)
    for s in league(summary):
        wins = f"{s.wins} of {s.environments}"
        table.add_row(s.controller, f"{s.relative:.2f}", wins, f"{s.gridlocked:.0%}")
    return table


def number(value: float) -> str:
    """Write a count per episode: ``0``, ``0.1``, ``12``, ``1,234``."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 0.05 else f"{value:.2g}"
