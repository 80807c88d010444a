"""Greedy and max-pressure control choose by numbers that are worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.control.controllers import Controller, Greedy, MaxPressure
from signalrl.control.observation import FEATURES, Feature, Observation

CONTROLLERS: list[Controller] = [Greedy(), Greedy(switching_cost=1.0), MaxPressure()]


def see(
    features: dict[Feature, Sequence[Sequence[float]]],
    requestable: Sequence[Sequence[bool]] | None = None,
    current: Sequence[int] | None = None,
) -> Observation:
    """An observation with these features, each ``(S, P)``, and zero for all others."""
    shape = np.shape(next(iter(features.values())))
    rows = np.zeros((*shape, FEATURES), dtype=np.float32)
    for feature, values in features.items():
        rows[:, :, feature] = values
    return Observation(
        time_s=0.0,
        features=rows,
        requestable=np.ones(shape, np.bool_) if requestable is None else np.array(requestable),
        current=np.zeros(shape[0], np.int64) if current is None else np.array(current),
        delay_rate=np.zeros(shape[0], np.float32),
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


@pytest.mark.parametrize("controller", CONTROLLERS)
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
