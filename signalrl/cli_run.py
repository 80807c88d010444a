"""The command ``signalrl run``: a bundle drives a simulation."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from signalrl.control.loop import Step
from signalrl.deploy.bundle import Bundle, load_bundle
from signalrl.deploy.runtime import RunSummary, run
from signalrl.env.session import Session
from signalrl.errors import BundleError, ConfigError
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import Outputs
from signalrl.sumo.outputs import EpisodeMetrics, read_metrics


def run_bundle(path: Path, env: str | None, seed: int, strict: bool = False) -> dict[str, Any]:
    """Drive one episode of an environment with a bundle's policy.

    Args:
        path: The bundle.
        env: Name, id or folder of an environment; that of the training by default.
        seed: Decides traffic and driving.
        strict: Refuse an environment that differs from the one of the training.

    Returns:
        The result as plain JSON data: metrics of SUMO's own outputs, counts of the loop, times.

    Raises:
        BundleError: The bundle is not sound, or refused.
        SignalRLError: The environment is unknown, or its simulation failed.
    """
    began_s = time.perf_counter()
    bundle = load_bundle(path)
    scenario = _scenario_of(bundle) if env is None else _load(env, bundle)
    with tempfile.TemporaryDirectory(prefix="signalrl-run-") as folder:
        outputs = Outputs(Path(folder))
        summary = _drive(bundle, scenario, seed, strict, outputs)
        metrics = read_metrics(outputs)
    return {
        "bundle": str(path),
        "env": scenario.name,
        "seed": seed,
        **asdict(metrics),
        **asdict(summary),
        "wall_s": round(time.perf_counter() - began_s, 3),
    }


def show(result: dict[str, Any]) -> None:
    """Print a result as a table."""
    title = f"{result['bundle']} on {result['env']}, seed {result['seed']}"
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column("what", style="bold")
    table.add_column("value", justify="right")
    for what, value in _lines(result):
        table.add_row(what, value)
    console = Console()
    console.print(Text(title), soft_wrap=True)
    console.print(table)


def _scenario_of(bundle: Bundle) -> Scenario:
    name = bundle.manifest.training.scenario
    try:
        return _load(name, bundle)
    except ConfigError as error:
        raise ConfigError(
            f"the policy was trained on {name!r}, which can't be loaded from here ({error}); "
            "give its folder with --env"
        ) from error


def _load(env: str, bundle: Bundle) -> Scenario:
    """Load an environment, with a forecast from its calendar where the policy sees one."""
    scenario = load_scenario(env)
    if not bundle.manifest.observation.inflow:
        return scenario
    if scenario.events is None:
        raise BundleError(
            f"{bundle.path}: expected an environment with events, since the policy was trained to "
            f"see the inflow that their calendar leads to expect, got {scenario.name} without; "
            "give another one with --env, or take a bundle that was trained without"
        )
    return load_scenario(env, settings={"forecast": {"inflow": True}})


def _drive(
    bundle: Bundle, scenario: Scenario, seed: int, strict: bool, outputs: Outputs
) -> RunSummary:
    console = Console(stderr=True)
    progress = Progress(
        TextColumn(f"running {scenario.name}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = progress.add_task("running", total=scenario.horizon_s)

    def watch(step: Step) -> None:
        progress.update(task, completed=step.observation.time_s - scenario.begin_s)

    with Session(scenario, outputs=outputs) as session, progress:
        expected = session.expected_inflow(seed)
        summary = run(
            session.start(seed),
            bundle,
            network=session.network,
            timing=scenario.timing,
            interval_s=scenario.decision_interval_s,
            expected=expected,
            strict=strict,
            watch=watch,
        )
        session.stop()
    return summary


def _lines(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what the table says: names and values, with units."""
    lines = [
        (name.removesuffix("_s").replace("_", " "), f"{result[name]:.1f} s")
        for name in EpisodeMetrics.__dataclass_fields__
        if name.endswith("_s")
    ]
    counts = ("vehicles", "arrived", "unfinished", "undeparted", "teleports", "collisions")
    lines += [(name, str(result[name])) for name in counts]
    loop = ("decisions", "vetoes", "violations", "policy_failures")
    lines += [(name.replace("_", " "), str(result[name])) for name in loop]
    for percentile in ("p50", "p99"):
        spent_ms = result[f"inference_{percentile}_ms"]
        lines.append((f"inference {percentile}", "-" if spent_ms is None else f"{spent_ms:.2f} ms"))
    lines.append(("network of the training", "no, transfer" if result["transfer"] else "yes"))
    return lines
