"""The script that scores alarms: what counts as a lock, and what as a hit."""

from __future__ import annotations

import csv
import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from signalrl.forecast.driven import EVENINGS
from signalrl.scenario.event_demand import draw_occasion, load_season

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "benchmarks" / "alarms.py"))


def row(probability: float, locked: bool, event: str = "a") -> dict[str, Any]:
    from_s = 4500.0 if locked else None
    return {
        "probability": probability,
        "locked": locked,
        "locked_from_s": from_s,
        "event": event,
        "phase": "ingress",
    }


def test_scores_count_what_was_found_and_what_was_right(script: Any) -> None:
    rows = [row(0.9, True), row(0.8, True, "b"), row(0.8, False), row(0.1, True), row(0.1, False)]
    found = script["score"](rows, 0.7)
    assert (found["recall"], found["precision"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (found["alarms"], found["hits"]) == (3, 2)
    of_all = script["totals"](rows)
    assert (of_all["evenings"], of_all["locked"], of_all["forecasts"]) == (5, 3, 2)
    assert of_all["first_lock_s"] == 4500.0
    assert script["totals"]([row(0.1, False)])["first_lock_s"] is None
    low, high = found["recall_interval95"]
    assert low < 2 / 3 < high
    assert "recall_interval95" not in script["score"]([row(0.1, False)], 0.7)


def test_an_evening_of_other_calendars_or_draws_is_driven_again(
    script: Any, tmp_path: Path
) -> None:
    plan = script["Plan"]("arena", ("held-out-m.ics",), 8, tmp_path)
    assert not plan.is_there(7)
    plan.kept(7).write_text(json.dumps({**plan.made_from(7), "seed": 7}))
    assert plan.is_there(7)
    assert not script["Plan"]("arena", ("season.ics",), 8, tmp_path).is_there(7)
    assert not script["Plan"]("arena", ("held-out-m.ics",), 9, tmp_path).is_there(7)


def test_a_forecast_judges_by_other_evenings_of_its_event(script: Any, tmp_path: Path) -> None:
    plan = script["Plan"]("arena", ("held-out-m.ics", "held-out-l.ics"), 8, tmp_path)
    seen = {}
    for seed in (201, 202, 203):
        scenario = plan.scenario(seed)
        season = load_season(scenario)
        about = draw_occasion(scenario, season, seed)
        found = script["others"](plan, seed)
        assert len(set(found)) == EVENINGS
        assert min(found) >= 10_000
        for other in found:
            assert draw_occasion(scenario, season, other) == about
            assert other % script["QUIET"], "one without an event says nothing"
        seen[about.event.uid, about.phase] = found
    assert len({tuple(found) for found in seen.values()}) == len(seen)


def test_the_share_of_others_that_lock_is_what_warns(script: Any, tmp_path: Path) -> None:
    plan = script["Plan"]("arena", ("held-out-m.ics",), 8, tmp_path)
    for seed, begins_s in ((1, 300.0), (2, None), (3, 0.0), (4, None)):
        plan.kept(seed).write_text(json.dumps({"locked_from_s": begins_s}))
    rows = [
        script["with_others"](plan, {**row(0.9, locked), "others": others})
        for locked, others in ((True, [1, 2, 3, 4]), (False, [2, 4]), (False, []))
    ]
    assert [one["driven"] for one in rows] == [0.5, 0.0, 0.0]
    assert script["score"](rows, 0.4, "driven")["precision"] == 1.0
    assert script["score"](rows, 0.4)["precision"] == pytest.approx(1 / 3)


def test_stored_scores_are_those_of_the_stored_evenings(script: Any) -> None:
    results = ROOT / "benchmarks" / "results" / "alarms"
    folders = sorted(path for path in results.iterdir())
    assert folders
    for folder in folders:
        with (folder / "evenings.csv").open(newline="") as file:
            rows: list[dict[str, Any]] = list(csv.DictReader(file))
        for one in rows:
            one["locked"] = one["locked"] == "True"
            for name in ("probability", "driven", "locked_from_s"):
                one[name] = float(one[name]) if one.get(name) else None
        scores = json.loads((folder / "scores.json").read_text())
        for name, value in script["totals"](rows).items():
            assert scores[name] == value, name
        for alarm, by in (("draws", "probability"), ("driven", "driven")):
            if stored := scores.get(alarm):
                for name, value in script["score"](rows, stored["threshold"], by).items():
                    assert stored[name] == value, name


def test_no_evening_judges_itself(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    last = script["OTHERS_FROM"]
    monkeypatch.setattr("sys.argv", ["alarms.py", "arena", "--first", str(last - 49)])
    with pytest.raises(SystemExit) as stopped:
        script["main"]()
    assert stopped.value.code == 2


def test_both_alarms_are_scored(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On evenings that were driven already."""
    monkeypatch.setattr(script["Plan"], "is_there", lambda *of: True)
    plan = script["Plan"]("arena", (), 8, tmp_path)
    evenings = ((11, 0.9, True, [1]), (12, 0.9, False, [2]), (13, 0.1, False, []))
    for seed, probability, locked, others in evenings:
        one = {**row(probability, locked), "seed": seed, "others": others}
        plan.kept(seed).write_text(json.dumps(one))
    for seed, begins_s in ((1, 300.0), (2, None)):
        plan.kept(seed).write_text(json.dumps({"locked_from_s": begins_s}))
    options = ["--evenings", "3", "--first", "11", "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["benchmarks/alarms.py", "arena", *options])
    assert script["main"]() == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert json.loads(capsys.readouterr().out) == scores
    assert (scores["draws"]["precision"], scores["driven"]["precision"]) == (0.5, 1.0)
    assert (scores["evenings"], scores["locked"], scores["driven"]["other_evenings"]) == (3, 1, 2)
    with (tmp_path / "evenings.csv").open(newline="") as file:
        assert [float(r["driven"]) for r in csv.DictReader(file)] == [1.0, 0.0, 0.0]
