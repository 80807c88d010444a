"""Metering beside any controller: named by an ending, held time counted and shown per gate."""

from __future__ import annotations

import csv
import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from signalrl.benchmark.controllers import parse_controllers
from signalrl.benchmark.diagram import Point, falls_beyond, fit, points_of, smooth
from signalrl.benchmark.gates_section import gates_section
from signalrl.errors import BenchmarkError
from tests.benchmark.test_episode import in_fresh_process

ROOT = Path(__file__).resolve().parents[2]
GATES = {"west": "west_j1", "east": "east_j5"}
SETTINGS = {
    "end_s": 1500,
    "metering": {"gates": GATES, "critical_veh": 1.0, "capacity_veh_h": 3000.0},
}


def test_a_controller_meters_by_its_ending() -> None:
    plain, metered, policy = parse_controllers(["greedy", "greedy+metering", "actuated+metering"])
    assert (plain.metered, metered.metered, policy.metered) == (False, True, True)
    assert (metered.label, metered.kind) == ("greedy+metering", "greedy")
    assert policy.is_native
    assert "gates" in metered.description
    assert "gates" not in plain.description


def test_one_policy_may_run_with_and_without_gates(tmp_path: Path) -> None:
    model = tmp_path / "a.onnx"
    model.write_bytes(b"")
    plain, metered = parse_controllers([f"policy={model}", f"policy={model}+metering"])
    assert (plain.label, metered.label) == ("policy", "policy+metering")
    assert plain.path == metered.path == model


@pytest.mark.parametrize("controller", ["greedy", "actuated"])
def test_what_gates_hold_is_part_of_the_delay_and_told_per_gate(
    controller: str, tmp_path: Path
) -> None:
    found = {}
    for metered in (False, True):
        target = tmp_path / f"{metered}.json"
        ran = in_fresh_process(
            target, scenario="corridor", controller=controller, settings=SETTINGS, metered=metered
        )
        assert ran.returncode == 0, ran.stderr
        found[metered] = json.loads(target.read_text())
    assert found[False]["holds"] == []
    assert found[False]["gates"] is None
    holds, course = found[True]["holds"], found[True]["gates"]
    assert [hold["gate"] for hold in holds] == list(GATES)
    assert found[True]["metrics"]["vehicles"] == found[False]["metrics"]["vehicles"]
    assert found[True]["violations"] == 0
    assert course["time_s"][-1] == SETTINGS["end_s"]
    for i, hold in enumerate(holds):
        assert hold["held_h"] > 0.2
        waiting = np.array(course["waiting_veh"])[:, i]
        by_counts = waiting[:-1] @ np.diff(course["time_s"]) / 3600.0
        driving = hold["passed"] * 150.0 / 13.89 / 3600.0
        assert hold["held_h"] == pytest.approx(by_counts - driving, rel=0.2, abs=0.5)
        assert 60.0 <= hold["longest_s"] <= 1320.0
    # Who is held is late at the approach behind, and in the course of the episode.
    for edge in GATES.values():
        assert found[True]["edge_delay_s"][edge] > 2 * found[False]["edge_delay_s"][edge]
        assert f"{edge}_gate" not in found[True]["edge_delay_s"]
    last = np.array(course["waiting_veh"])[-1].sum()
    assert found[True]["series"]["delay_rate"][-1] >= last > 20
    assert found[True]["worst_approach_s"] > found[False]["worst_approach_s"]
    held_s = 3600.0 * sum(hold["held_h"] for hold in holds)
    delays = [found[m]["metrics"]["mean_delay_s"] for m in (False, True)]
    assert delays[1] - delays[0] >= 0.5 * held_s / found[True]["metrics"]["vehicles"]
    unarmed = found[False]
    page = gates_section({"metered": [unarmed, found[True]], "plain": [found[False]]})
    assert "west" in page
    assert gates_section({"plain": [found[False]]}) == ""


