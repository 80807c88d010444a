"""Every error that signalrl raises on purpose.

SignalRLError
├── ConfigError      a scenario, a configuration or an argument is wrong
├── NetworkError     a road network can't be read or can't be controlled
├── BundleError      an exported policy is incomplete, altered or foreign
├── SimulationError  SUMO failed; carries SUMO's own message
├── WorkerError      a worker process can't be kept alive
├── TrainingError    a training can't start or go on
└── BenchmarkError   a benchmark can't start or go on

A message says what was expected, what came, and what to do.
"""

from __future__ import annotations


class SignalRLError(Exception):
    """Base of all errors of this library."""

    exit_code = 1


class ConfigError(SignalRLError):
    """A scenario, a configuration or an argument is wrong."""

    exit_code = 2


class NetworkError(SignalRLError):
    """A road network can't be read or can't be controlled.

    Attributes:
        code: A stable word for the reason, the same as in the findings of the preflight.
    """

    exit_code = 2

    def __init__(self, message: str, code: str = "network") -> None:
        super().__init__(message)
        self.code = code


class BundleError(SignalRLError):
    """An exported policy is incomplete, altered or foreign."""

    exit_code = 2


class SimulationError(SignalRLError):
    """SUMO failed."""


class WorkerError(SignalRLError):
    """A worker process can't be kept alive."""


class TrainingError(SignalRLError):
    """A training can't start or go on."""


class BenchmarkError(SignalRLError):
    """A benchmark can't start or go on."""
