"""Says how likely it is that a district locks, by the draws of a forecast."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from signalrl.forecast.forecast import Outlook
from signalrl.network.gridlock import Diagram, lock_bins

WARN = 0.5
"""Probability from which on an alarm is given."""


@dataclass(frozen=True, slots=True)
class Risk:
    """The risk that a district locks under its stored programs.

    Attributes:
        probability: Share of the draws in which it does.
        threshold: Probability from which on an alarm is given.
        begin: When it begins, in the median of these draws; None where there are none.
    """

    probability: float
    threshold: float
    begin: datetime | None

    @property
    def warns(self) -> bool:
        """Whether an alarm is given."""
        return self.probability >= self.threshold

    def sentence(self) -> str:
        """Return the risk as people would tell it."""
        text = f"gridlock: P {self.probability:.2f}"
        if self.begin is not None:
            text += f", from {self.begin:%H:%M}"
        alarm = "ALARM" if self.warns else "no alarm"
        return f"{text} under the stored programs ({alarm}, threshold {self.threshold:.2f})"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, times in ISO 8601."""
        begin = None if self.begin is None else self.begin.isoformat()
        return asdict(self) | {"begin": begin, "warns": self.warns, "text": self.sentence()}


def gridlock_risk(outlook: Outlook, diagram: Diagram, threshold: float = WARN) -> Risk:
    """Return the share of the draws that lock.

    Args:
        outlook: What may come.
        diagram: What the district discharges; measured under other programs than the stored ones,
            it moves the risk.
        threshold: Probability from which on an alarm is given.
    """
    begins = lock_bins(outlook.accumulation, outlook.outflow_veh_h, diagram, outlook.part_s)
    begin = None
    if np.isfinite(begins).any():
        begin = outlook.window.moment(float(np.nanmedian(begins)) * outlook.part_s)
    return Risk(float(np.isfinite(begins).mean()), threshold, begin)
