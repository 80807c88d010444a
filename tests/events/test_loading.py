from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from signalrl.events.loading import Way, load

STEP_S = 30.0


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[Way], np.ndarray, np.ndarray]:
    approaches = draw(st.integers(1, 5))
    ways = [
        Way(tuple(chain), tuple(draw(st.floats(0, 200)) for _ in chain))
        for chain in draw(
            st.lists(
                st.lists(st.integers(0, approaches - 1), min_size=1, max_size=4, unique=True),
                min_size=1,
                max_size=6,
            )
        )
    ]
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    entering = random.poisson(2.0, (3, 40, len(ways))).astype(np.float32)
    capacity = random.uniform(0.5, 8.0, approaches)
    return ways, entering, capacity


@settings(max_examples=50, deadline=None)
@given(networks())
def test_vehicles_are_kept_and_no_approach_discharges_more_than_it_can(network) -> None:
    ways, entering, capacity = network
    done = load(ways, entering, capacity, STEP_S)
    came, went = done.arrived.cumsum(axis=1), done.left.cumsum(axis=1)
    np.testing.assert_allclose(came - went, done.queue, atol=1e-2)
    assert (done.left <= capacity + 1e-4).all()
    assert (done.queue >= -1e-4).all()
    first = np.zeros_like(came[:, -1])
    for number, way in enumerate(ways):
        first[:, way.approaches[0]] += entering[:, :, number].sum(axis=1)
    assert (came[:, -1].sum(axis=1) <= entering.sum((1, 2)) * 4 + 1e-2).all()
    if all(len(way.approaches) == 1 and way.after_s[0] < 15 for way in ways):
        np.testing.assert_allclose(came[:, -1], first, rtol=1e-4)


@settings(max_examples=30, deadline=None)
@given(networks())
def test_a_queue_is_what_came_beyond_the_capacity(network) -> None:
    ways, entering, capacity = network
    done = load(ways, entering, capacity, STEP_S)
    queue = np.zeros_like(done.queue[:, 0])
    for step in range(entering.shape[1]):
        queue = np.maximum(0.0, queue + done.arrived[:, step] - capacity)
        np.testing.assert_allclose(done.queue[:, step], queue, atol=2e-2)


def test_vehicles_come_to_the_next_approach_after_the_time_that_it_takes() -> None:
    way = Way((0, 1, 2), (60.0, 45.0, 45.0))
    entering = np.zeros((1, 20, 1), np.float32)
    entering[0, 3] = 5.0
    done = load([way], entering, [9.0, 9.0, 9.0], STEP_S)
    steps = [int(done.arrived[0, :, a].argmax()) for a in range(3)]
    assert steps == [5, 7, 8]  # 45 s are one and a half steps: two, then one
    assert done.arrived.sum() == 15.0


def test_a_full_approach_relieves_the_next_one() -> None:
    way = Way((0, 1), (0.0, 30.0))
    entering = np.zeros((1, 60, 1), np.float32)
    entering[0, :10] = 10.0
    done = load([way], entering, [4.0, 5.0], STEP_S)
    assert done.queue[0, :, 0].max() == 60.0
    assert done.queue[0, :, 1].max() == 0.0
    assert done.arrived[0, :, 1].max() == 4.0
    assert done.left[0, :, 1].sum() == 100.0


def test_ways_share_a_queue_in_proportion() -> None:
    ways = [Way((0, 1), (0.0, 30.0)), Way((0, 2), (0.0, 30.0))]
    entering = np.zeros((1, 30, 2), np.float32)
    entering[0, 0] = (30.0, 10.0)
    done = load(ways, entering, [4.0, 9.0, 9.0], STEP_S)
    np.testing.assert_allclose(done.arrived[0, 1:11, 1], 3.0, rtol=1e-5)
    np.testing.assert_allclose(done.arrived[0, 1:11, 2], 1.0, rtol=1e-5)


def test_a_way_without_approaches_is_left_out() -> None:
    entering = np.ones((2, 5, 2), np.float32)
    done = load([Way((), ()), Way((0,), (0.0,))], entering, [9.0], STEP_S)
    assert done.arrived.sum() == 10.0


def test_draws_do_not_meet() -> None:
    way = Way((0, 1), (10.0, 40.0))
    entering = np.random.default_rng(1).poisson(3.0, (4, 30, 1)).astype(np.float32)
    together = load([way], entering, [2.0, 3.0], STEP_S)
    for draw in range(4):
        alone = load([way], entering[draw : draw + 1], [2.0, 3.0], STEP_S)
        np.testing.assert_allclose(together.queue[draw], alone.queue[0], rtol=1e-5)
