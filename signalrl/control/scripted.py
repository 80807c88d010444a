"""A plant that follows a script: the test double that the library itself is tested with."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from signalrl.control.interlock import Change
from signalrl.control.measurement import Measurement
from signalrl.network.model import Network


class ScriptedPlant:
    """Reports what a function says and records what it is shown.

    Args:
        network: The signals and lanes.
        script: Fills ``Measurement.values`` for a time; without one, every lane is empty.
        end_s: When the plant ends.
        start_s: When it begins.

    Attributes:
        shown: Every state shown: ``(time_s, signal index, state)``.
    """

    def __init__(
        self,
        network: Network,
        script: Callable[[Measurement], None] | None = None,
        end_s: float = float("inf"),
        start_s: float = 0.0,
    ) -> None:
        self._network, self._script, self._end_s = network, script, end_s
        self._time_s = start_s
        self.shown: list[tuple[float, int, str]] = []

    @property
    def time_s(self) -> float:
        """Now, in s."""
        return self._time_s

    @property
    def ended(self) -> bool:
        """Whether the end of the script is reached."""
        return self._time_s >= self._end_s

    def show(self, changes: Iterable[Change]) -> None:
        """Record new states."""
        self.shown.extend((self._time_s, signal, state) for signal, state in changes)

    def advance(self, time_s: float) -> None:
        """Let time pass."""
        self._time_s = time_s

    def measure(self) -> Measurement:
        """Report what the script says of now."""
        measurement = Measurement.empty(len(self._network.lanes), self._time_s)
        if self._script is not None:
            self._script(measurement)
        return measurement
