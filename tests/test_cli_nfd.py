from __future__ import annotations

import csv
from pathlib import Path

import pytest

from signalrl.cli_nfd import nfd
from signalrl.errors import ConfigError
from signalrl.scenario.catalog import load_scenario
from tests.scenarios import short_folder


def test_a_diagram_is_measured_written_and_drawn(tmp_path: Path) -> None:
    scenario = tmp_path / "arterial"
    scenario.mkdir()
    (scenario / "scenario.yaml").write_text(
        f"network: {load_scenario('corridor').network_file}\nend_s: 1200\n"
        "demand: {flows: [{from: west_j1, to: j5_east, veh_h: 1000}]}\n"
    )
    said: list[str] = []
    found = nfd(str(scenario), "greedy", (), [0.5, 1.5], "1,", 1, tmp_path / "out", said.append)
    assert [text[-11:] for text in said] == ["1 of 2 left", "0 of 2 left"]
    with (tmp_path / "out" / "nfd.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == found["points"] == 2 * 3  # four times five minutes, without the first
    assert {row["load"] for row in rows} == {"0.5", "1.5"}
    assert found["capacity_veh_h"] > 0
    for load in ("0.5", "1.5"):  # in the long run as many leave as come
        *_, left = (float(row["outflow_veh_h"]) for row in rows if row["load"] == load)
        assert left == pytest.approx(1000.0 * float(load), rel=0.3)
    assert "<svg" in (tmp_path / "out" / "nfd.svg").read_text()


def test_a_diagram_is_that_of_a_district_that_nobody_holds(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected one without \+metering"):
        nfd("arena", "greedy+metering", (), [1.0], "1,", 1, tmp_path)
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "config.yaml").write_text("scenario: arena\n")
    with pytest.raises(ConfigError, match="signalrl export"):
        nfd("arena", f"policy={tmp_path / 'run'}", (), [1.0], "1,", 1, tmp_path)


def test_a_load_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected every load once, got 1.0, 1.0"):
        nfd("arena", "greedy", (), [1.0, 1.0], "1,", 1, tmp_path)


def test_recorded_traffic_has_no_diagram(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="demand"):
        nfd(str(short_folder(tmp_path)), "greedy", (), [1.0], "1,", 1, tmp_path / "out")


def test_episodes_that_say_nothing_are_not_driven(tmp_path: Path) -> None:
    """Only whole times of five minutes count, and the first does not."""
    (tmp_path / "scenario.yaml").write_text(
        f"network: {load_scenario('corridor').network_file}\nbegin_s: 60\nend_s: 650\n"
        "demand: {flows: [{from: west_j1, to: j5_east, veh_h: 1000}]}\n"
    )
    with pytest.raises(ConfigError, match=r"expected episodes of at least 600 s .* got 590 s"):
        nfd(str(tmp_path), "greedy", (), [1.0], "1,", 1, tmp_path / "out", pytest.fail)


def test_a_folder_that_can_not_be_made_is_named_before_anything_runs(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ConfigError, match="file: expected a folder, got a file"):
        nfd("arena", "greedy", (), [1.0], "1,", 1, file, lambda text: pytest.fail(text))
