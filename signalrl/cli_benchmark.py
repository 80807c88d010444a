"""The command ``signalrl benchmark``: a suite, or environments and controllers of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from signalrl.benchmark import provenance
from signalrl.benchmark.controllers import controller_names
from signalrl.benchmark.runner import run_benchmark
from signalrl.benchmark.seeds import parse_seeds
from signalrl.benchmark.suite import Suite, load_suite, suite_names
from signalrl.benchmark.summary import Summary
from signalrl.errors import ConfigError


def run_from(
    suite: str | None,
    environments: Sequence[str],
    controllers: Sequence[str],
    skipped: Sequence[str],
    seeds: str,
    out: Path | None,
    jobs: int,
    console: Console,
) -> Summary:
    """Run a suite, or what is asked for.

    Args:
        suite: Name or file of a suite; None for environments and controllers alone.
        environments: Those of the suite that are wanted; all by default.
        controllers: Beside those of the suite.
        skipped: Those of the suite that are not wanted.
        seeds: As they are written.
        out: Folder for the results; ``runs/SUITE`` by default.
        jobs: Episodes at a time.
        console: For progress and tables.

    Raises:
        ConfigError: Something is missing, or wrong.
    """
    if suite is not None:
        made = load_suite(suite).narrowed(environments, controllers, skipped)
        out = out or Path("runs") / Path(suite).stem
    else:
        if skipped:
            raise ConfigError(
                f"expected a suite of which a controller is skipped, got none and {skipped[0]!r}; "
                "give a suite, or leave --skip out"
            )
        if not environments or not controllers:
            raise ConfigError(
                "expected a suite, or at least one --env and one --controller, got neither; "
                f"suites: {', '.join(suite_names())}; controllers: {', '.join(controller_names())}"
            )
        made = Suite.of(environments, controllers)
    if out is None:
        raise ConfigError("expected a folder for the results, got none; give --out")
    chosen = parse_seeds(seeds)
    command = provenance.command(suite, environments, controllers, chosen, out, jobs, skipped)
    return run_benchmark(made, chosen, out, jobs=jobs, command=command, console=console)
