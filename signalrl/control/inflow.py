"""What the calendar of events leads to expect at the signals: an option of the observation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from signalrl.control.measurement import FloatArray


class Inflow(IntEnum):
    """Visitors of events who are expected at the stop line where a phase would serve them.

    They come on top of the usual traffic, in vehicles per minute before scaling.
    """

    INFLOW_5 = 0
    """Visitors of events that the phase would serve, expected in the next 5 min, per min."""
    INFLOW_15 = 1
    """... in the next 15 min, per min."""


INFLOW_AHEAD_S = (300.0, 900.0)
"""How far each of them looks ahead."""
INFLOW_SCALES: FloatArray = np.array([20.0, 20.0], dtype=np.float32)
"""What each is divided by: two thirds of what a lane discharges in a minute of green."""


@dataclass(frozen=True, eq=False, slots=True)
class ExpectedInflow:
    """The inflow that is expected over an episode, known at its begin.

    Attributes:
        begin_s: Begin of the first step.
        step_s: Length of a step.
        values: ``(steps, S, P, len(Inflow))``, veh/min; zero where a signal has no such phase.
    """

    begin_s: float
    step_s: float
    values: FloatArray

    @classmethod
    def nothing(cls, signals: int, phases: int) -> ExpectedInflow:
        """Return what is expected on a day without events."""
        return cls(0.0, 1.0, np.zeros((1, signals, phases, len(Inflow)), dtype=np.float32))

    def at(self, time_s: float) -> FloatArray:
        """Return what is expected from a moment on, ``(S, P, len(Inflow))``.

        Before the first step that is what it says, and after the last what that says.
        """
        step = int((time_s - self.begin_s) // self.step_s)
        now: FloatArray = self.values[min(max(step, 0), len(self.values) - 1)]
        return now
