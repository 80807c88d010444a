"""Policies are loaded from bundles and from plain models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from signalrl.control.loop import ControlLoop
from signalrl.control.measurement import Measurement
from signalrl.control.scripted import ScriptedPlant
from signalrl.deploy.policy import load_policy
from signalrl.errors import BundleError
from signalrl.network.timing import TimingRules
from tests.deploy.models import linear_model, make_bundle
from tests.networks import three_ways


def busy(measurement: Measurement) -> None:
    rng = np.random.default_rng(int(measurement.time_s))
    measurement.values[:] = rng.integers(0, 9, measurement.values.shape)


def test_a_bundle_and_its_model_decide_alike(tmp_path: Path) -> None:
    plain = tmp_path / "x.onnx"
    plain.write_bytes(linear_model())
    policies = [load_policy(make_bundle(tmp_path / "x.bundle")), load_policy(plain)]
    loop = ControlLoop(three_ways(), TimingRules())
    observation = loop.reset(ScriptedPlant(three_ways(), busy))
    chosen = set()
    for _ in range(40):
        first, second = (policy.decide(observation) for policy in policies)
        assert first.tolist() == second.tolist()
        chosen.update(first.tolist())
        observation = loop.step(first).observation
    assert chosen == {0, 1, 2}
    assert policies[0].failures == 0


def test_a_bundle_is_known_by_its_content(tmp_path: Path) -> None:
    make_bundle(tmp_path / "x.onnx")
    assert load_policy(tmp_path / "x.onnx").failures == 0


@pytest.mark.parametrize("name", ["x.onnx", "x.zip", "missing.onnx"])
def test_anything_else_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.onnx").write_bytes(b"nothing that anybody knows")
    (tmp_path / "x.zip").write_bytes(b"neither")
    with pytest.raises(BundleError, match=r"(?i)expected .*onnx"):
        load_policy(tmp_path / name)
