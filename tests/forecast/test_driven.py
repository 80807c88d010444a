"""Evenings in SUMO say how likely a district locks where the draws of a forecast can't."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from signalrl import cli_forecast
from signalrl.cli import main
from signalrl.errors import ConfigError
from signalrl.forecast import driven
from signalrl.forecast.days import Part, parts_of_day
from signalrl.forecast.driven import drive, driven_risks, risk_of, seeds_of
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.demand import draw_episode
from signalrl.scenario.event_demand import draw_occasion, load_season, occasion_of
from signalrl.sumo.episode import scenario_network
from signalrl.sumo.plant import SumoPlant

SCENARIO = load_scenario("arena")
SEASON = load_season(SCENARIO)
OCCASION = occasion_of(SCENARIO, SEASON, SEASON.events[3], "ingress")


def test_seeds_are_those_whose_episodes_are_about_the_event() -> None:
    seeds = list(islice(seeds_of(SCENARIO, SEASON, OCCASION, 50), 3))
    assert seeds == sorted(set(seeds))
    assert min(seeds) >= 50
    assert {draw_occasion(SCENARIO, SEASON, seed) for seed in seeds} == {OCCASION}
    between = set(range(50, seeds[-1])) - set(seeds)
    assert OCCASION not in {draw_occasion(SCENARIO, SEASON, seed) for seed in between}


@pytest.mark.parametrize(
    ("begins_s", "probability", "begin", "warns"),
    [
        ([None] * 5, 0.0, None, False),
        ([None] * 4 + [3600.0], 0.2, 3600.0, False),
        ([None] * 3 + [3600.0, 0.0], 0.4, 1800.0, True),
        ([900.0] * 5, 1.0, 900.0, True),
    ],
)
def test_the_risk_is_the_share_of_evenings_that_lock(
    begins_s: list[float | None], probability: float, begin: float | None, warns: bool
) -> None:
    risk = risk_of(OCCASION, SCENARIO, begins_s)
    assert (risk.probability, risk.warns) == (probability, warns)
    if begin is None:
        assert risk.begin is None
    else:
        assert risk.begin is not None
        assert risk.begin.timestamp() - OCCASION.clock.timestamp() == begin
    about = f"{OCCASION.event.title} (ingress), 5 evenings in SUMO"
    assert risk.sentence().startswith(f"gridlock, {about}: P {probability:.2f}")


def test_a_district_without_a_diagram_is_not_driven() -> None:
    scenario = load_scenario("ingolstadt-matchday")
    season = load_season(scenario)
    with pytest.raises(ConfigError, match="knows its district"):
        next(driven_risks(scenario, season, [], 5))
    assert main(["forecast", "ingolstadt-matchday", "--at", "2026-08-08", "--drive", "5"]) == 2


def test_an_evening_is_driven_no_further_than_to_its_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a district that is full with a single vehicle, and in one that never is."""
    reached: list[float] = []

    def advance(plant: SumoPlant, time_s: float) -> None:
        reached.append(time_s)
        go_on(plant, time_s)

    go_on = SumoPlant.advance
    monkeypatch.setattr(SumoPlant, "advance", advance)
    for critical_veh, begins_s, ends_s in ((1.0, 0.0, 900.0), (1e6, None, 1500.0)):
        full = {"critical_veh": critical_veh, "capacity_veh_h": 1e6}
        scenario = load_scenario("arena", settings={"end_s": 1500.0, "metering": full})
        assert drive(scenario, scenario_network(scenario), 1) == begins_s
        assert reached[-1] == ends_s


def test_evenings_are_driven_as_the_calendar_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What trainings vary is no doubt of the calendar's, nor one of the draws."""
    told: list[bytes] = []

    def draw(work: partial[None], seeds: Sequence[int], _jobs: int) -> Iterator[int]:
        folder, scenario = work.args
        for seed in seeds:
            told.append(draw_episode(scenario, seed, folder).drawn_files[0].read_bytes())
            (folder / f"{seed}.json").write_text("null")
            yield seed

    monkeypatch.setattr(driven, "run_fresh", draw)
    varied = {"probability": 0.0, "attendance_factor": [0.1, 0.2]}
    for settings in ({}, varied):
        scenario = load_scenario("arena", settings={"events": settings})
        assert len(list(driven_risks(scenario, SEASON, [OCCASION], 2))) == 3
    assert told[:2] == told[2:]
    assert told[0] != told[1]


def test_each_part_of_a_day_has_a_risk_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the usual traffic is known around events only."""
    folder = tmp_path / "around"
    shutil.copytree(SCENARIO.folder, folder)
    text = (folder / "scenario.yaml").read_text()
    (folder / "scenario.yaml").write_text(text.replace("clock: day", "clock: episode"))
    command = ["forecast", str(folder), "--at", str(OCCASION.event.begin.date())]
    assert main([*command, "--draws", "20", "--out", str(tmp_path / "out"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    about = [risk["about"] for risk in found["gridlock"]]
    assert about == [part["label"] for part in found["parts"]]
    assert len(set(about)) == 2


def test_the_command_drives_where_the_draws_see_a_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On evenings of a quarter of an hour, in a district that is full with a single vehicle."""
    folder = tmp_path / "small"
    shutil.copytree(SCENARIO.folder, folder)
    text = (folder / "scenario.yaml").read_text()
    for key, value in (("end_s", 600), ("critical_veh", 1), ("capacity_veh_h", 1000000)):
        text, found = re.subn(rf"(?m)^( *{key}:) \S+", rf"\1 {value}", text)
        assert found == 1, key
    (folder / "scenario.yaml").write_text(text)
    monkeypatch.setattr(driven, "LENGTH_S", 900.0)

    def first_half_hour(*of: Any) -> tuple[Part, ...]:
        (day,) = parts_of_day(*of)
        return (replace(day, window=replace(day.window, end_s=1800.0)),)

    monkeypatch.setattr(cli_forecast, "parts_of_day", first_half_hour)
    calendar = tmp_path / "own.csv"
    calendar.write_text("title,venue,begin\nMatch,arena,2026-10-01T18:30+02:00\n")
    command = ["forecast", str(folder), "--at", "2026-10-01", "--calendar", str(calendar)]
    options = ["--draws", "20", "--drive", "1", "--out", str(tmp_path / "out"), "--json"]
    assert main([*command, *options]) == 0
    risks = json.loads(capsys.readouterr().out)["gridlock"]
    assert [risk["about"] for risk in risks] == [
        "",
        "Match (ingress), 1 evening in SUMO",
        "Match (egress), 1 evening in SUMO",
    ]
    assert [risk["probability"] for risk in risks[1:]] == [1.0, 1.0]
    assert [risk["text"] for risk in risks] == (tmp_path / "out/problems.txt").read_text().split(
        "\n"
    )[:3]
