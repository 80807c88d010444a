"""Golden pairs: recorded observations, and what the trained network made of them."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from signalrl.control.measurement import FloatArray
from signalrl.deploy.archive import Archive, pack
from signalrl.deploy.scorer import OnnxScorer
from signalrl.errors import BundleError

TOLERANCE = 1e-4
"""How far a logit may be from its golden one; relative where that exceeds 1."""
_MAX_BYTES = 64 * 2**20
_OBSERVATIONS, _LOGITS = "observations.npy", "logits.npy"


@dataclass(frozen=True, eq=False, slots=True)
class Golden:
    """Observations with the logits of the trained network.

    Attributes:
        observations: ``(N, P, F)``, scaled.
        logits: ``(N, P)``.
    """

    observations: FloatArray
    logits: FloatArray

    def to_bytes(self) -> bytes:
        """Return the pairs as an ``.npz`` file."""
        arrays = {_OBSERVATIONS: self.observations, _LOGITS: self.logits}
        return pack({name: _to_npy(array) for name, array in arrays.items()})

    @classmethod
    def from_bytes(cls, content: bytes, where: str, features: int) -> Golden:
        """Read the pairs from an ``.npz`` file, without pickle.

        Args:
            content: The file.
            where: What it is called in errors.
            features: Features of a phase that the policy sees.

        Raises:
            BundleError: It holds something else.
        """
        members = Archive(content, where).read_all({_OBSERVATIONS: _MAX_BYTES, _LOGITS: _MAX_BYTES})
        golden = cls(*(_from_npy(members[name], where) for name in (_OBSERVATIONS, _LOGITS)))
        shape = golden.observations.shape
        if len(shape) != 3 or shape[0] < 1 or shape[2] != features:
            raise BundleError(
                f"{where}: expected observations of shape (rows, phases, {features}), got {shape}; "
                "export the policy again"
            )
        if golden.logits.shape != shape[:2]:
            raise BundleError(
                f"{where}: expected logits of shape {shape[:2]}, got {golden.logits.shape}; "
                "export the policy again"
            )
        return golden

    def check(self, scorer: OnnxScorer, where: str) -> None:
        """Make sure that a network makes of the observations what the trained one made.

        Raises:
            BundleError: It does not.
        """
        logits = scorer(self.observations)
        error = np.abs(logits - self.logits) / np.maximum(1.0, np.abs(self.logits))
        worst = float(error.max(initial=0.0))
        if not worst <= TOLERANCE:  # NaN is no better
            raise BundleError(
                f"{where}: expected the logits of the trained network within {TOLERANCE:g}, got a "
                f"difference of {worst:g}; export the policy again, and if that does not help, "
                "install the version of onnxruntime that the manifest names"
            )


def _to_npy(array: FloatArray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array, np.float32), allow_pickle=False)
    return buffer.getvalue()


def _from_npy(content: bytes, where: str) -> FloatArray:
    try:
        array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except (ArithmeticError, EOFError, MemoryError, RecursionError, TypeError, ValueError) as error:
        raise BundleError(
            f"{where}: expected a NumPy array of numbers, got {error}; export the policy again"
        ) from error
    if array.dtype != np.float32:
        raise BundleError(
            f"{where}: expected an array of float32, got {array.dtype}; export the policy again"
        )
    return np.ascontiguousarray(array)
