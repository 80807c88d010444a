"""The command ``signalrl envs``: the environments that are shipped."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from signalrl.errors import SignalRLError
from signalrl.scenario.catalog import gym_id, load_scenario, scenario_names


def list_environments() -> list[dict[str, Any]]:
    """Return what is known of each shipped environment as plain JSON data, sorted by name.

    ``problem`` is null where it can be run, else it says why not.
    """
    return [_describe(name) for name in scenario_names()]


def show(environments: list[dict[str, Any]]) -> None:
    """Print the environments as a table, with what keeps some from being run below it."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("name", "id", "title", "installed"):
        table.add_column(column, overflow="fold", no_wrap=column in {"name", "id"})
    for env in environments:
        installed = Text("yes", "green") if env["problem"] is None else Text("no", "yellow")
        table.add_row(env["name"], env["id"], env["title"], installed)
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    console.print(table)
    same: dict[str, list[str]] = {}
    for env in environments:
        if env["problem"] is not None:
            same.setdefault(env["problem"].removeprefix(f"{env['name']} "), []).append(env["name"])
    for problem, names in same.items():
        console.print(Text(f"{', '.join(names)}: {problem}", "yellow"), soft_wrap=True)


def _describe(name: str) -> dict[str, Any]:
    known: dict[str, Any] = {"name": name, "id": gym_id(name)}
    try:
        scenario = load_scenario(name, check_files=False)
    except SignalRLError as error:
        return {**known, "title": "", "description": "", "horizon_s": None, "problem": str(error)}
    problem = None
    try:
        scenario.check_files()
    except SignalRLError as error:
        problem = str(error)
    return {
        **known,
        "title": scenario.title,
        "description": scenario.description,
        "horizon_s": scenario.horizon_s,
        "problem": problem,
    }
