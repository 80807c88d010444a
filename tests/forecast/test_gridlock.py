"""The risk of gridlock is the share of the draws that lock, and an alarm from its threshold on."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from signalrl.forecast.corrections import DISTRICT, Corrections
from signalrl.forecast.forecast import Outlook
from signalrl.forecast.gridlock import gridlock_risk
from signalrl.forecast.traffic import Window
from signalrl.network.gridlock import Diagram

DIAGRAM = Diagram(critical_veh=500.0, capacity_veh_h=8000.0)
DRAWS = 10
PHASES = np.zeros(18, np.intp)


def outlook(locking: int) -> Outlook:
    """Six bins of a quarter of an hour, in the last one of which some of the draws lock."""
    window = Window(datetime(2027, 9, 4, 18, tzinfo=UTC), 0.0, 5400.0)
    inside = np.full((18, DRAWS), 400.0)
    outflow = np.full((18, DRAWS), 7000.0)
    inside[15:, :locking], outflow[15:, :locking] = 900.0, 2000.0
    inside[11:13], outflow[11:13] = 900.0, 2000.0  # ten minutes are no gridlock
    one, nan = np.ones((6, 1, DRAWS)), np.full((1, DRAWS), np.nan)
    approach = ("a",), np.ones(1), np.ones((6, 1)), *[one] * 6, nan
    return Outlook(window, 900.0, *approach, PHASES, 300.0, inside, outflow)


@pytest.mark.parametrize(
    ("locking", "warns"), [(0, False), (3, False), (6, False), (7, True), (10, True)]
)
def test_the_risk_is_the_share_of_the_draws_that_lock(locking: int, warns: bool) -> None:
    risk = gridlock_risk(outlook(locking), DIAGRAM)
    assert risk.probability == locking / DRAWS
    assert risk.warns is warns
    assert ("ALARM" in risk.sentence()) is warns
    assert (risk.begin is None) == (locking == 0)
    if locking:
        assert f"{risk.begin:%H:%M}" == "19:15"
        assert "from 19:15" in risk.sentence()
    assert risk.to_dict()["warns"] is warns


def test_past_evenings_correct_the_risk() -> None:
    """The draws have twice the critical accumulation and half of what may come out, at most."""
    two = np.ones((2, 2))
    for factor, probability in ((1.0, 0.5), (0.6, 0.5), (0.5, 0.0), (1.3, 0.5)):
        problem = two * np.array([1.0, factor])
        taught = Corrections(("a", DISTRICT), two, problem, (9, 9))
        assert gridlock_risk(outlook(5), DIAGRAM, taught).probability == probability
    other = Corrections(("a",), two[:, :1], 0.1 * two[:, :1], (9, 9))
    assert gridlock_risk(outlook(5), DIAGRAM, other).probability == 0.5


def test_an_alarm_needs_what_its_threshold_says() -> None:
    assert gridlock_risk(outlook(3), DIAGRAM, threshold=0.3).warns
    assert not gridlock_risk(outlook(3), DIAGRAM, threshold=0.31).warns
