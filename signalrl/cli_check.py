"""The command ``signalrl check``: the preflight of a network or an environment, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from signalrl.errors import ConfigError, SignalRLError
from signalrl.forecast.corrections import check_corrections
from signalrl.network.preflight import PhaseReport, Report, SignalReport
from signalrl.network.program_checks import Finding, Level
from signalrl.scenario.catalog import FILE, gym_id, load_scenario, scenario_names
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import scenario_network
from signalrl.sumo.preflight import check_network, check_scenario

_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}
_LEVELS: tuple[Level, ...] = ("error", "warning", "info")
_WIDTH = 120
"""Columns where the output is no terminal: states are long, and a log has room."""


def check(target: str, as_json: bool = False) -> int:
    """Print the preflight of a network file or an environment.

    Args:
        target: Path of a ``.net.xml`` or ``.net.xml.gz``, name or id of an environment, or a
            folder with a ``scenario.yaml``.
        as_json: Print the report as JSON instead of tables.

    Returns:
        0 where nothing is wrong, 1 where a finding is an error.

    Raises:
        SignalRLError: The target is neither, or can't be read.
    """
    report = preflight(target)
    if as_json:
        Console(soft_wrap=True).out(json.dumps(report.to_dict(), indent=2), highlight=False)
    else:
        console = Console()
        if not console.is_terminal and "COLUMNS" not in console._environ:
            console = Console(width=_WIDTH)
        show(report, console)
    return 1 if report.count("error") else 0


def preflight(target: str) -> Report:
    """Run the preflight of a network file or an environment; see :func:`check`."""
    if not _is_scenario(target):
        return check_network(target)
    try:
        scenario = load_scenario(target)
    except ConfigError as error:
        if Path(target).exists() or target in scenario_names():
            raise
        raise ConfigError(f"{error}; or give a network file, .net.xml or .net.xml.gz") from error
    report = check_scenario(scenario)
    if scenario.corrections_file is None:
        return report
    findings = [*report.findings, *_of_corrections(scenario)]
    return replace(report, findings=tuple(findings))


def _of_corrections(scenario: Scenario) -> Iterator[Finding]:
    """Yield what keeps the corrections of a scenario from being used."""
    try:
        check_corrections(scenario, scenario_network(scenario))
    except SignalRLError as error:
        yield Finding("error", "corrections", str(error))


def show(report: Report, console: Console) -> None:
    """Print a report as one table per signal, each with its findings below, and a summary."""
    for signal in report.signals:
        console.print(_title(signal))
        if signal.phases:
            console.print(_phases(signal.phases))
        for finding in signal.findings:
            console.print(_line(finding))
        console.print()
    for finding in report.findings:
        console.print(_line(finding))
    controlled = sum(signal.controlled for signal in report.signals)
    counts = ", ".join(
        f"{(n := report.count(level))} {level}{'s' if n != 1 and level != 'info' else ''}"
        for level in _LEVELS
    )
    worst = "red" if report.count("error") else "green"
    text = f"{report.source}: {controlled} of {len(report.signals)} signals can be controlled; "
    console.print(Text(text + counts, style=worst))


def _is_scenario(target: str) -> bool:
    if target in scenario_names() or target in map(gym_id, scenario_names()):
        return True
    path = Path(target)
    try:
        if path.is_dir():
            return (path / FILE).is_file()
        return path.name == FILE or not (path.exists() or path.suffix in {".xml", ".gz"})
    except OSError as error:
        raise ConfigError(
            f"expected a network file or an environment, got a path that can't be looked at: "
            f"{error.strerror}; look at the path"
        ) from error


def _title(signal: SignalReport) -> Text:
    text = Text.assemble(("signal ", "bold"), (signal.id, "bold cyan"))
    if signal.junctions and signal.junctions != (signal.id,):
        text.append(f"  junction {', '.join(signal.junctions)}", style="dim")
    if program := signal.program:
        cycle = sum(step.duration_s for step in program.steps)
        text.append(
            f"  program {program.id!r}, {program.type}, {len(program.steps)} steps, {cycle:g} s",
            style="dim",
        )
    if not signal.controlled:
        text.append("  not controlled", style="yellow")
    return text


def _phases(phases: tuple[PhaseReport, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("phase", justify="right", no_wrap=True)
    table.add_column("state", overflow="fold", style="green")
    for name in ("minimum\ngreen s", "walk\nclearance s", "yellow\ns", "red\nclearance s"):
        table.add_column(name, justify="right")
    for phase in phases:
        table.add_row(
            str(phase.index),
            phase.state,
            f"{phase.min_green_s:g}",
            _range([clearance.walk_s for clearance in phase.clearances]),
            _range([clearance.yellow_s for clearance in phase.clearances]),
            _range([clearance.red_s for clearance in phase.clearances]),
        )
    return table


def _range(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"


def _line(finding: Finding) -> Text:
    return Text.assemble(
        "  ", (f"{finding.level} {finding.code}", _STYLES[finding.level]), f": {finding.message}"
    )
