"""Small policies for tests: ONNX models made by hand, and bundles of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from signalrl.control.inflow import Inflow
from signalrl.control.measurement import FloatArray
from signalrl.control.observation import FEATURES, SCALES, Feature
from signalrl.deploy.bundle import write_bundle
from signalrl.deploy.golden import Golden
from signalrl.deploy.manifest import TrainingInfo
from signalrl.network.model import Network
from signalrl.network.timing import TimingRules
from tests.networks import junction

GREEDY: FloatArray = np.zeros(FEATURES, dtype=np.float32)
GREEDY[[Feature.QUEUED, Feature.APPROACHING]] = SCALES[[Feature.QUEUED, Feature.APPROACHING]]
"""Weights of a linear policy that decides as greedy control does."""
EXPECTING: FloatArray = np.append(GREEDY, np.ones(len(Inflow), dtype=np.float32))
"""Weights of one that looks at the expected inflow, too."""


def linear_model(
    weights: FloatArray = GREEDY,
    inputs: tuple[str, list[int | str]] | None = None,
    output: str = "logits",
) -> bytes:
    """A model whose logits are a weighted sum of the features."""
    name, shape = inputs or ("observation", ["rows", "phases", len(weights)])
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", [name, "weights"], ["product"]),
            helper.make_node("Squeeze", ["product", "axis"], [output]),
        ],
        "linear",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape[:2])],
        [
            numpy_helper.from_array(weights[:, None].astype(np.float32), "weights"),
            numpy_helper.from_array(np.array([2]), "axis"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def golden_of(weights: FloatArray = GREEDY, rows: int = 5, phases: int = 3) -> Golden:
    """Random observations, and what a linear policy makes of them."""
    observations = np.random.default_rng(0).random((rows, phases, len(weights)), dtype=np.float32)
    return Golden(observations, observations @ weights)


def make_bundle(
    path: Path,
    network: Network | None = None,
    timing: TimingRules | None = None,
    weights: FloatArray = GREEDY,
    scenario: str = "single",
) -> Path:
    """A bundle of a linear policy."""
    return write_bundle(
        path,
        model=linear_model(weights),
        golden=golden_of(weights),
        network=junction() if network is None else network,
        timing=TimingRules() if timing is None else timing,
        decision_interval_s=5.0,
        training=TrainingInfo(scenario=scenario, timesteps=100, seeds=(1,), demand_range=(0.9, 1)),
        versions={"signalrl": "0.1.0"},
    )