def test_pairs_are_those_that_the_benchmark_has(tmp_path: Path) -> None:
    main = runpy.run_path(str(ROOT / "benchmarks" / "metering.py"))
    rows = ["env,controller,seed", "a,greedy,1", "a,greedy+metering,1", "a,greedy,2", "b,greedy,1"]
    rows += ["a,greedy,4", "a,greedy+metering,4"]  # of seeds that the last run did not ask for
    both = {"controllers": {"greedy": {}, "greedy+metering": {}}}
    alone = {"controllers": {"greedy": {}}}
    summary = {"seeds": [1, 2, 3], "environments": {"a": both, "b": alone}}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    (tmp_path / "episodes.csv").write_text("\n".join(rows) + "\n")
    for controller in ("greedy", "greedy+metering"):
        for seed in (1, 2, 3):  # files of evenings whose rows were dropped
            path = tmp_path / "episodes" / "a" / controller / f"{seed}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps([controller, seed]))
    found = main["pairs"](tmp_path, "a", "greedy")
    assert found == {1: (["greedy", 1], ["greedy+metering", 1])}
    with pytest.raises(SystemExit, match=r"in b, got no greedy\+metering"):
        main["pairs"](tmp_path, "b", "greedy")


def test_every_evening_is_kept(tmp_path: Path) -> None:
    main = runpy.run_path(str(ROOT / "benchmarks" / "metering.py"))
    metrics = {"mean_delay_s": 80.5, "unfinished": 3, "undeparted": 4}
    holds = [{"held_h": 2.0, "longest_s": 60.0, "waiting": 1}] * 2
    course = {"time_s": [60.0, 120.0, 180.0], "allowed_veh_h": [900.0, 800.0, -1.0]}
    plain = {"metrics": metrics, "locked": True, "holds": [], "gates": None}
    metered = {"metrics": metrics, "locked": False, "holds": holds, "gates": course}
    main["write_rows"]({7: (plain, metered)}, tmp_path / "evenings.csv")
    with (tmp_path / "evenings.csv").open(newline="") as file:
        one, other = csv.DictReader(file)
    assert (one["locked"], other["locked"]) == ("1", "0")
    assert (one["held_h"], other["held_h"]) == ("0", "4.0")
    assert (other["seed"], other["longest_held_s"], other["waiting_at_gates"]) == ("7", "60.0", "2")
    assert (one["held_until_s"], other["held_until_s"]) == ("0.0", "120.0")


@pytest.mark.parametrize("falls", [True, False])
def test_a_district_that_was_never_overfull_has_no_cliff(falls: bool) -> None:
    inside = np.linspace(10.0, 1000.0 if falls else 120.0, 300)
    left = np.minimum(20.0 * inside, 8000.0) - np.maximum(0.0, inside - 700.0) * 20.0
    points = [Point(1.0, 1, float(n), float(q)) for n, q in zip(inside, left, strict=True)]
    assert falls_beyond(points, fit(points)) == falls


def test_a_diagram_ends_where_its_plateau_begins() -> None:
    inside = np.linspace(0.0, 1000.0, 300)
    left = np.minimum(20.0 * inside, 8000.0) - np.maximum(0.0, inside - 700.0) * 20.0
    points = [Point(1.0, 1, float(n), float(q)) for n, q in zip(inside, left, strict=True)]
    found = fit(points)
    assert found.critical_veh == pytest.approx(400.0, abs=60.0)
    assert found.capacity_veh_h == pytest.approx(8000.0, rel=0.02)
    with pytest.raises(BenchmarkError, match="expected"):
        fit([])


def test_a_point_has_the_vehicles_of_five_minutes_and_those_who_left_in_an_hour() -> None:
    """Twelve minutes are two points, the first of which is left out."""
    arrivals = [9] * 5 + [1, 2, 3, 4, 5] + [9] * 2
    result = {"arrivals": arrivals, "accumulation_veh": [10.0, 20.5]}
    assert list(points_of(1.4, 7, result)) == [Point(1.4, 7, 20.5, 15 * 12.0)]
    three = {"arrivals": arrivals + [9] * 3, "accumulation_veh": [10.0, 20.5, 30.0]}
    assert [p.outflow_veh_h for p in points_of(1.4, 7, three)] == [180.0, 45 * 12.0]


def test_what_nobody_saw_is_no_part_of_a_diagram() -> None:
    """A mean between points that are far from each other would be a guess."""
    points = [Point(1.0, 1, float(n), 20.0 * n) for n in (*range(100), 1000)]
    assert not any(400.0 < n < 900.0 for n in smooth(points)[0])
