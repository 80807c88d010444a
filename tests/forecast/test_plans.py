from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalrl.errors import ConfigError
from signalrl.forecast.plans import (
    Bounds,
    Designer,
    apportion,
    control_delay_s,
    webster_cycle_s,
)
from signalrl.network.capacity import SATURATION_VEH_H, find_movements
from signalrl.network.timing import GREEN, WALK_S, min_green_s, transition
from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.reader import read_network

SCENARIO = load_scenario("arena")
RULES = SCENARIO.timing
NETWORK = read_network(SCENARIO.network_file)
SIGNALS = {signal.id: signal for signal in NETWORK.signals}
MOVEMENTS = find_movements(NETWORK)
BOUNDS = Bounds(40, 100)
DESIGNER = Designer(NETWORK, RULES, BOUNDS)
seeds = st.integers(0, 10**6)


def traffic(seed: int, veh_h: float = 250.0) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(0.0, veh_h, len(MOVEMENTS))


def test_the_cycle_is_that_of_websters_example() -> None:
    # Road Research Technical Paper 39: L = 10 s, y = 0.25 on one street and 0.3 on the other.
    assert webster_cycle_s(10.0, 0.25 + 0.30) == pytest.approx(20.0 / 0.45)
    assert webster_cycle_s(10.0, 1.0) == float("inf")


def test_delay_grows_with_the_cycle_where_lanes_have_room() -> None:
    used, capacity = np.full(3, 0.5), np.full(3, 700.0)
    delays = control_delay_s(used, capacity, np.array([40.0, 80.0, 120.0]))
    assert (np.diff(delays) > 0).all()


def test_delay_without_traffic_is_half_the_red_squared_over_the_cycle() -> None:
    delay = control_delay_s(np.zeros(1), np.full(1, 0.4 * SATURATION_VEH_H), np.full(1, 100.0))
    assert delay[0] == pytest.approx(60.0**2 / (2 * 100.0))


@given(
    st.integers(0, 200),
    st.lists(st.tuples(st.floats(0.0, 10.0), st.integers(5, 12)), min_size=1, max_size=6),
)
def test_seconds_are_shared_out_whole_and_nobody_gets_less_than_the_least(
    total: int, wishes: list[tuple[float, int]]
) -> None:
    weights, least = [w for w, _ in wishes], [s for _, s in wishes]
    parts = apportion(total, weights, least)
    assert sum(parts) == max(total, sum(least))
    assert all(part >= low for part, low in zip(parts, least, strict=True))
    free = [(w, p) for w, p, low in zip(weights, parts, least, strict=True) if p > low + 1]
    assert all(a[1] >= b[1] - 1 for a in free for b in free if a[0] > b[0])


@settings(max_examples=10)
@given(seeds, st.sampled_from([20.0, 150.0, 400.0, 1500.0]))
def test_a_plan_keeps_every_bound_and_serves_everybody(seed: int, veh_h: float) -> None:
    for name, plan in DESIGNER.design(traffic(seed, veh_h)).items():
        signal = SIGNALS[name]
        assert len(set(plan.phases)) == len(plan.phases) >= 2
        assert BOUNDS.min_cycle_s <= plan.cycle_s(signal, RULES) <= BOUNDS.max_cycle_s
        for phase, green_s in zip(plan.phases, plan.greens_s, strict=True):
            assert green_s >= min_green_s(signal, phase, RULES)
        states = [signal.phases[phase].state for phase in plan.phases]
        assert all(any(s[k.position] in GREEN for s in states) for k in signal.links)
        program = plan.program(signal, RULES)
        assert sum(s.duration_s for s in program.steps) == plan.cycle_s(signal, RULES)
        changes = sum(
            k.duration_s
            for a, b in zip((plan.phases[-1], *plan.phases), plan.phases, strict=False)
            for k in transition(signal, a, b, RULES)
        )
        assert sum(plan.changes_s(signal, RULES)) == changes


@settings(max_examples=5)
@given(seeds)
def test_all_have_one_cycle_where_it_is_asked_for(seed: int) -> None:
    plans = DESIGNER.design(traffic(seed), 77)
    assert {plan.cycle_s(SIGNALS[name], RULES) for name, plan in plans.items()} == {77}


