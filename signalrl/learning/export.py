"""Turns a checkpoint into ONNX, the form in which a policy leaves training."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from signalrl.env.session import Session
from signalrl.errors import TrainingError
from signalrl.files import replace_bytes
from signalrl.learning.checkpoint import load_policy, read_progress
from signalrl.learning.config import TrainConfig
from signalrl.learning.network import PhaseScorer

GOLDEN_ROWS = 256
GOLDEN_SEED = 999
OPSET = 18


@dataclass(frozen=True, slots=True)
class ExportedPolicy:
    """A policy and what is known of it.

    Attributes:
        onnx: The model: ``observation`` (rows, phases, features) to ``logits`` (rows, phases).
        golden_observations: ``(rows, phases, features)``, recorded in the training's scenario.
        golden_logits: ``(rows, phases)``, what the trained network made of them.
        scenario: Name of the training's scenario.
        training: Configuration and progress of the training.
    """

    onnx: bytes
    golden_observations: npt.NDArray[np.float32]
    golden_logits: npt.NDArray[np.float32]
    scenario: str
    training: dict[str, object]


def export_policy(run: Path) -> ExportedPolicy:
    """Export the last checkpoint of a run, with observations recorded while the policy drives.

    Raises:
        ConfigError: The folder is no run.
        TrainingError: It holds no checkpoint, or a damaged one.
    """
    config, checkpoint, policy = load_policy(run)
    scorer = policy.learned.eval()
    observations = _record(config, scorer)
    with torch.no_grad():
        logits = scorer(torch.from_numpy(observations)).numpy()
    return ExportedPolicy(
        onnx=_to_onnx(scorer),
        golden_observations=observations,
        golden_logits=logits,
        scenario=config.scenario,
        training={
            **config.model_dump(),
            "trained_timesteps": read_progress(checkpoint).timesteps,
        },
    )


def checkpoint_to_onnx(run: Path, out: Path) -> Path:
    """Write the last checkpoint of a run as an ONNX file.

    Raises:
        ConfigError: The folder is no run.
        TrainingError: It holds no checkpoint, or a damaged one.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    replace_bytes(out, _to_onnx(load_policy(run)[2].learned.eval()))
    return out


def _record(config: TrainConfig, scorer: PhaseScorer) -> npt.NDArray[np.float32]:
    """Record observations over an episode that the policy drives, spread over its length."""
    rows = []
    with Session(config.load_scenario()) as session, torch.no_grad():
        observation = session.reset(GOLDEN_SEED)
        while True:
            scaled = observation.scaled()
            rows.append(scaled)
            step = session.step(scorer(torch.from_numpy(scaled)).argmax(dim=1).numpy())
            if step.ended:
                break
            observation = step.observation
    recorded = np.concatenate(rows)
    chosen = np.linspace(0, len(recorded) - 1, min(GOLDEN_ROWS, len(recorded))).astype(int)
    golden: npt.NDArray[np.float32] = recorded[chosen]
    return golden


def _to_onnx(scorer: PhaseScorer) -> bytes:
    example = torch.zeros(3, 4, scorer.features)
    example[:, :, :2] = 1.0
    dynamic = {0: torch.export.Dim("rows"), 1: torch.export.Dim("phases")}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            scorer,
            (example,),
            dynamo=True,
            input_names=["observation"],
            output_names=["logits"],
            opset_version=OPSET,
            dynamic_shapes=(dynamic,),
        )
    if program is None:
        raise TrainingError("torch.onnx.export returned no model")
    proto = program.model_proto
    for node in proto.graph.node:
        # How torch came to it, with the paths of the machine.
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    model: bytes = proto.SerializeToString()
    return model
