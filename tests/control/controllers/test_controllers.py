"""Classical controllers choose by numbers that are worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.control.controllers import (
    Controller,
    Greedy,
    LongestQueue,
    MaxPressure,
    ScheduleDriven,
    SelfOrganizing,
)
from signalrl.control.layout import Layout
from signalrl.control.measurement import COLUMNS, Column
from signalrl.control.observation import FEATURES, Feature, Observation
from tests.networks import make_network, make_signal, way

CONTROLLERS: list[Controller] = [
    Greedy(),
    Greedy(switching_cost=1.0),
    Greedy(switching_cost=1.0, growth=4.0),
    LongestQueue(),
    MaxPressure(),
    MaxPressure(count="all"),
    MaxPressure(room=True),
]
OTHERS: list[Controller] = [
    MaxPressure(count="all", cyclic=True),
    ScheduleDriven(),
    SelfOrganizing(),
]
"""These may ask for less than the phase with the most vehicles."""
LANE = {
    Feature.QUEUED: Column.QUEUED,
    Feature.APPROACHING: Column.APPROACHING,
    Feature.ARRIVAL_5: Column.ARRIVAL_5,
    Feature.ARRIVAL_10: Column.ARRIVAL_10,
    Feature.QUEUE_25: Column.QUEUE_25,
}


@cache
def layout(signals: int, phases: int) -> Layout:
    """Signals of which each phase serves a lane of its own."""
    made = []
    for s in range(signals):
        states = ["".join("Gr"[i != p] for i in range(phases)) for p in range(phases)]
        links = [way(p, f"in{s}{p}", f"out{s}{p}") for p in range(phases)]
        foes = [(a, b) for a in range(phases) for b in range(a)]
        made.append(make_signal(f"S{s}", states, links, foes))
    return Layout(make_network(made))


def see(
    features: dict[Feature, Sequence[Sequence[float]]],
    requestable: Sequence[Sequence[bool]] | None = None,
    current: Sequence[int] | None = None,
    time_s: float = 0.0,
) -> Observation:
    """An observation with these features, each ``(S, P)``, and zero for all others."""
    shape = np.shape(next(iter(features.values())))
    rows = np.zeros((*shape, FEATURES), dtype=np.float32)
    plan = layout(*shape)
    lanes = np.zeros((2 * rows[:, :, 0].size, COLUMNS), dtype=np.float32)
    for feature, values in features.items():
        rows[:, :, feature] = values
        if feature in LANE:
            lanes[plan.heads, LANE[feature]] = np.ravel(values)
    lanes[:, Column.PRESENT] = lanes[:, Column.QUEUED] + lanes[:, Column.APPROACHING]
    return Observation(
        time_s=time_s,
        features=rows,
        requestable=np.ones(shape, np.bool_) if requestable is None else np.array(requestable),
        current=np.zeros(shape[0], np.int64) if current is None else np.array(current),
        delay_rate=np.zeros(shape[0], np.float32),
        lanes=lanes,
        layout=plan,
    )


def test_greedy_serves_the_most_vehicles_queued_and_approaching() -> None:
    seen = see(
        {
            Feature.QUEUED: [[3, 5, 0], [1, 0, 0]],
            Feature.APPROACHING: [[4, 0, 6], [0, 0, 2]],
            Feature.LOST: [[0, 7, 7], [0, 1, 1]],
        },
        current=[1, 0],
    )
    assert Greedy().decide(seen).tolist() == [0, 2]


def test_a_switching_cost_weighs_the_vehicles_that_are_cut_off() -> None:
    seen = see(
        {
            Feature.QUEUED: [[4, 6], [4, 6], [4, 6]],
            Feature.APPROACHING: [[0, 1], [0, 1], [0, 1]],
            Feature.LOST: [[0, 4], [0, 2], [0, 3]],
        }
    )
    assert Greedy(switching_cost=0.0).decide(seen).tolist() == [1, 1, 1]
    assert Greedy(switching_cost=1.0).decide(seen).tolist() == [0, 1, 0]
    assert Greedy(switching_cost=1.6).decide(seen).tolist() == [0, 0, 0]


def test_pressure_is_the_queue_before_the_junction_less_the_queue_behind_it() -> None:
    seen = see(
        {
            Feature.QUEUED: [[9, 5, 1], [2, 3, 1]],
            Feature.APPROACHING: [[9, 0, 0], [9, 0, 0]],
            Feature.DOWNSTREAM_QUEUE: [[7, 1, 0], [2, 4, 0]],
        }
    )
    assert MaxPressure().decide(seen).tolist() == [1, 2]
    assert MaxPressure(count="all").decide(seen).tolist() == [0, 0]


def test_a_cost_that_grows_weighs_more_where_queues_are_long() -> None:
    seen = see(
        {
            Feature.QUEUED: [[4, 6], [4, 6], [4, 6]],
            Feature.LOST: [[0, 1], [0, 1], [0, 1]],
            Feature.TOTAL_QUEUED: [[6, 6], [13, 13], [40, 40]],
        }
    )
    assert Greedy(switching_cost=1.0, growth=0.0).decide(seen).tolist() == [1, 1, 1]
    assert Greedy(switching_cost=1.0, growth=4.0).decide(seen).tolist() == [1, 0, 0]
    assert Greedy(switching_cost=1.0, growth=1.5).decide(seen).tolist() == [1, 1, 0]


def test_the_queue_behind_the_signal_counts_against_a_phase() -> None:
    seen = see(
        {
            Feature.QUEUED: [[4, 6], [4, 6], [4, 6]],
            Feature.DOWNSTREAM_QUEUE: [[0, 1], [0, 3], [9, 9]],
        }
    )
    assert Greedy().decide(seen).tolist() == [1, 1, 1]
    assert Greedy(pressure=1.0).decide(seen).tolist() == [1, 0, 1]
    assert Greedy(pressure=3.0).decide(seen).tolist() == [0, 0, 1]


def test_the_longest_queue_is_served_whatever_approaches() -> None:
    seen = see({Feature.QUEUED: [[2, 3, 1]], Feature.APPROACHING: [[9, 0, 9]]})
    assert LongestQueue().decide(seen).tolist() == [1]


def test_a_queue_that_can_not_leave_makes_no_pressure() -> None:
    seen = see(
        {
            Feature.QUEUED: [[9, 5, 1], [9, 5, 1]],
            Feature.DOWNSTREAM_OCCUPANCY: [[1, 0, 0], [0.3, 0, 0]],
        },
        current=[2, 2],
    )
    assert MaxPressure().decide(seen).tolist() == [0, 0]
    assert MaxPressure(room=True).decide(seen).tolist() == [1, 0]
    full = see(
        {
            Feature.QUEUED: [[2, 4]],
            Feature.DOWNSTREAM_QUEUE: [[10, 5]],
            Feature.DOWNSTREAM_OCCUPANCY: [[1, 0.5]],
        }
    )
    assert MaxPressure(room=True).decide(full).tolist() == [1]  # nor does it lose any


@pytest.mark.parametrize("controller", [*CONTROLLERS, *OTHERS])
def test_a_signal_of_one_phase_is_left_at_it(controller: Controller) -> None:
    assert controller.decide(see({Feature.QUEUED: [[3]]})).tolist() == [0]


def test_in_a_cycle_the_next_phase_with_traffic_follows() -> None:
    queued = [[1, 0, 3, 9], [9, 0, 3, 2], [1, 0, 0, 0], [5, 3, 3, 3]]
    green = [[5] * 4, [39] * 4, [45] * 4, [40] * 4]
    controller = MaxPressure(cyclic=True, max_green_s=40.0)
    seen = see({Feature.QUEUED: queued, Feature.GREEN: green})
    assert controller.decide(seen).tolist() == [2, 0, 0, 1]


def test_self_organizing_lights_change_when_red_has_waited_enough() -> None:
    controller = SelfOrganizing(threshold=40.0, min_green_s=10.0)

    def decide(time_s: float, queued: list[float], green_s: float, near: float = 0.0) -> int:
        features = {Feature.QUEUED: [queued], Feature.GREEN: [[green_s] * 3]}
        features[Feature.QUEUE_25] = [[near, 0.0, 0.0]]
        return int(controller.decide(see(features, time_s=time_s))[0])

    assert decide(0.0, [0, 2, 3], 0.0) == 0
    assert decide(5.0, [0, 2, 3], 5.0) == 0  # phase 2 has waited 15 vehicle-seconds
    assert decide(10.0, [0, 2, 3], 10.0) == 0  # 30
    assert decide(15.0, [0, 2, 3], 9.0) == 0  # 45, but the green is too young
    assert decide(20.0, [0, 2, 3], 20.0, near=2.0) == 0  # two are about to cross
    assert decide(25.0, [0, 2, 3], 25.0, near=3.0) == 2  # three are a platoon that is cut
    assert decide(30.0, [0, 2, 0], 30.0) == 1  # who has left waits no more
    assert decide(0.0, [0, 9, 9], 30.0) == 0  # a new episode begins to count anew


def test_a_schedule_serves_what_is_there_before_what_comes_later() -> None:
    features: dict[Feature, Sequence[Sequence[float]]] = {
        Feature.QUEUED: [[0, 6, 0]],
        Feature.APPROACHING: [[0, 0, 5]],
        Feature.CLEARANCE: [[0, 3, 3]],
        Feature.GREEN: [[20, 20, 20]],
    }
    assert ScheduleDriven().decide(see(features)).tolist() == [1]


def test_a_schedule_keeps_a_green_for_a_platoon_that_is_about_to_cross() -> None:
    def decide(coming: float, waiting: float) -> int:
        features: dict[Feature, Sequence[Sequence[float]]] = {
            Feature.QUEUED: [[0, waiting]],
            Feature.APPROACHING: [[coming, 0]],
            Feature.ARRIVAL_5: [[coming, 0]],
            Feature.CLEARANCE: [[0, 3]],
            Feature.GREEN: [[20, 20]],
        }
        return int(ScheduleDriven().decide(see(features))[0])

    assert [decide(6, 1), decide(0, 1), decide(1, 6)] == [0, 1, 1]


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_a_tie_keeps_what_is_shown(controller: Controller) -> None:
    seen = see({Feature.QUEUED: [[3, 3, 3], [3, 3, 1], [0, 3, 3]]}, current=[2, 1, 0])
    assert controller.decide(seen).tolist() == [2, 1, 1]


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_a_phase_that_may_not_be_requested_is_passed_over(controller: Controller) -> None:
    seen = see(
        {Feature.QUEUED: [[9, 5, 1], [9, 5, 1], [0, 0, 0]]},
        requestable=[[False, True, True], [False, False, True], [False, True, True]],
    )
    assert controller.decide(seen).tolist() == [1, 2, 1]


@pytest.mark.parametrize("controller", [*CONTROLLERS, *OTHERS])
@given(data=st.data())
def test_no_controller_asks_for_a_phase_that_may_not_be_requested(
    controller: Controller, data: st.DataObject
) -> None:
    signals, phases = data.draw(st.integers(1, 4)), data.draw(st.integers(2, 5))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    mask = rng.random((signals, phases)) < 0.4
    mask[np.arange(signals), rng.integers(0, phases, signals)] = True
    most = data.draw(st.sampled_from([0, 2, 50]))
    seen = see(
        {
            feature: rng.integers(0, most + 1, (signals, phases)).tolist()
            for feature in (
                Feature.QUEUED,
                Feature.APPROACHING,
                Feature.DOWNSTREAM_QUEUE,
                Feature.LOST,
            )
        },
        requestable=mask.tolist(),
        current=rng.integers(0, phases, signals).tolist(),
    )
    chosen = controller.decide(seen)
    assert chosen.shape == (signals,)
    assert np.issubdtype(chosen.dtype, np.integer)
    assert mask[np.arange(signals), chosen].all()