@settings(max_examples=10)
@given(seeds, st.integers(0, len(MOVEMENTS) - 1))
def test_twice_the_traffic_of_a_movement_never_shortens_its_green(seed: int, number: int) -> None:
    volumes = traffic(seed, 150.0)
    volumes[number] += 50.0
    more = volumes.copy()
    more[number] *= 2.0
    movement = MOVEMENTS[number]
    signal = SIGNALS[movement.signal]
    positions = {
        k.position
        for k in signal.links
        if k.from_lane in movement.lanes and k.to_lane.startswith(movement.key[1] + "_")
    }

    def green_s(of: npt.NDArray[np.float64]) -> int:
        plan = KEPT.design(of, 80)[signal.id]
        return sum(
            s
            for phase, s in zip(plan.phases, plan.greens_s, strict=True)
            if any(signal.phases[phase].state[i] in GREEN for i in positions)
        )

    assert green_s(more) >= green_s(volumes) - 1  # whole seconds


KEPT = Designer(NETWORK, RULES, replace(BOUNDS, choose=False))


def test_phases_of_left_turns_go_where_nobody_turns_left() -> None:
    straight = np.array([600.0 if m.direction == "s" else 1.0 for m in MOVEMENTS])
    lefts = np.array([150.0 if m.direction in "lL" else 300.0 for m in MOVEMENTS])
    lefts *= np.array([2.5 if m.key[0].startswith(("c1", "c3")) else 1.0 for m in MOVEMENTS])
    without, turning = DESIGNER.design(straight), DESIGNER.design(lefts)
    four = [s.id for s in NETWORK.signals if len(s.phases) == 4]
    assert all(len(without[name].phases) == 2 for name in four)
    assert any(len(turning[name].phases) > 2 for name in four)


def test_all_phases_stay_in_their_order_where_rules_or_bounds_say_so() -> None:
    for designer in (KEPT, Designer(NETWORK, RULES.__class__(cyclic=True), BOUNDS)):
        for name, plan in designer.design(traffic(1)).items():
            assert plan.phases == tuple(range(len(SIGNALS[name].phases)))


def test_gates_get_green_for_a_part_of_their_traffic() -> None:
    approaches = sorted({m.key[0] for m in MOVEMENTS})
    gates = [edge for edge in approaches if edge.startswith("park_")]
    volumes = np.array([400.0 if m.key[0] in gates else 150.0 for m in MOVEMENTS])

    def used(gate: float) -> npt.NDArray[np.float64]:
        designer = Designer(NETWORK, RULES, Bounds(60, 90, gate=gate), gates)
        ratios = designer.capacity(designer.design(volumes)).ratios(volumes)
        return ratios[[approaches.index(edge) for edge in gates]]

    assert (used(0.5) >= used(1.0) - 0.02).all()
    assert used(0.5).mean() > 1.1 * used(1.0).mean()


def test_bounds_that_no_cycle_keeps_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"min_cycle_s: expected at most max_cycle_s \(90\), got"):
        Bounds(100, 90)


@pytest.mark.parametrize("gate", [-0.1, 1.1, float("nan")])
def test_a_part_of_the_traffic_that_is_none_is_refused(gate: float) -> None:
    """Below 0 there would be greens for the root of a negative flow: all alike."""
    with pytest.raises(ConfigError, match=r"gate: expected a part from 0 to 1, got"):
        Bounds(gate=gate)


def test_cycles_take_time() -> None:
    with pytest.raises(ConfigError, match="min_cycle_s: expected 1 s or more, got -90"):
        Bounds(-90, -90)


def test_a_longest_green_below_the_walk_leaves_pedestrians_their_time() -> None:
    network = read_network(load_scenario("single").network_file)
    rules = RULES.__class__(max_green_s=6.0)
    volumes = np.full(len(find_movements(network)), 200.0)
    for name, plan in Designer(network, rules).design(volumes).items():
        (signal,) = [s for s in network.signals if s.id == name]
        for phase, green_s in zip(plan.phases, plan.greens_s, strict=True):
            assert min_green_s(signal, phase, rules) <= green_s <= max(6, WALK_S)


def test_lanes_are_less_full_than_under_the_stored_program_where_that_is_full() -> None:
    volumes = traffic(3, 180.0)
    stored = Designer(NETWORK, RULES).capacity({}).ratios(volumes)
    planned = DESIGNER.capacity(DESIGNER.design(volumes)).ratios(volumes)
    assert planned.max() < stored.max()
