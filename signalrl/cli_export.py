"""The command ``signalrl export``: from a run folder to a bundle."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

from rich.console import Console

from signalrl import __version__
from signalrl.deploy.archive import MAGIC
from signalrl.deploy.bundle import write_bundle
from signalrl.deploy.golden import Golden
from signalrl.deploy.manifest import TrainingInfo
from signalrl.errors import ConfigError
from signalrl.learning.export import ExportedPolicy, export_policy
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import scenario_network


def export_run(run: Path, out: Path) -> Path:
    """Write the last checkpoint of a run as a bundle, checked against the trained network.

    Args:
        run: Folder of a training run.
        out: The bundle to write; an older one is replaced.

    Returns:
        The path of the bundle.

    Raises:
        BundleError: ONNX and trained network disagree.
        ConfigError: ``out`` is a folder, or a package is missing.
        TrainingError: ``run`` is no run, or has no checkpoint.
    """
    if out.is_dir():
        raise ConfigError(f"expected a file to write to, got the folder {out}; give x.bundle in it")
    if out.is_file() and not out.read_bytes().startswith(MAGIC):
        raise ConfigError(f"expected a bundle to replace, or no file, got {out}; give another one")
    console, doing = Console(stderr=True), "recording an episode and exporting the network"
    if not console.is_terminal:
        console.print(doing)
    with console.status(doing):
        exported = export_policy(run)
    scenario = load_scenario(exported.scenario)
    return write_bundle(
        out,
        model=exported.onnx,
        golden=Golden(exported.golden_observations, exported.golden_logits),
        network=scenario_network(scenario),
        timing=scenario.timing,
        decision_interval_s=scenario.decision_interval_s,
        training=_training(exported, scenario),
        versions=_versions(run),
    )


def _training(exported: ExportedPolicy, scenario: Scenario) -> TrainingInfo:
    config = exported.training
    return TrainingInfo.model_validate(
        {
            "scenario": scenario.name,
            "timesteps": config["trained_timesteps"],
            "seeds": [config["seed"]],
            "demand_range": _demand_range(scenario),
            "config": config,
        }
    )


def _demand_range(scenario: Scenario) -> tuple[float, float]:
    """Return the bounds of the factor on the demand; where none is drawn, it is 1."""
    if scenario.demand is not None:
        return scenario.demand.scale_range
    return scenario.scale_range or (1.0, 1.0)


def _versions(run: Path) -> dict[str, str]:
    """Return the versions of the training, and of what runs the network here."""
    stored = run / "versions.json"
    versions: dict[str, str] = {}
    if stored.is_file():
        versions = {str(k): str(v) for k, v in json.loads(stored.read_text()).items()}
    for name in ("numpy", "onnx", "onnxruntime"):
        versions[name] = importlib.metadata.version(name)
    return {**versions, "signalrl": __version__}
