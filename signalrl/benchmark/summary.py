"""What a benchmark found: per environment and controller, and who is better than whom."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from signalrl.benchmark.statistics import Comparison, Estimate, bootstrap_mean, compare
from signalrl.benchmark.store import Failure, Row

ESTIMATED = (
    "mean_delay_s",
    "median_delay_s",
    "p95_delay_s",
    "mean_travel_time_s",
    "mean_waiting_s",
)
LEGEND = (
    "stuck: vehicles unfinished or never inserted; wrong: unsafe signal states; both per episode; "
    "vs best other: difference of the mean, paired by seed"
)
COUNTED = (
    *("vehicles", "arrived", "unfinished", "undeparted", "teleports", "collisions"),
    *("vetoes", "violations"),
)


@dataclass(frozen=True, slots=True)
class ControllerSummary:
    """A controller in an environment, over its seeds.

    Attributes:
        controller: Its label.
        description: What it does.
        n: Episodes.
        estimates: Mean over the seeds with its interval, for each of ``ESTIMATED``.
        counts: Mean per episode, for each of ``COUNTED``.
        delay_s: Mean delay per seed.
        against_best: Mean delay against the best of the other controllers.
    """

    controller: str
    description: str
    n: int
    estimates: dict[str, Estimate]
    counts: dict[str, float]
    delay_s: dict[int, float]
    against_best: Comparison | None

    @property
    def delay(self) -> Estimate:
        """Mean delay per vehicle in s."""
        return self.estimates["mean_delay_s"]


@dataclass(frozen=True, slots=True)
class EnvironmentSummary:
    """All controllers in an environment, in the order of the command."""

    env: str
    title: str
    controllers: tuple[ControllerSummary, ...]

    @property
    def ranked(self) -> list[ControllerSummary]:
        """The controllers by mean delay, the lowest first."""
        return sorted(self.controllers, key=lambda c: (c.delay.mean, c.controller))

    def headline(self) -> str:
        """Say who has the lowest delay, and whether the interval of the difference agrees."""
        if not self.controllers:
            return "No episode was finished."
        best = self.ranked[0]
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
                "no difference": "the interval does not tell them apart.",
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
    """

    out: Path
    environments: tuple[EnvironmentSummary, ...]
    seeds: tuple[int, ...]
    failures: tuple[Failure, ...]
    about: Mapping[str, Any]

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
            "seeds": list(self.seeds),
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
        """Return a table per environment for the terminal."""
        return [_table(env) for env in self.environments]


def summarize(
    rows: Sequence[Row],
    environments: Sequence[tuple[str, str]],
    controllers: Sequence[tuple[str, str]],
    seeds: Sequence[int],
    failures: Sequence[Failure],
    *,
    out: Path,
    about: Mapping[str, Any],
) -> Summary:
    """Summarise finished episodes.

    Args:
        rows: Finished episodes; those of other environments, controllers or seeds don't count.
        environments: Name and title of each.
        controllers: Label and description of each.
        seeds: The seeds that were asked for.
        failures: Episodes that failed.
        out: The folder of the results.
        about: Command, commit and versions.
    """
    wanted = set(seeds)
    summaries = []
    for env, title in environments:
        found = {
            label: [r for r in rows if r.env == env and r.controller == label and r.seed in wanted]
            for label, _ in controllers
        }
        delays = {
            label: {r.seed: r.mean_delay_s for r in members}
            for label, members in found.items()
            if members
        }
        summaries.append(
            EnvironmentSummary(
                env,
                title,
                tuple(
                    _summary(label, description, found[label], delays)
                    for label, description in controllers
                    if found[label]
                ),
            )
        )
    return Summary(out, tuple(summaries), tuple(seeds), tuple(failures), about)


def signed(estimate: Estimate) -> str:
    """Write a difference with its sign: ``-1.2 [-1.6, -0.8]``."""
    if math.isnan(estimate.low):
        return f"{estimate.mean:+.1f}"
    return f"{estimate.mean:+.1f} [{estimate.low:+.1f}, {estimate.high:+.1f}]"


def _summary(
    label: str, description: str, rows: Sequence[Row], delays: Mapping[str, Mapping[int, float]]
) -> ControllerSummary:
    others = {name: values for name, values in delays.items() if name != label}
    comparison = None
    if others:
        best = min(others, key=lambda name: (sum(others[name].values()) / len(others[name]), name))
        comparison = compare(best, delays[label], others[best])
    return ControllerSummary(
        controller=label,
        description=description,
        n=len(rows),
        estimates={
            name: bootstrap_mean([float(getattr(row, name)) for row in rows]) for name in ESTIMATED
        },
        counts={name: sum(getattr(row, name) for row in rows) / len(rows) for name in COUNTED},
        delay_s=dict(delays[label]),
        against_best=comparison,
    )


def _controller(c: ControllerSummary) -> dict[str, Any]:
    data: dict[str, Any] = {"description": c.description, "n": c.n}
    data.update({name: _estimate(estimate) for name, estimate in c.estimates.items()})
    data["per_episode"] = c.counts
    if c.against_best is not None:
        data["against_best_other"] = {
            "reference": c.against_best.reference,
            "mean_delay_s": _estimate(c.against_best.difference),
            "verdict": c.against_best.verdict,
        }
    return data


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


def number(value: float) -> str:
    """Write a count per episode: ``0``, ``0.1``, ``12``, ``1,234``."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 0.05 else f"{value:.2g}"
