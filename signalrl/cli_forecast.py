"""The command ``signalrl forecast``: what a day's events will do to the signals."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from signalrl.events.event import Event
from signalrl.files import make_folder
from signalrl.forecast.corrections import corrections_of
from signalrl.forecast.days import next_day, occasions_of_day, parts_of_day, with_calendars
from signalrl.forecast.driven import POSSIBLE, driven_risks, unknown_district
from signalrl.forecast.forecast import look_ahead
from signalrl.forecast.gridlock import Risk, gridlock_risk
from signalrl.forecast.pictures import draw_forecast
from signalrl.forecast.places import read_map
from signalrl.forecast.problems import find_problems
from signalrl.forecast.report import DayForecast, write_forecast
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import load_season
from signalrl.sumo.episode import scenario_network

SHOWN = 12


def forecast_day(
    env: str,
    calendars: tuple[Path, ...],
    day: date | None,
    out: Path,
    draws: int,
    seed: int,
    console: Console,
    driven: int = 0,
    jobs: int = 1,
) -> DayForecast:
    """Forecast a day of an environment and write the forecast into a folder.

    Args:
        env: Name, id or folder of an environment with events.
        calendars: Calendars in place of the environment's own; none for these.
        day: The day; the next one with an event by default.
        out: Folder for what comes of it.
        draws: How many evenings are drawn.
        seed: Decides the draws.
        console: Where progress is shown.
        driven: How many evenings are driven in SUMO before each event, and after it, where the
            draws do not rule a lock out.
        jobs: How many of these at a time.

    Raises:
        SignalRLError: The environment has no events, or a file is broken; or evenings are to be
            driven and the district is not known.
    """
    scenario = load_scenario(env, settings=with_calendars(calendars, day))
    if driven and scenario.metering is None:
        raise unknown_district(scenario)
    network = scenario_network(scenario)
    season = load_season(scenario)
    for note in season.notes:
        console.print(f"[yellow]calendar:[/yellow] {escape(str(note))}", highlight=False)
    day = day or next_day(scenario, season, datetime.now(season.registry.local).date())
    parts = parts_of_day(scenario, season, day)
    make_folder(out)
    outlooks = []
    roads = read_map(scenario, network)
    for part in parts:
        about = escape(f"{scenario.name}, {day}: {part.label}")
        with console.status(f"{about}, {draws} draws"):
            outlooks.append(
                look_ahead(
                    *(scenario, network, season.registry, part.events, part.window, draws, seed),
                    before_s=part.before_s,
                )
            )
    problems = tuple(tuple(find_problems(outlook, roads.places)) for outlook in outlooks)
    risks: tuple[Risk, ...] = ()
    if scenario.metering is not None:
        diagram = scenario.metering.diagram
        taught = corrections_of(scenario)
        risks = tuple(
            replace(gridlock_risk(look, diagram, taught), about=part.label if parts[1:] else "")
            for part, look in zip(parts, outlooks, strict=True)
        )
        if driven and any(risk.probability >= POSSIBLE for risk in risks):
            occasions = tuple(occasions_of_day(scenario, season, day))
            done, number = 0, driven * len(occasions)
            with console.status(f"SUMO drives {number} evenings") as status:
                for risk in driven_risks(scenario, season, occasions, driven, jobs):
                    if risk is None:
                        done += 1
                        status.update(f"SUMO has driven {done} of {number} evenings")
                    else:
                        risks = (*risks, risk)
    forecast = DayForecast(
        *(scenario.name, day, draws, seed), parts, tuple(outlooks), problems, risks
    )
    write_forecast(forecast, roads, out)
    draw_forecast(forecast, roads, out)
    return forecast


def show(forecast: DayForecast, out: Path, console: Console) -> None:
    """Print the ranked problems of a forecast."""
    titles = ", ".join(
        f"{event.title} ({_when(event, forecast.day)})" for event in forecast.events()
    )
    title = escape(f"{forecast.env}, {forecast.day}")
    console.print(f"[bold]{title}[/bold]: {escape(titles) or 'no event'}")
    for risk in forecast.risks:
        style = "bold red" if risk.warns else ""
        console.print(escape(risk.sentence()), style=style, highlight=False)
    ranked = forecast.ranked()
    if ranked:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("", "P", "where", "when", "X", "queue m", "P full", "veh h"):
            table.add_column(name, justify="left" if name in ("where", "when") else "right")
        for rank, p in enumerate(ranked[:SHOWN], 1):
            table.add_row(
                str(rank),
                f"{p.probability:.2f}",
                escape(p.place.name),
                f"{p.begin:%H:%M}-{p.end:%H:%M}",
                f"{p.ratio:.2f}",
                f"{p.queue_m:.0f} ({p.queue_most_m:.0f})",
                f"{p.spills_back:.2f}",
                f"{p.lost_veh_h:.0f}",
            )
        console.print(table)
        if len(ranked) > SHOWN:
            console.print(f"and {len(ranked) - SHOWN} more in {escape(str(out / 'problems.txt'))}")
    else:
        console.print("no problem is likely")
    for note in forecast.notes():
        console.print(f"[yellow]{escape(note)}[/yellow]", highlight=False)
    console.print(
        f"forecast: {escape(str(out))} (forecast.json, problems.txt, map.svg, timeline.svg)"
    )


def _when(event: Event, day: date) -> str:
    return f"{event.begin:%H:%M}" if event.begin.date() == day else f"{event.begin:%Y-%m-%d %H:%M}"
