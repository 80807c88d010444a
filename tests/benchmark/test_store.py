from __future__ import annotations

import json
from pathlib import Path

import pytest

from signalrl.benchmark.store import COLUMNS, Failure, Row, Store
from signalrl.errors import BenchmarkError

SPECS = {("single", "fixed"): "one", ("single", "greedy"): "two"}


def row(controller: str, seed: int, delay_s: float = 12.345678901) -> Row:
    floats = (delay_s, 10.0, 30.0, 60.0, 5.0, 12.0, 1.5, 900.0, 210.0, 40.0, 0.7)
    return Row("single", controller, seed, *floats, *range(9), 3600.0, 2.5, "f" * 64)


def add(store: Store, *rows: Row) -> None:
    for one in rows:
        store.details(one.key).parent.mkdir(parents=True, exist_ok=True)
        store.details(one.key).write_text(json.dumps({"seed": one.seed}))
        store.add(one)


def test_the_columns_are_those_that_scripts_rely_on(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.open(SPECS, {})
        assert store.csv.read_text().strip() == (
            "env,controller,seed,mean_delay_s,median_delay_s,p95_delay_s,mean_travel_time_s,"
            "mean_waiting_s,resco_delay_s,mean_stops,co2_g_km,throughput_veh_h,worst_approach_s,"
            "fairness,vehicles,arrived,unfinished,undeparted,teleports,collisions,gridlocked,"
            "vetoes,violations,sim_s,wall_s,tripinfo_sha256"
        )
    assert len(COLUMNS) == 26


def test_rows_come_back_as_they_went(tmp_path: Path) -> None:
    rows = [row("fixed", 1), row("greedy", 1, 1 / 3), row("fixed", 2)]
    with Store(tmp_path) as store:
        store.open(SPECS, {"command": "x"})
        add(store, *rows)
    with Store(tmp_path) as again:
        assert again.open(SPECS, {"command": "x"}) == 0
        assert again.rows == rows
        assert again.read_details(rows[0].key) == {"seed": 1}


def test_a_line_that_a_kill_cut_off_is_run_again(tmp_path: Path) -> None:
    whole, cut = row("fixed", 1), row("fixed", 2)
    for letters in (1, 10, 60, 120):
        folder = tmp_path / str(letters)
        with Store(folder) as store:
            store.open(SPECS, {})
            add(store, whole, cut)
            text = store.csv.read_text()
            store.csv.write_text(text[:-letters])
        with Store(folder) as again:
            again.open(SPECS, {})
            kept = [whole, cut] if letters == 1 else [whole]
            assert again.rows == kept
            add(again, row("fixed", 3))
        with Store(folder) as last:
            last.open(SPECS, {})
            assert [r.seed for r in last.rows] == [r.seed for r in kept] + [3]


def test_episodes_without_details_are_run_again(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.open(SPECS, {})
        add(store, row("fixed", 1), row("fixed", 2))
        store.details(("single", "fixed", 1)).unlink()
    with Store(tmp_path) as again:
        assert again.open(SPECS, {}) == 1
        assert [r.seed for r in again.rows] == [2]


def test_what_was_made_from_something_else_is_forgotten(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.open(SPECS, {})
        add(store, row("fixed", 1), row("greedy", 1))
    changed = {**SPECS, ("single", "greedy"): "another policy"}
    with Store(tmp_path) as again:
        assert again.open(changed, {}) == 1
        assert [r.controller for r in again.rows] == ["fixed"]
    with Store(tmp_path) as last:
        assert last.open(changed, {}) == 0


def test_what_was_not_asked_for_stays(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.open(SPECS, {})
        add(store, row("fixed", 1), row("greedy", 1))
    with Store(tmp_path) as again:
        again.open({("single", "fixed"): "one"}, {})
        again.finish([("single", "fixed", 1)], [])
    with Store(tmp_path) as last:
        last.open(SPECS, {})
        assert [r.controller for r in last.rows] == ["fixed", "greedy"]


def test_the_end_sorts_rows_and_lists_failures(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.open(SPECS, {})
        add(store, row("greedy", 2), row("fixed", 1), row("greedy", 1))
        order = [("single", c, s) for s in (1, 2) for c in ("fixed", "greedy")]
        store.finish(order, [Failure("single", "fixed", 2, 'said "no", twice')])
        assert [r.key for r in store.rows] == [order[0], order[1], order[3]]
        assert store.failures.read_text().splitlines() == [
            "env,controller,seed,error",
            'single,fixed,2,"said ""no"", twice"',
        ]
        assert store.csv.read_text().splitlines()[1].startswith("single,fixed,1,")
    with Store(tmp_path) as again:
        again.open(SPECS, {})
        assert not again.failures.exists()


def test_one_benchmark_at_a_time(tmp_path: Path) -> None:
    with Store(tmp_path), pytest.raises(BenchmarkError, match="another one is writing"):
        Store(tmp_path)
    Store(tmp_path).close()


def test_files_of_others_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "episodes.csv").write_text("a,b\n1,2\n")
    with Store(tmp_path) as store, pytest.raises(BenchmarkError, match="give another --out"):
        store.open(SPECS, {})
    (tmp_path / "benchmark.json").write_text("[]")
    with Store(tmp_path) as store, pytest.raises(BenchmarkError, match="give another --out"):
        store.open(SPECS, {})
    assert (tmp_path / "episodes.csv").read_text() == "a,b\n1,2\n"
