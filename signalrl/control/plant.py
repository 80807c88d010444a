"""What the control loop needs of the street, wherever it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from signalrl.control.interlock import Change
from signalrl.control.measurement import Measurement


class Plant(Protocol):
    """Signals that can be set and detectors that can be read.

    SUMO is one, a field controller behind an adapter is one, and
    :class:`signalrl.control.scripted.ScriptedPlant` is one for tests.
    """

    @property
    def time_s(self) -> float:
        """Now, in s."""

    @property
    def ended(self) -> bool:
        """Whether the plant has no more time to give (a simulation's horizon)."""

    def show(self, changes: Iterable[Change]) -> None:
        """Show new signal states from now on."""

    def advance(self, time_s: float) -> None:
        """Let time pass until ``time_s``."""

    def measure(self) -> Measurement:
        """Read every detector once; the values may be overwritten by the next reading."""
