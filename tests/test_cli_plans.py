from __future__ import annotations

import csv
import json
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from signalrl.cli import main
from signalrl.cli_plans import COLUMNS


def test_writes_the_plans_of_a_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "plans"
    assert main(["plans", "arena", "--at", "2026-09-19", "--out", str(out), "--json"]) == 0
    periods = json.loads(capsys.readouterr().out)
    assert periods[0]["from"] == "2026-09-19 15:30:00"  # three hours before the kick-off
    assert all(a["to"] == b["from"] for a, b in pairwise(periods))
    with (out / "plans.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert {row["from"] for row in rows} == {period["from"] for period in periods}
    logics = ET.parse(out / "plans.add.xml").getroot()
    assert {logic.attrib["id"] for logic in logics} == {row["signal"] for row in rows}


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
