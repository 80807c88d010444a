"""Says how likely it is that a district locks, by the draws of a forecast."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from signalrl.forecast.corrections import DISTRICT, Corrections
from signalrl.forecast.forecast import Outlook
from signalrl.network.gridlock import Diagram, lock_severity

WARN = 0.7
"""Probability from which on an alarm is given, chosen on evenings of the season of ``arena``."""


@dataclass(frozen=True, slots=True)
class Risk:
    """The risk that a district locks under its stored programs.

    Attributes:
        probability: Share of the draws, or of the evenings in SUMO, in which it does.
        threshold: Probability from which on an alarm is given.
        begin: When it begins, in the median of these draws; None where there are none.
        about: Of what, where it isn't all that was forecast.
    """

    probability: float
    threshold: float
    begin: datetime | None
    about: str = ""

    @property
    def warns(self) -> bool:
        """Whether an alarm is given."""
        return self.probability >= self.threshold

    def sentence(self) -> str:
        """Return the risk as people would tell it."""
        about = f", {self.about}" if self.about else ""
        text = f"gridlock{about}: P {self.probability:.2f}"
        if self.begin is not None:
            text += f", from {self.begin:%H:%M}"
        alarm = "ALARM" if self.warns else "no alarm"
        return f"{text} under the stored programs ({alarm}, threshold {self.threshold:.2f})"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, times in ISO 8601."""
        begin = None if self.begin is None else self.begin.isoformat()
        return asdict(self) | {"begin": begin, "warns": self.warns, "text": self.sentence()}


def gridlock_risk(
    outlook: Outlook,
    diagram: Diagram,
    corrections: Corrections | None = None,
    threshold: float = WARN,
) -> Risk:
    """Return the share of the draws that lock.

    Args:
        outlook: What may come.
        diagram: What the district discharges; measured under other programs than the stored ones,
            it moves the risk.
        corrections: What past evenings taught.
        threshold: Probability from which on an alarm is given.
    """
    factor: npt.ArrayLike = 1.0
    if corrections is not None and DISTRICT in corrections.places:
        _, factor = corrections.factors([DISTRICT], outlook.phases)
    course = outlook.accumulation, outlook.outflow_veh_h
    runs = lock_severity(*course, diagram, outlook.part_s, factor) > 1.0
    locks = runs.any(axis=0)
    begin = None
    if locks.any():
        first = float(np.median(runs[:, locks].argmax(axis=0)))
        begin = outlook.window.moment(first * outlook.part_s)
    return Risk(float(locks.mean()), threshold, begin)
