"""The command ``signalrl plans``: the signal plans for the events of a day, for people and SUMO."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from signalrl.errors import ConfigError
from signalrl.events.turnout import usual_end_s
from signalrl.files import make_folder
from signalrl.forecast.days import Part, knows_all_hours, parts_of_day, with_calendars
from signalrl.forecast.evening import Period, plan_evening
from signalrl.forecast.switching import fixed_logics
from signalrl.forecast.traffic import Window
from signalrl.network.model import Network
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import Season, events_around, later, load_season
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import scenario_network
from signalrl.sumo.logic import write_logics

BEFORE_S, AFTER_S = 3.0 * 3600.0, 2.5 * 3600.0
"""How long before the first event of the day plans begin, and how long after the last they end."""
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
    events = [event for event in season.events if event.begin.date() == day]
    if not events:
        others = sorted({event.begin.date() for event in season.events}, key=lambda d: abs(d - day))
        near = ", ".join(str(other) for other in sorted(others[:3]))
        raise ConfigError(f"{scenario.name}: expected a day with an event, got {day}; try {near}")
    if knows_all_hours(scenario):
        parts: tuple[Part, ...] = (_evening(scenario, season, day),)
    else:
        parts = parts_of_day(scenario, season, day)
    network = scenario_network(scenario)
    make_folder(out)
    found: list[dict[str, Any]] = []
    rows: list[tuple[object, ...]] = []
    for number, part in enumerate(parts, 1):
        with console.status(f"{scenario.name}, {day}: {escape(part.label)}"):
            periods = plan_evening(
                scenario, network, season.registry, part.events, part.window, part.anchors_s
            )
        programs = PROGRAMS.format("" if len(parts) == 1 else f"-{number}")
        write_logics(fixed_logics(network, scenario.timing, periods), out / programs)
        rows += _rows(scenario, network, part.window, periods)
        found += [_described(scenario, network, part, period, programs) for period in periods]
    with (out / TABLE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
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
    console.print(f"{out / TABLE}: greens and offsets; {names}: programs for SUMO")


def _evening(scenario: Scenario, season: Season, day: date) -> Part:
    """Return the time around all events of a day; plans change at the end of each."""
    events = [event for event in season.events if event.begin.date() == day]
    clock = later(events[0].begin, -BEFORE_S - scenario.begin_s)
    ends = [later(e.begin, usual_end_s(e, season.registry.kind(e.kind))) for e in events]
    ends_s = tuple(sorted({end.timestamp() - clock.timestamp() for end in ends}))
    end_s = ends_s[-1]
    window = Window(clock, scenario.begin_s, end_s + AFTER_S)
    near = events_around(season, clock, scenario.begin_s, end_s + AFTER_S)
    return Part("evening", window, near, ends_s)


def _rows(
    scenario: Scenario, network: Network, window: Window, periods: Sequence[Period]
) -> Iterator[tuple[object, ...]]:
    for period in periods:
        for signal in network.signals:
            plan = period.plans[signal.id]
            cycle_s = plan.cycle_s(signal, scenario.timing)
            for phase, green_s in zip(plan.phases, plan.greens_s, strict=True):
                times = (_time(window, s) for s in (period.begin_s, period.end_s))
                state = signal.phases[phase].state
                yield (*times, signal.id, cycle_s, plan.offset_s, phase, state, green_s)


def _described(
    scenario: Scenario, network: Network, part: Part, period: Period, programs: str
) -> dict[str, Any]:
    cycles = [period.plans[s.id].cycle_s(s, scenario.timing) for s in network.signals]
    dropped = sum(len(s.phases) - len(period.plans[s.id].phases) for s in network.signals)
    return {
        "part": part.label,
        "from": _time(part.window, period.begin_s),
        "to": _time(part.window, period.end_s),
        "cycle_s": max(cycles),
        "phases_dropped": dropped,
        "programs": programs,
    }


def _time(window: Window, time_s: float) -> str:
    return f"{later(window.clock, time_s):%Y-%m-%d %H:%M:%S}"
