from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from signalrl.benchmark.episode import EpisodeSpec, run_episode
from signalrl.errors import ConfigError
from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.episode import scenario_network

from .conftest import write_scenario

CONTROLLERS = ("fixed", "actuated", "greedy")


def in_fresh_process(
    target: Path, hash_seed: str = "0", **spec: Any
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "signalrl.benchmark.episode"],
        input=json.dumps({"seed": 1, **spec, "result": str(target)}),
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_the_figures_are_those_of_sumos_own_statistics(controller: str, tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path / "s", end_s=300)
    result = run_episode(EpisodeSpec(str(scenario), controller, 3, "", keep=str(tmp_path)))
    found = result.metrics
    tags = {e.tag: e.attrib for e in ET.parse(tmp_path / "statistic.xml").getroot()}
    vehicles, trips = tags["vehicles"], tags["vehicleTripStatistics"]
    loaded, inserted = int(vehicles["loaded"]), int(vehicles["inserted"])
    assert found.vehicles == loaded
    assert found.undeparted == loaded - inserted
    assert found.unfinished == int(vehicles["running"])
    assert found.arrived == inserted - int(vehicles["running"])
    assert (found.teleports, found.collisions) == (0, 0)
    total_s = float(trips["totalTravelTime"]) + float(trips["totalDepartDelay"])
    assert found.mean_travel_time_s == pytest.approx(total_s / loaded, abs=1e-6)
    # SUMO keeps these two means in whole milliseconds.
    driven = inserted / loaded
    assert found.mean_waiting_s == pytest.approx(float(trips["waitingTime"]) * driven, abs=1e-3)
    lost_s = float(trips["timeLoss"]) * inserted + float(trips["totalDepartDelay"])
    assert found.mean_delay_s == pytest.approx(lost_s / loaded, abs=1e-3)


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_a_fresh_process_repeats_itself_whatever_the_hash_seed(
    controller: str, short: Path, tmp_path: Path
) -> None:
    results = []
    for hash_seed in ("1", "2"):
        target = tmp_path / f"{hash_seed}.json"
        done = in_fresh_process(target, hash_seed, scenario=str(short), controller=controller)
        assert done.returncode == 0, done.stderr
        results.append(json.loads(target.read_text()))
    one, other = results
    assert len(one["metrics"]["tripinfo_sha256"]) == 64
    assert {**one, "wall_s": 0} == {**other, "wall_s": 0}


def test_controllers_differ_and_all_are_measured_at_the_same_moments(short: Path) -> None:
    results = [run_episode(EpisodeSpec(str(short), name, 1, "")) for name in CONTROLLERS]
    assert len({r.metrics.tripinfo_sha256 for r in results}) == len(CONTROLLERS)
    for result in results:
        assert result.series.time_s == [5.0 * k for k in range(1, 31)]
        assert len(result.series.queued) == len(result.series.delay_rate) == 30
        assert max(result.series.queued) > 0
        assert result.sim_s == 150.0
        assert 0 < result.wall_s < 60
        assert result.edge_delay_s
        assert (result.violations, result.first_violation) == (0, None)


def test_the_monitor_judges_native_programs_by_the_rules_of_the_scenario(tmp_path: Path) -> None:
    strict = str(write_scenario(tmp_path / "strict", yellow_s=6))
    native = run_episode(EpisodeSpec(strict, "fixed", 1, ""))
    assert native.violations > 0
    assert native.first_violation is not None
    assert "yellow" in native.first_violation.rule
    ours = run_episode(EpisodeSpec(strict, "greedy", 1, ""))
    assert ours.violations == 0


def test_a_program_that_starts_in_the_middle_of_a_green_is_not_blamed(tmp_path: Path) -> None:
    corridor = load_scenario("corridor")
    offsets = [s.program.offset_s for s in scenario_network(corridor).signals]
    assert len(set(offsets)) > 1
    content = yaml.safe_load((corridor.folder / "scenario.yaml").read_text())
    content |= {"end_s": 60, "network": str(corridor.network_file)}
    (tmp_path / "scenario.yaml").write_text(yaml.safe_dump(content))
    assert run_episode(EpisodeSpec(str(tmp_path), "fixed", 1, "")).violations == 0


def test_a_broken_spec_is_told_in_one_line(tmp_path: Path) -> None:
    done = in_fresh_process(tmp_path / "x.json", scenario="no-such", controller="greedy")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "no-such" in done.stderr
    assert not (tmp_path / "x.json").exists()


def test_an_unknown_controller_is_refused(short: Path) -> None:
    with pytest.raises(ConfigError, match="expected the name of a controller"):
        run_episode(EpisodeSpec(str(short), "gredy", 1, ""))
