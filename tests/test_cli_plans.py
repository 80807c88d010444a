from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from signalrl.cli import main
from signalrl.cli_plans import COLUMNS
from signalrl.forecast import day_plans, evening
from signalrl.forecast.days import parts_of_day
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import load_season


def test_writes_the_plans_of_a_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From half an hour before the kick-off to a quarter of an hour after the end."""
    assert (day_plans.BEFORE_S, day_plans.AFTER_S) == (3 * 3600.0, 2.5 * 3600.0)
    monkeypatch.setattr(day_plans, "BEFORE_S", 1800.0)
    monkeypatch.setattr(day_plans, "AFTER_S", 900.0)
    monkeypatch.setattr(evening, "DRAWS", 4)
    monkeypatch.setattr(evening, "TURNS", 2)
    out = tmp_path / "plans"
    assert main(["plans", "arena", "--at", "2026-09-19", "--out", str(out), "--json"]) == 0
    periods = json.loads(capsys.readouterr().out)
    assert periods[0]["from"] == "2026-09-19 18:00:00"
    assert len(periods) > 3
    assert all(a["to"] == b["from"] for a, b in pairwise(periods))
    with (out / "plans.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert {row["from"] for row in rows} == {period["from"] for period in periods}
    logics = ET.parse(out / "plans.add.xml").getroot()
    assert {logic.attrib["id"] for logic in logics} == {row["signal"] for row in rows}


def test_recorded_traffic_is_planned_for_around_the_event(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each part has the hour that was recorded, and plans that serve more than visitors."""
    scenario = load_scenario("cologne-concert")
    season = load_season(scenario)
    day = season.events[0].begin.date()
    command = ["plans", "cologne-concert", "--at", str(day), "--out", str(tmp_path), "--json"]
    assert main(command) == 0
    periods = json.loads(capsys.readouterr().out)
    labels = [part.label for part in parts_of_day(scenario, season, day)]
    assert list(dict.fromkeys(period["part"] for period in periods)) == labels
    assert scenario.events is not None
    for label, before_s in zip(labels, scenario.events.lead_s.values(), strict=True):
        mine = [period for period in periods if period["part"] == label]
        first, last = (
            datetime.fromisoformat(m[k]) for m, k in ((mine[0], "from"), (mine[-1], "to"))
        )
        assert (last - first).total_seconds() == scenario.horizon_s
        assert (tmp_path / mine[0]["programs"]).is_file()
        if "ingress" in label:
            begin = season.events[0].begin.replace(tzinfo=None)
            assert begin - first == timedelta(seconds=before_s)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["plans", "arena", "--at", "2026-09-18"], "try 2026-09-05, 2026-09-11, 2026-09-19"),
        (["plans", "single", "--at", "2026-09-18"], "expected an environment with events"),
    ],
)
def test_says_why_there_are_no_plans(
    arguments: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--out", str(tmp_path)]) == 2
    assert reason in " ".join(capsys.readouterr().err.split())


def test_another_calendar_takes_the_place_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calendar = tmp_path / "own.csv"
    calendar.write_text("title,venue,begin\nMatch,arena,2026-10-01T18:30+02:00\n")
    command = ["plans", "arena", "--at", "2026-09-19", "--calendar", str(calendar)]
    assert main([*command, "--out", str(tmp_path / "plans")]) == 2
    assert "expected a day with an event, got 2026-09-19; try 2026-10-01" in " ".join(
        capsys.readouterr().err.split()
    )
