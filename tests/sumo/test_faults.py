from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from signalrl.control.measurement import COLUMNS, Column
from signalrl.scenario.schema import Detectors
from signalrl.sumo.faults import Faults

LANES = 400


def readings(lanes: int = LANES) -> np.ndarray:
    return np.full((lanes, COLUMNS), 10.0, dtype=np.float32)


def test_dead_lanes_report_nothing_and_stay_dead() -> None:
    faults = Faults(Detectors(failed=0.25), LANES, seed=3)
    first, second = readings(), readings()
    faults.apply(first)
    faults.apply(second)
    dead = first[:, Column.QUEUED] == 0
    assert 0.18 < dead.mean() < 0.32
    assert (first == second).all()
    others = [c for c in Column if c is not Column.DELAY]
    assert (first[dead][:, others] == 0).all()
    assert (first[~dead] == 10).all()


def test_counts_err_about_the_truth_anew_each_time() -> None:
    faults = Faults(Detectors(noise=0.2), LANES, seed=3)
    first, second = readings(), readings()
    faults.apply(first)
    faults.apply(second)
    counts = first[:, Column.QUEUED]
    assert abs(counts.mean() - 10) < 0.5
    assert 1.5 < counts.std() < 2.5
    assert (first[:, Column.QUEUED] != second[:, Column.QUEUED]).any()
    assert (first[:, Column.WAIT] == 10).all()


@given(st.floats(0, 1), st.floats(0, 2), st.integers(0, 99))
def test_the_reward_is_left_alone_and_no_count_is_negative(
    failed: float, noise: float, seed: int
) -> None:
    values = readings(20)
    Faults(Detectors(failed=failed, noise=noise), 20, seed).apply(values)
    assert (values[:, Column.DELAY] == 10).all()
    assert (values >= 0).all()


def test_the_seed_decides_who_fails() -> None:
    values = [readings(), readings(), readings()]
    for x, seed in zip(values, (1, 1, 2), strict=True):
        Faults(Detectors(failed=0.3, noise=0.1), LANES, seed).apply(x)
    assert (values[0] == values[1]).all()
    assert (values[0] != values[2]).any()
