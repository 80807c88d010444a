"""When a district locks, by the five-minute records of an episode."""

from __future__ import annotations

import numpy as np

from signalrl.network.gridlock import Diagram
from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.district import has_locked, lock_begins_s

DIAGRAM = Diagram(425.0, 7800.0)


def test_a_lock_begins_with_the_quarter_of_an_hour_that_makes_it_one() -> None:
    inside = [300.0, 900.0, 900.0, 900.0, 300.0]
    for outflow, begin_s in (([7000.0] * 5, None), ([7000.0, *[1000.0] * 4], 300.0)):
        assert lock_begins_s(DIAGRAM, inside, outflow) == begin_s
    assert lock_begins_s(DIAGRAM, inside[:2], [0.0] * 2) is None


def test_the_judgement_is_that_of_an_episode() -> None:
    metering = load_scenario("arena").metering
    assert metering is not None
    random = np.random.default_rng(1)
    found = set()
    for _ in range(50):
        inside = random.uniform(300.0, 900.0, 12).tolist()
        outflow = random.uniform(2000.0, 5000.0, 12).tolist()
        begins_s = lock_begins_s(metering.diagram, inside, outflow)
        assert (begins_s is not None) == has_locked(metering, inside, outflow)
        found.add(begins_s is not None)
    assert found == {True, False}
    assert has_locked(None, [900.0] * 3, [0.0] * 3) is None
