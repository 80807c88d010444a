"""Laws of the wait for the green: that of the books alone, and that of platoons in a row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalrl.forecast.turning import Edge, Sample, Turning, count_turning
from signalrl.forecast.waves import SPEED_FACTOR, red_queues, steady_delay_s
from signalrl.network.capacity import Capacity, Movement

CYCLE_S = 90.0
EDGES = {name: Edge(255.0, 15.0, 1) for name in ("a", "b", "out")}
LATE_S = 17.0 / SPEED_FACTOR


def row(green_s: float, offset_s: float) -> tuple[Capacity, Turning]:
    """Two signals in a row, where all go straight on, and 300 vehicles in an hour."""
    steps = ((green_s, "go"), (CYCLE_S - green_s, "stop"))
    capacity = Capacity(
        [
            Movement(("a", "b"), "one", "s", ("a_0",), steps),
            Movement(("b", "out"), "two", "s", ("b_0",), steps, offset_s=offset_s),
        ]
    )
    samples = [Sample(0, 0, ("a", "b", "out"), 300.0)]
    return capacity, count_turning(capacity, EDGES, samples, 1, np.zeros(4, np.intp))


@settings(max_examples=30, deadline=None)
@given(green_s=st.floats(30.0, 80.0))
def test_without_platoons_it_is_the_delay_of_the_books(green_s: float) -> None:
    capacity, turning = row(green_s, 0.0)
    waiting = red_queues(capacity, turning).mean(axis=0)[0, 0]
    green = green_s / CYCLE_S
    ratio = capacity.ratios(turning.flows.sum(axis=1))[0, 0]
    d1_s = 0.5 * CYCLE_S * (1.0 - green) ** 2 / (1.0 - ratio * green)
    assert waiting / 300.0 * 3600.0 == pytest.approx(d1_s, abs=1.5)


def test_a_wave_saves_the_wait_that_the_opposite_costs() -> None:
    delays = [
        red_queues(*row(45.0, LATE_S + shift_s)).mean(axis=0)[0, 1] / 300.0 * 3600.0
        for shift_s in (0.0, 45.0)
    ]
    assert delays[0] < 4.0
    assert delays[1] > 20.0


def test_the_cycle_has_no_begin() -> None:
    """Moved by a cycle, an offset is the same."""
    here, later = (red_queues(*row(45.0, offset_s)) for offset_s in (10.0, 10.0 + CYCLE_S))
    assert here == pytest.approx(later)


def test_delays_rise_with_the_demand() -> None:
    capacity, turning = row(30.0, 0.0)
    parts = np.ones((1, len(capacity.pair_lane)))
    delays = [
        steady_delay_s(capacity, turning, parts, np.full((1, 2), veh_h))[0, 0]
        for veh_h in (2000.0, 600.0, 400.0, 320.0)
    ]
    assert (np.diff(delays) > 0).all()
