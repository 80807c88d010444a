"""The command ``signalrl plans``: the signal plans for the events of a day, for people and SUMO."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from signalrl.files import make_folder
from signalrl.forecast.day_plans import Row, Span, plan_part, planned_parts
from signalrl.forecast.days import with_calendars
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import load_season
from signalrl.sumo.episode import scenario_network
from signalrl.sumo.logic import write_logics

TABLE, PROGRAMS = "plans.csv", "plans{}.add.xml"
COLUMNS = ("from", "to", "signal", "cycle_s", "offset_s", "phase", "state", "green_s")


def plans(
    target: str, day: date, out: Path, calendars: Sequence[Path] = ()
) -> list[dict[str, Any]]:
    """Design the plans of a day, write them into a folder and return its periods.

    Args:
        target: Name or folder of an environment with events.
        day: The day on which they begin.
        out: Folder for ``plans.csv`` and ``plans.add.xml``; made where it is missing. Where the
            usual traffic is known around events only, each part has programs of its own.
        calendars: Calendars in place of the environment's own; none for these.

    Raises:
        SignalRLError: The environment has no events, or none on this day.
    """
    scenario = load_scenario(target, settings=with_calendars(calendars, day))
    season = load_season(scenario)
    console = Console(stderr=True)
    for note in season.notes:
        console.print(f"[yellow]calendar:[/yellow] {escape(str(note))}", highlight=False)
    parts = planned_parts(scenario, season, day)
    network = scenario_network(scenario)
    make_folder(out)
    found: list[dict[str, Any]] = []
    rows: list[Row] = []
    for number, part in enumerate(parts, 1):
        with console.status(f"{scenario.name}, {day}: {escape(part.label)}"):
            designed = plan_part(scenario, network, season, part)
        programs = PROGRAMS.format("" if len(parts) == 1 else f"-{number}")
        write_logics(designed.logics(), out / programs)
        rows += designed.rows()
        found += [_described(span, programs) for span in designed.spans()]
    _write_table(rows, out / TABLE)
    return found


def show(described: Sequence[dict[str, Any]], out: Path) -> None:
    """Print when which plans run, and where they lie."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("from", "to", "cycle in s", "phases dropped"):
        table.add_column(column, justify="right")
    for period in described:
        texts = (str(period[key]) for key in ("from", "to", "cycle_s", "phases_dropped"))
        table.add_row(*texts)
    console = Console()
    console.print(table)
    names = ", ".join(dict.fromkeys(str(out / period["programs"]) for period in described))
    text = f"{out / TABLE}: greens and offsets; {names}: programs for SUMO"
    console.print(text, markup=False, highlight=False)


def _write_table(rows: Iterable[Row], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows((_time(row.begin), _time(row.end), *row[2:]) for row in rows)


def _described(span: Span, programs: str) -> dict[str, Any]:
    return {
        "part": span.part,
        "from": _time(span.begin),
        "to": _time(span.end),
        "cycle_s": span.cycle_s,
        "phases_dropped": span.phases_dropped,
        "programs": programs,
    }


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
