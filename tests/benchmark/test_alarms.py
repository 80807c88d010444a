"""The script that scores alarms: what counts as a lock, and what as a hit."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signalrl.network.gridlock import Diagram
from signalrl.sumo.district import has_locked

ROOT = Path(__file__).resolve().parents[2]
DIAGRAM = Diagram(425.0, 7800.0)


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "benchmarks" / "alarms.py"))


def test_a_lock_begins_with_the_quarter_of_an_hour_that_makes_it_one(script: Any) -> None:
    inside = [300.0, 900.0, 900.0, 900.0, 300.0]
    for outflow, begin_s in (([7000.0] * 5, None), ([7000.0, *[1000.0] * 4], 300.0)):
        assert script["lock_begins_s"](DIAGRAM, inside, outflow) == begin_s
    assert script["lock_begins_s"](DIAGRAM, inside[:2], [0.0] * 2) is None


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
    assert (found["locked"], found["alarms"], found["hits"]) == (3, 3, 2)
    assert found["forecasts"] == 2
    low, high = found["recall_interval95"]
    assert low < 2 / 3 < high
    assert found["first_lock_s"] == 4500.0
    without = script["score"]([row(0.1, False)], 0.7)
    assert without["first_lock_s"] is None
    assert "recall_interval95" not in without


def test_an_evening_of_other_calendars_or_draws_is_driven_again(
    script: Any, tmp_path: Path
) -> None:
    plan = script["Plan"]("arena", ("held-out-m.ics",), 8, tmp_path)
    assert not plan.is_there(7)
    plan.kept(7).write_text(json.dumps({**plan.made_from(7), "seed": 7}))
    assert plan.is_there(7)
    assert not script["Plan"]("arena", ("season.ics",), 8, tmp_path).is_there(7)
    assert not script["Plan"]("arena", ("held-out-m.ics",), 9, tmp_path).is_there(7)


def test_the_judgement_is_that_of_an_episode(script: Any) -> None:
    random = np.random.default_rng(1)
    for _ in range(50):
        inside = random.uniform(300.0, 900.0, 12).tolist()
        outflow = random.uniform(2000.0, 5000.0, 12).tolist()
        begins_s = script["lock_begins_s"](DIAGRAM, inside, outflow)
        metering = type("Known", (), {"diagram": DIAGRAM})()
        assert (begins_s is not None) == has_locked(metering, inside, outflow)
