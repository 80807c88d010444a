"""The exported model says what the trained network says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from signalrl.cli_export import export_run
from signalrl.cli_run import run_bundle
from signalrl.control.observation import FEATURES, feature_names
from signalrl.deploy.bundle import load_bundle
from signalrl.errors import BundleError, ConfigError
from signalrl.learning.config import PolicyConfig, TrainConfig
from signalrl.learning.export import checkpoint_to_onnx, export_policy
from signalrl.learning.network import MASKED
from signalrl.learning.train import train
from tests.scenarios import short_folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    config = TrainConfig(
        scenario=str(short_folder(folder / "short")),
        timesteps=240,
        workers=2,
        policy=PolicyConfig(growth=4.0, averaging=0.9),
    )
    return train(config, folder / "run")


def logits(model, rows):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"observation": rows})[0]


def test_onnx_agrees_with_the_network_on_recorded_observations(run):
    exported = export_policy(run)
    assert len(exported.golden_observations) >= 60
    got = logits(exported.onnx, exported.golden_observations)
    assert np.abs(got - exported.golden_logits).max() < 1e-4
    assert exported.training["trained_timesteps"] == 240


@pytest.mark.parametrize("shape", [(1, 2), (7, 3), (40, 8)])
def test_onnx_takes_any_number_of_signals_and_phases(run, tmp_path, shape):
    path = checkpoint_to_onnx(run, tmp_path / "policy.onnx")
    torch.manual_seed(0)
    rows = torch.rand(*shape, FEATURES).numpy()
    rows[:, :, :2] = 1.0
    rows[:, -1, 1] = 0.0
    got = logits(path.read_bytes(), rows)
    assert got.shape == shape
    assert (got[:, -1] == MASKED).all()
    assert (got[:, :-1] > MASKED / 2).all()


def test_no_path_of_the_machine_leaves_with_a_policy(run, tmp_path):
    data = checkpoint_to_onnx(run, tmp_path / "policy.onnx").read_bytes()
    for told in (b".py", b"site-packages", str(Path(torch.__file__).parents[1]).encode()):
        assert told not in data


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"no config\.yaml"):
        export_policy(tmp_path)


def test_a_policy_that_is_trained_with_a_forecast_leaves_as_one(tmp_path):
    settings = {"end_s": 60, "forecast": {"inflow": True}}
    config = TrainConfig(scenario="arena", settings=settings, timesteps=240, workers=1)
    bundle = load_bundle(export_run(train(config, tmp_path / "run"), tmp_path / "x.bundle"))
    assert bundle.manifest.observation.inflow
    assert bundle.golden.observations.shape[2] == len(feature_names(inflow=True))
    with pytest.raises(BundleError, match="expected an environment with events"):
        run_bundle(bundle.path, "resco-cologne1", seed=1)
