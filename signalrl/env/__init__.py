"""Scenarios as environments: for Gymnasium, for PettingZoo, and in worker processes.

Names are imported when they are first used, so that one environment does not need the packages of
the others.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signalrl.env.parallel_env import SignalParallelEnv
    from signalrl.env.pool import WorkerPool
    from signalrl.env.session import Session
    from signalrl.env.signal_env import SignalEnv

__all__ = ["Session", "SignalEnv", "SignalParallelEnv", "WorkerPool"]

_MODULES = {
    "Session": "session",
    "SignalEnv": "signal_env",
    "SignalParallelEnv": "parallel_env",
    "WorkerPool": "pool",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
