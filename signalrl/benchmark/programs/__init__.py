"""The signal programs that SUMO runs by itself, written for an episode."""

from __future__ import annotations

from signalrl.benchmark.programs.site import Site

__all__ = ["Site"]
