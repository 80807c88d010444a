from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from signalrl.benchmark.controllers import Entry
from signalrl.benchmark.store import Failure, Row
from signalrl.benchmark.suite import Measure, Suite
from signalrl.benchmark.summary import Summary, league, number, summarize

CONTROLLERS = [Entry("fixed", "fixed"), Entry("greedy", "greedy"), Entry("policy", "schedule")]
MEAN_S = {"fixed": 40.0, "greedy": 17.0, "policy": 16.0, "floor": 3.0}


def row(controller: str, seed: int, env: str = "single") -> Row:
    delay_s = MEAN_S[controller] + seed % 3 + 0.05 * (seed % 2) * (controller == "policy")
    floats = (delay_s, delay_s / 2, delay_s * 3, 90.0, 5.0)
    more = (delay_s - 1, 0.5, 900.0, 210.0, 2 * delay_s, 0.7)
    counts = (100, 97, 2, 1, 0, 0, seed % 2, 4, seed % 2)
    return Row(env, controller, seed, *floats, *more, *counts, 3600.0, 2.5, "f" * 64)


def summary(
    seeds: range = range(10),
    failures: tuple[Failure, ...] = (),
    controllers: Sequence[Entry] = CONTROLLERS,
    environments: Sequence[str] = ("single",),
    measure: Measure = "mean_delay_s",
) -> Summary:
    rows = [
        row(c.label, s, env) for env in environments for c in controllers for s in [*seeds, 99]
    ] + [row("fixed", 0, "elsewhere")]
    suite = Suite.of(environments, [c.label for c in controllers])
    return summarize(
        rows,
        [(env, "An intersection") for env in environments],
        controllers,
        list(seeds),
        failures,
        out=Path("runs/x"),
        about={"command": "c", "commit": None, "versions": {"signalrl": "1"}},
        suite=suite.model_copy(update={"measure": measure}),
    )


def test_only_what_was_asked_for_counts() -> None:
    (env,) = summary().environments
    assert [c.controller for c in env.controllers] == ["fixed", "greedy", "policy"]
    assert [c.n for c in env.controllers] == [10, 10, 10]
    assert env.controllers[0].delay.mean == pytest.approx(40.9)
    assert env.controllers[0].counts["violations"] == pytest.approx(0.5)
    assert env.controllers[0].estimates["p95_delay_s"].mean == pytest.approx(3 * 40.9)


def test_everybody_is_compared_with_the_best_of_the_others() -> None:
    (env,) = summary().environments
    found = {c.controller: c.against_best for c in env.controllers}
    assert {name: c.reference for name, c in found.items() if c} == {
        "fixed": "policy",
        "greedy": "policy",
        "policy": "greedy",
    }
    assert {name: c.verdict for name, c in found.items() if c} == {
        "fixed": "higher",
        "greedy": "higher",
        "policy": "lower",
    }
    assert found["policy"] is not None
    assert found["policy"].difference.mean == pytest.approx(-0.975)


def test_the_headline_claims_no_more_than_the_interval() -> None:
    assert summary().environments[0].headline().endswith("it is better.")
    few = summary(range(3)).environments[0].headline()
    assert few.endswith("too few seeds to say whether it is better.")
    assert few.startswith("policy has the lowest mean delay, 17.0 [16.0, 18.0] s")


def test_the_summary_is_json_and_complete() -> None:
    data = json.loads(json.dumps(summary().to_dict(), allow_nan=False))
    policy = data["environments"]["single"]["controllers"]["policy"]
    low, high = policy["mean_delay_s"]["interval95"]
    assert low < policy["mean_delay_s"]["mean"] < high
    assert policy["per_episode"]["unfinished"] == 2
    assert policy["against_best_other"]["verdict"] == "lower"
    one = json.dumps(summary(range(1)).to_dict(), allow_nan=False)
    assert '"interval95": null' in one


def test_everybody_is_compared_with_everybody() -> None:
    (env,) = summary().environments
    verdicts = {
        (c.controller, other): found.verdict
        for c in env.controllers
        for other, found in c.against.items()
    }
    assert verdicts == {
        ("fixed", "greedy"): "higher",
        ("greedy", "fixed"): "lower",
        ("fixed", "policy"): "higher",
        ("policy", "fixed"): "lower",
        ("greedy", "policy"): "higher",
        ("policy", "greedy"): "lower",
    }
    assert env.controllers[2].against["greedy"].p_value < 0.05


def test_a_bound_competes_with_nobody() -> None:
    found = summary(controllers=[Entry("floor", "floor"), *CONTROLLERS])
    (env,) = found.environments
    assert [c.controller for c in env.ranked] == ["floor", "policy", "greedy", "fixed"]
    assert env.headline() == summary().environments[0].headline()
    assert all("floor" not in c.against for c in env.controllers)
    assert (env.controllers[0].against_best, env.controllers[0].against) == (None, {})
    assert [s.controller for s in league(found)] == ["policy", "greedy", "fixed"]
    (alone,) = summary(controllers=[Entry("floor", "floor")]).environments
    assert alone.headline() == "There is no controller, only a bound."


def test_the_middle_seed_is_not_moved_by_one_that_locks_up() -> None:
    (env,) = summary().environments
    greedy = env.controllers[1]
    assert greedy.middle_s == pytest.approx(18.0)
    greedy.delay_s[3] = 900.0
    assert greedy.middle_s == pytest.approx(18.0)


def test_the_league_takes_the_geometric_mean_of_what_is_lost_to_the_lowest() -> None:
    found = summary(environments=("single", "other"))
    first, second, third = league(found)
    assert (first.controller, first.relative, first.wins) == ("policy", 1.0, 2)
    assert second.relative == pytest.approx(17.9 / 16.925)
    assert third.relative == pytest.approx(40.9 / 16.925)
    assert {s.gridlocked for s in (first, second, third)} == {0.5}
    assert len(found.tables()) == 3


def test_the_measure_of_the_suite_ranks() -> None:
    (env,) = summary(measure="resco_delay_s").environments
    assert env.controllers[0].delay.mean == pytest.approx(39.9)
    assert env.controllers[0].estimates["mean_delay_s"].mean == pytest.approx(40.9)


def test_failures_set_the_exit_status() -> None:
    assert summary().exit_status == 0
    failed = summary(failures=(Failure("single", "fixed", 3, "broke"),))
    assert failed.exit_status == 1
    assert failed.to_dict()["failures"] == [
        {"env": "single", "controller": "fixed", "seed": 3, "error": "broke"}
    ]


def test_the_table_fits_a_terminal_of_80_columns() -> None:
    console = Console(file=io.StringIO(), width=80)
    for table in summary().tables():
        console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in text
    for controller in summary().environments[0].controllers:
        assert str(controller.delay) in text
    assert text.index("policy") < text.index("greedy") < text.index("fixed")


def test_counts_are_short() -> None:
    assert [number(x) for x in (0, 0.02, 0.1, 2.0, 12.34, 1234.5)] == [
        *("0", "0.02", "0.1", "2.0", "12.3"),
        "1,234",
    ]
