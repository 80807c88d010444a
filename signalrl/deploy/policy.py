"""Loads policies that were exported."""

from __future__ import annotations

from pathlib import Path

from signalrl.control.controllers.policy import Policy
from signalrl.deploy.archive import MAGIC, read_limited
from signalrl.deploy.bundle import load_bundle
from signalrl.deploy.scorer import OnnxScorer
from signalrl.errors import BundleError


def load_policy(path: Path) -> Policy:
    """Load a policy from a bundle or a plain ``.onnx`` file.

    A plain model carries no record of what it was trained to see: only a bundle is checked.

    Raises:
        BundleError: The file is neither, or a bundle that is incomplete, altered or foreign.
        ConfigError: onnxruntime is not installed.
    """
    content = read_limited(path)
    if content.startswith(MAGIC):
        return load_bundle(path).policy()
    if path.suffix == ".onnx":
        scorer = OnnxScorer(content, str(path))
        return Policy(scorer, scorer.inflow)
    raise BundleError(
        f"{path}: expected a bundle or an .onnx file, got neither; "
        "make one with: signalrl export RUN -o x.bundle"
    )
