"""Laws of the loading: nobody is lost, queues are those of arithmetic, and full roads block."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalrl.forecast.assignment import assign
from signalrl.forecast.loading import COMPILED, Loading, load
from signalrl.forecast.traffic import Window, draw_traffic
from signalrl.forecast.turning import Edge, Sample, Turning, count_turning
from signalrl.network.capacity import Capacity, Movement, find_movements
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import load_season, occasion_of
from signalrl.sumo.episode import scenario_network

ALWAYS, HALF = ((90.0, "go"),), ((45.0, "go"), (45.0, "stop"))
# Two signals in a row, a -> b -> out, with a side street into the second.
CAPACITY = Capacity(
    [
        Movement(("a", "b"), "one", "s", ("a_0",), HALF),
        Movement(("b", "out"), "two", "s", ("b_0",), HALF),
        Movement(("b", "side_out"), "two", "r", ("b_0",), HALF),
        Movement(("side", "out"), "two", "s", ("side_0",), HALF),
    ]
)
EDGES = {name: Edge(150.0, 15.0, 1) for name in ("a", "b", "side", "out", "side_out")}
STEP_S = 30.0


def turning(*ways: tuple[str, ...], steps: int = 40) -> Turning:
    samples = [Sample(0, 0, way, 100.0) for way in ways]
    return count_turning(CAPACITY, EDGES, samples, 1, np.zeros(steps, np.intp))


def drive(
    found: Turning, veh_h: float, lanes_veh_h: list[float], steps: int = 40, stop: int = 40
) -> Loading:
    entering = np.zeros((steps, len(found.entries), 1), np.float32)
    entering[:stop] = veh_h * STEP_S / 3600.0
    lanes = np.array([lanes_veh_h]) / 3600.0
    parts = np.ones((1, len(CAPACITY.pair_lane)))
    return load(CAPACITY, found, parts, lanes, entering, STEP_S, 1)


def at(edge: str) -> int:
    return CAPACITY.approaches.index(edge)


def test_light_traffic_passes_at_once() -> None:
    found = drive(turning(("a", "b", "out")), 360.0, [900.0, 900.0, 900.0])
    assert found.left[-1, at("b"), 0] == pytest.approx(3.0, rel=0.01)
    assert found.queue.max() < 3.1  # what waits for the next step
    assert found.outside.max() <= 3.1


@pytest.mark.parametrize("around", [0, 1, 2])
def test_who_passes_no_signal_is_at_none(around: int) -> None:
    ways = [("side", "out"), *[("side", "side_out")] * around]
    found = drive(turning(*ways), 360.0, [900.0, 900.0, 900.0])
    assert found.left[-1, at("side"), 0] == pytest.approx(3.0 / (1 + around), rel=0.01)
    assert found.outside[-1, at("side"), 0] < 3.1  # nobody waits for a signal that he won't pass


@given(st.floats(0.0, 3000.0), st.lists(st.floats(50.0, 2000.0), min_size=3, max_size=3))
def test_everybody_is_through_or_on_the_road_or_outside(veh_h: float, lanes: list[float]) -> None:
    found = drive(turning(("a", "b", "out"), ("side", "out")), veh_h, lanes)
    entries = 2
    came = np.cumsum(np.full(40, entries * veh_h * STEP_S / 3600.0))
    through = found.ended.sum(axis=(1, 2)).cumsum()
    there = (found.inside + found.outside).sum(axis=(1, 2))
    assert through + there == pytest.approx(came, rel=1e-3, abs=1e-2)
    assert (found.ended <= found.left + 1e-3).all()


def test_a_queue_grows_by_what_is_too_much() -> None:
    found = drive(turning(("side", "out")), 1200.0, [900.0, 900.0, 900.0], steps=8)
    waiting = (found.queue + found.outside)[:, at("side"), 0]
    assert np.diff(waiting)[2:] == pytest.approx(300.0 * STEP_S / 3600.0, rel=0.01)


def test_a_full_road_holds_up_the_one_before() -> None:
    found = drive(turning(("a", "b", "out")), 800.0, [900.0, 300.0, 900.0])
    inside = np.cumsum(found.arrived - found.left, axis=0)[:, at("b"), 0]
    assert inside.max() <= 150.0 / 7.5 + 1.0
    # Once the second road is full, the first signal lets out what the second one does.
    assert found.left[-5:, at("a"), 0].mean() == pytest.approx(2.5, rel=0.1)
    assert found.queue[-1, at("a"), 0] > 5.0


def test_who_can_not_leave_holds_up_the_lane() -> None:
    """Half of ``b`` turns right, freely; the street straight on takes nobody."""
    ways = (("a", "b", "out"), ("a", "b", "side_out"))
    free = drive(turning(*ways), 600.0, [900.0, 900.0, 900.0])
    held = drive(turning(*ways), 600.0, [900.0, 90.0, 900.0])
    assert held.left[-5:, at("b"), 0].mean() < 0.2 * free.left[-5:, at("b"), 0].mean()


@settings(max_examples=40, deadline=None)
@given(
    veh_h=st.floats(0.0, 2000.0),
    lanes=st.lists(st.floats(10.0, 1800.0), min_size=3, max_size=3),
    right=st.floats(0.05, 0.95),
)
def test_nobody_is_lost(veh_h: float, lanes: list[float], right: float) -> None:
    samples = [
        Sample(0, 0, ("a", "b", "out"), 1.0 - right),
        Sample(0, 0, ("a", "b", "side_out"), right),
        Sample(0, 0, ("side", "out"), 0.5),
    ]
    found = drive(
        count_turning(CAPACITY, EDGES, samples, 1, np.zeros(40, np.intp)), veh_h, lanes, stop=30
    )
    entered = 2 * 30 * veh_h * STEP_S / 3600.0
    inside = (found.arrived - found.left).sum()
    gone = found.left[:, [at("b"), at("side")]].sum()
    # Those on the way between two stop lines have arrived at the road, and are inside.
    assert inside + gone + found.outside[-1].sum() == pytest.approx(
        entered, abs=0.02 * entered + 0.1
    )
    assert (found.left >= 0).all()
    assert (found.queue > -1e-3).all()


def test_draws_do_not_touch_each_other() -> None:
    found = turning(("a", "b", "out"))
    entering = np.random.default_rng(0).poisson(8.0, (40, 1, 5)).astype(np.float32)
    parts, lanes = np.ones((1, len(CAPACITY.pair_lane))), np.full((1, 3), 900.0 / 3600.0)
    together = load(CAPACITY, found, parts, lanes, entering, STEP_S, 4)
    for draw in range(5):
        alone = load(CAPACITY, found, parts, lanes, entering[:, :, [draw]], STEP_S, 4)
        assert alone.queue[:, :, 0] == pytest.approx(together.queue[:, :, draw], abs=1e-3)


def test_many_draws_share_the_processors_and_stay_the_same() -> None:
    found = turning(("a", "b", "out"))
    entering = np.random.default_rng(0).poisson(8.0, (40, 1, 200)).astype(np.float32)
    parts, lanes = np.ones((1, len(CAPACITY.pair_lane))), np.full((1, 3), 900.0 / 3600.0)
    together = load(CAPACITY, found, parts, lanes, entering, STEP_S, 4)
    for few in np.split(np.arange(200), 5):  # too few for a second thread
        alone = load(CAPACITY, found, parts, lanes, entering[:, :, few], STEP_S, 4)
        for theirs, ours in zip(together.arrays, alone.arrays, strict=True):
            np.testing.assert_allclose(theirs[:, :, few], ours, rtol=1e-4, atol=1e-3)


# The compiled twin

compiled = pytest.mark.skipif(not COMPILED, reason="it was not compiled")


def assert_same(ours: Loading, theirs: Loading) -> None:
    for name in ("arrived", "left", "queue", "outside", "inside", "ended"):
        np.testing.assert_allclose(getattr(theirs, name), getattr(ours, name), rtol=1e-3, atol=0.01)


@compiled
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), draws=st.integers(1, 9), right=st.floats(0.05, 0.95))
def test_c_and_numpy_load_the_same(seed: int, draws: int, right: float) -> None:
    random = np.random.default_rng(seed)
    samples = [
        Sample(0, 0, ("a", "b", "out"), 1.0 - right),
        Sample(1, 0, ("a", "b", "side_out"), right),
        Sample(1, 0, ("side", "out"), 0.5),
    ]
    found = count_turning(CAPACITY, EDGES, samples, 2, np.zeros(40, np.intp))
    entering = random.poisson(5.0, (40, len(found.entries), draws)).astype(np.float32)
    lanes = random.uniform(10.0, 1800.0, (1, 3, draws)) / 3600.0
    parts = np.ones((1, len(CAPACITY.pair_lane)))
    ours, theirs = (
        load(CAPACITY, found, parts, lanes, entering, STEP_S, 4, native=native)
        for native in (False, True)
    )
    assert_same(ours, theirs)


@compiled
@pytest.mark.parametrize("env", ["arena", "ingolstadt-matchday"])
def test_c_and_numpy_load_an_egress_the_same(env: str) -> None:
    scenario = load_scenario(env)
    season, capacity = load_season(scenario), Capacity(find_movements(scenario_network(scenario)))
    assert scenario.events is not None
    event = max(season.events, key=lambda event: event.attendance or 0)
    occasion = occasion_of(scenario, season, event, "egress")
    window = Window(occasion.clock, scenario.begin_s, scenario.end_s)
    traffic = draw_traffic(scenario, season.registry, [event], window, 12)
    found = assign(scenario, capacity, traffic, turns=2)
    entering = traffic.entering(found.turning.entries)
    ours, theirs = (
        load(
            *(capacity, found.turning, found.parts, found.lanes_veh_s, entering),
            *(window.step_s, 30),
            native=native,
        )
        for native in (False, True)
    )
    assert ours.queue.max() > 10.0  # there is something to compare
    assert_same(ours, theirs)


@compiled
def test_c_refuses_arrays_that_do_not_fit() -> None:
    found = turning(("a", "b", "out"))
    entering = np.zeros((4, len(found.entries) + 1, 1), np.float32)
    lanes, parts = np.ones((1, 3)), np.ones((1, len(CAPACITY.pair_lane)))
    with pytest.raises(ValueError, match="shape"):
        load(CAPACITY, found, parts, lanes, entering, STEP_S, 1, native=True)
