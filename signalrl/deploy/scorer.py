"""A policy's network in onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np

from signalrl.control.measurement import FloatArray
from signalrl.control.observation import FEATURES, feature_names
from signalrl.errors import BundleError, ConfigError

INPUT, OUTPUT = "observation", "logits"


class OnnxScorer:
    """Scores phases with an ONNX model, on one thread of the CPU.

    Args:
        model: The model: ``observation`` (N, P, F) to ``logits`` (N, P), for any N and P.
        source: Where it comes from, for errors.

    Attributes:
        inflow: Whether it takes the expected inflow behind the other features.

    Raises:
        BundleError: It is no such model.
        ConfigError: onnxruntime is not installed.
    """

    def __init__(self, model: bytes, source: str) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ConfigError(
                "a policy needs the package onnxruntime, found none; pip install onnxruntime"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._source = source
        try:
            self._session: Any = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors have no base of their own
            raise BundleError(
                f"{source}: expected an ONNX model, got {_short(error)}; export the policy again"
            ) from error
        self._check("input", self._session.get_inputs(), INPUT, 3)
        self._check("output", self._session.get_outputs(), OUTPUT, 2)
        features = self._session.get_inputs()[0].shape[2]
        self.inflow = features == len(feature_names(inflow=True))
        if isinstance(features, int) and features != FEATURES and not self.inflow:
            raise BundleError(
                f"{source}: expected a model of {FEATURES} features per phase, got one of "
                f"{features}; train and export it with this version of signalrl"
            )

    def __call__(self, observation: FloatArray) -> FloatArray:
        """Return the logits ``(N, P)`` of scaled observations ``(N, P, F)``.

        Raises:
            BundleError: The model failed on them.
        """
        try:
            (logits,) = self._session.run([OUTPUT], {INPUT: observation})
        except Exception as error:  # onnxruntime's errors have no base of their own
            raise BundleError(
                f"{self._source}: expected logits for observations of shape {observation.shape}, "
                f"got {_short(error)}; export the policy again"
            ) from error
        scores: FloatArray = np.asarray(logits, dtype=np.float32)
        if scores.shape != observation.shape[:2]:
            raise BundleError(
                f"{self._source}: expected logits of shape {observation.shape[:2]}, got "
                f"{scores.shape}; export the policy again"
            )
        return scores

    def _check(self, kind: str, ends: list[Any], name: str, rank: int) -> None:
        free = "a free number of rows and phases"
        if (
            [end.name for end in ends] == [name]
            and ends[0].type == "tensor(float)"
            and len(ends[0].shape) == rank
            and not any(isinstance(size, int) for size in ends[0].shape[:2])
        ):
            return
        got = ", ".join(f"{end.name} {end.type} {end.shape}" for end in ends) or "none"
        raise BundleError(
            f"{self._source}: expected a model with the one {kind} {name!r}, {rank} axes of floats "
            f"and {free}, got {got}; export the policy with signalrl export"
        )


def _short(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."
