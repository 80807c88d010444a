"""What counts as a lock-up: full and stuck, for a quarter of an hour on end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.network.gridlock import Diagram, core_edges, locked
from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.episode import scenario_network

DIAGRAM = Diagram(critical_veh=500.0, capacity_veh_h=8000.0)


@pytest.mark.parametrize(
    ("accumulation", "outflow", "expected"),
    [
        ([600, 600, 600, 600], [3900, 3900, 3900, 7000], True),
        ([600, 600, 600, 600], [3900, 3900, 7000, 3900], False),  # not on end
        ([600, 400, 600, 600], [3900, 3900, 3900, 3900], False),  # not full
        ([600, 600, 600, 600], [4100, 4100, 4100, 4100], False),  # not stuck
        ([600, 600], [100, 100], False),  # too short to say
        ([], [], False),
    ],
)
def test_a_district_locks(accumulation: list[float], outflow: list[float], expected: bool) -> None:
    assert bool(locked(accumulation, outflow, DIAGRAM, 300.0)) is expected


@given(st.integers(1, 6), st.integers(3, 20), st.integers(0, 2**31))
def test_draws_are_judged_one_by_one(draws: int, bins: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    inside = random.uniform(300.0, 900.0, (bins, draws))
    outflow = random.uniform(0.0, 9000.0, (bins, draws))
    found = locked(inside, outflow, DIAGRAM, 300.0)
    alone = [locked(inside[:, i], outflow[:, i], DIAGRAM, 300.0) for i in range(draws)]
    assert found.tolist() == [bool(one) for one in alone]


def test_the_core_of_the_arena_is_what_lies_between_its_signals() -> None:
    found = core_edges(scenario_network(load_scenario("arena")))
    assert {"a1_b1", "c2_c3", "a1_a2", "a1_a2_stop"} <= found
    assert not any("west" in edge or "park" in edge or "north" in edge for edge in found)
