"""A simulator that fails says why, whichever way it runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from signalrl.errors import SimulationError
from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.process import Backend, Simulation

BACKENDS: tuple[Backend, ...] = ("libsumo", "traci")


def options(*more: str) -> list[str]:
    scenario = load_scenario("single")
    return ["--net-file", str(scenario.network_file), "--no-step-log", *more]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('<additional><inductionLoop id="d" lane="nowhere" pos="1" file="d.xml"/></additional>',
         "nowhere"),
        ("<additional>", "additional.xml|end tag|input ended"),
    ],
)  # fmt: skip
def test_a_broken_file_is_told_by_sumo(
    tmp_path: Path, backend: Backend, content: str, reason: str
) -> None:
    (tmp_path / "additional.xml").write_text(content)
    given = options("--additional-files", str(tmp_path / "additional.xml"))
    with pytest.raises(SimulationError, match=f"SUMO failed: .*({reason})"):
        Simulation(given, backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_warning_about_the_surroundings_is_no_reason(
    monkeypatch: pytest.MonkeyPatch, backend: Backend
) -> None:
    monkeypatch.delenv("SUMO_HOME", raising=False)
    with pytest.raises(SimulationError) as failure:
        Simulation(options("--route-files", "nowhere.rou.xml"), backend)
    assert "nowhere.rou.xml" in str(failure.value)
    assert "SUMO_HOME" not in str(failure.value)


def test_the_standard_error_is_what_it_was_after_a_start(
    capfd: pytest.CaptureFixture[str],
) -> None:
    simulation = Simulation(options(), "libsumo")
    os.write(2, b"still there\n")
    simulation.close()
    assert "still there\n" in capfd.readouterr().err
