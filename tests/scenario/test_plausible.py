"""Values of another unit are told of, and those of the shipped environments are not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from signalrl.scenario.catalog import load_scenario, scenario_names
from signalrl.scenario.event_demand import load_season
from signalrl.scenario.plausible import implausible


def told(folder: str | Path) -> list[tuple[str, str]]:
    scenario = load_scenario(folder)
    return list(implausible(scenario, load_season(scenario) if scenario.events else None))


@pytest.mark.parametrize("name", scenario_names())
def test_shipped_environments_are_meant_so(name: str) -> None:
    assert told(name) == []


@pytest.mark.parametrize(
    ("file", "before", "after", "code", "what"),
    [
        ("venues.yaml", "zone: Europe/Berlin\n", "", "zone", "its times are taken as UTC"),
        ("venues.yaml", "park_e2_out: 900", "park_e2_out: 15", "exit", "got 15"),
        ("venues.yaml", "park_e2_out: 900", "park_e2_out: 9000", "exit", "got 9000"),
        ("scenario.yaml", "ingress: 4800", "ingress: 80", "lead", "expected seconds"),
        ("scenario.yaml", "clock: day", "clock: episode", "profile", "write clock: day"),
    ],
)
def test_another_unit_is_told_of(
    tmp_path: Path, file: str, before: str, after: str, code: str, what: str
) -> None:
    folder = tmp_path / "arena"
    shutil.copytree(load_scenario("arena").folder, folder)
    text = (folder / file).read_text()
    assert before in text
    (folder / file).write_text(text.replace(before, after))
    ((found, message), *more) = told(folder)
    assert found == code
    assert what in message
    assert not more


def test_hours_and_roads_that_are_given_twice_are_told_of(tmp_path: Path) -> None:
    folder = tmp_path / "arena"
    shutil.copytree(load_scenario("arena").folder, folder)
    (folder / "venues.yaml").write_text(
        "zone: UTC\nvenues: {arena: {capacity: 9, car_parks: {park: {spaces: 9, entrances: [a], "
        "exits: {b: 900}}}, gates: {n: {inbound: c, outbound: d, weight: 1}, "
        "s: {inbound: c, outbound: d, weight: 1}}}}\n"
    )
    settings = {
        "demand": {"profile": {"points": [{"time_s": 0, "factor": 1}, {"time_s": 24, "factor": 1}]}}
    }
    scenario = load_scenario(folder, settings=settings)
    found = dict(implausible(scenario, load_season(scenario)))
    assert "looks like hours" in found["profile"]
    assert "got those of n" in found["gate"]
