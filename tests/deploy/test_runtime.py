"""A bundle controls a plant through the loop of the training."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from signalrl.control.controllers import Greedy
from signalrl.control.inflow import ExpectedInflow
from signalrl.control.loop import ControlLoop, Step
from signalrl.control.measurement import Column, Measurement
from signalrl.control.scripted import ScriptedPlant
from signalrl.deploy.bundle import load_bundle
from signalrl.deploy.runtime import run
from signalrl.errors import BundleError
from signalrl.network.timing import TimingRules
from tests.deploy.models import EXPECTING, GREEDY, linear_model, make_bundle
from tests.networks import junction, three_ways

END_S = 600.0


def busy(measurement: Measurement) -> None:
    rng = np.random.default_rng(int(measurement.time_s))
    measurement.values[:, [Column.QUEUED, Column.APPROACHING]] = rng.integers(
        0, 8, (len(measurement.values), 2)
    )


def test_it_shows_what_the_same_controller_shows_in_training(tmp_path: Path) -> None:
    bundle = load_bundle(make_bundle(tmp_path / "x.bundle", three_ways()))
    plant = ScriptedPlant(three_ways(), busy, END_S)
    steps: list[Step] = []
    summary = run(plant, bundle, watch=steps.append)

    expected = ScriptedPlant(three_ways(), busy, END_S)
    loop, greedy = ControlLoop(three_ways(), TimingRules()), Greedy()
    step = Step(loop.reset(expected), (), False)
    while not step.ended:
        step = loop.step(greedy.decide(step.observation))
    assert plant.shown == expected.shown
    assert len({state for _, _, state in plant.shown}) > 3
    assert summary.decisions == len(steps) == END_S / 5
    assert summary.sim_s == END_S
    assert (summary.vetoes, summary.violations) == (loop.vetoes, 0)
    assert (summary.transfer, summary.differences, summary.policy_failures) == (False, (), 0)
    assert summary.inference_p50_ms is not None
    assert summary.inference_p99_ms is not None
    assert 0 < summary.inference_p50_ms <= summary.inference_p99_ms


def test_it_stops_after_a_number_of_decisions(tmp_path: Path) -> None:
    bundle = load_bundle(make_bundle(tmp_path / "x.bundle"))
    assert run(ScriptedPlant(junction()), bundle, decisions=7).sim_s == 35.0
    summary = run(ScriptedPlant(junction()), bundle, decisions=0)
    assert (summary.decisions, summary.inference_p50_ms) == (0, None)


def test_it_runs_on_another_network_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = load_bundle(make_bundle(tmp_path / "x.bundle", junction()))
    plant = ScriptedPlant(three_ways(), busy, END_S)
    timing = replace(bundle.manifest.timing, min_green_s=8.0)
    with caplog.at_level(logging.WARNING):
        summary = run(plant, bundle, network=three_ways(), timing=timing, interval_s=4.0)
    assert summary.transfer
    assert summary.violations == 0
    assert [record.getMessage() for record in caplog.records] == [
        f"{bundle.path}: {difference}" for difference in summary.differences
    ]
    network, rule, interval = summary.differences
    assert three_ways().hash[:12] in network
    assert rule == "expected timing.min_green_s of 5.0 as in training, got 8.0"
    assert interval.endswith("got one every 4 s")


@pytest.mark.parametrize("other", ["network", "timing", "interval_s"])
def test_strict_refuses_whatever_differs(tmp_path: Path, other: str) -> None:
    bundle = load_bundle(make_bundle(tmp_path / "x.bundle", junction()))
    values = {"network": three_ways(), "timing": TimingRules(yellow_s=4.0), "interval_s": 10.0}
    plant = ScriptedPlant(three_ways())
    with pytest.raises(BundleError, match="leave out --strict"):
        run(plant, bundle, strict=True, **{other: values[other]})  # type: ignore[arg-type]
    assert plant.shown == []


def test_a_policy_that_needs_a_forecast_is_refused_without_and_runs_with_one(
    tmp_path: Path,
) -> None:
    network = three_ways()
    bundle = load_bundle(make_bundle(tmp_path / "x.bundle", network, weights=EXPECTING))
    plant = ScriptedPlant(network, busy, END_S)
    with pytest.raises(BundleError, match="expected a forecast"):
        run(plant, bundle)
    assert plant.shown == []
    nothing = ExpectedInflow.nothing(len(network.signals), network.max_phases)
    assert run(plant, bundle, expected=nothing).decisions == END_S / 5
    plain = load_bundle(make_bundle(tmp_path / "y.bundle", network))
    other = ScriptedPlant(network, busy, END_S)
    run(other, plain, expected=nothing)  # who knows nothing of it is shown nothing of it
    assert other.shown == plant.shown


def test_a_network_that_fails_later_keeps_what_is_shown(tmp_path: Path) -> None:
    sound = load_bundle(make_bundle(tmp_path / "x.bundle", three_ways()))
    broken = replace(
        sound, scorer=type(sound.scorer)(linear_model(GREEDY * np.float32("nan")), "broken")
    )
    plant = ScriptedPlant(three_ways(), busy, 100.0)
    summary = run(plant, broken)
    assert summary.policy_failures == summary.decisions == 20
    assert summary.vetoes == 0
    assert {state for _, _, state in plant.shown} == {"Grr"}


def test_it_needs_neither_torch_nor_sumo(tmp_path: Path) -> None:
    path = make_bundle(tmp_path / "x.bundle")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from signalrl.control.scripted import ScriptedPlant\n"
        "from signalrl.deploy.bundle import load_bundle\n"
        "from signalrl.deploy.runtime import run\n"
        "bundle = load_bundle(Path(sys.argv[1]))\n"
        "run(ScriptedPlant(bundle.network), bundle, decisions=3)\n"
        "foreign = {'torch', 'stable_baselines3', 'libsumo', 'traci', 'sumolib', 'gymnasium'}\n"
        "sys.exit(' '.join(foreign & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
