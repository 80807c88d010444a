"""The expected inflow stands behind the other features, and changes none of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.control.controllers import Policy
from signalrl.control.inflow import INFLOW_SCALES, ExpectedInflow, Inflow
from signalrl.control.loop import ControlLoop
from signalrl.control.measurement import FloatArray
from signalrl.control.observation import (
    FEATURES,
    LIMIT,
    Feature,
    Observation,
    feature_names,
    schema_hash,
)
from signalrl.control.scripted import ScriptedPlant
from signalrl.errors import ConfigError
from signalrl.network.model import Network
from signalrl.network.timing import TimingRules
from tests.control.test_observation import random_traffic
from tests.networks import networks, three_ways

DEFAULT_SCHEMA = "81915c76bd6d124d217448cc1ca248503530337ffbb97cdaea720faea3264b68"
"""That of all bundles without a forecast, since the first."""


def expectation(network: Network, seed: int = 0, steps: int = 4) -> ExpectedInflow:
    shape = (steps, len(network.signals), network.max_phases, len(Inflow))
    values = np.random.default_rng(seed).uniform(0.0, 150.0, shape).astype(np.float32)
    return ExpectedInflow(100.0, 30.0, values)


def look(network: Network, expected: ExpectedInflow | None) -> Observation:
    def script(measurement: Any) -> None:
        rng = np.random.default_rng(int(measurement.time_s))
        measurement.values[:] = random_traffic(network, rng).values

    loop = ControlLoop(network, TimingRules())
    loop.reset(ScriptedPlant(network, script, start_s=100.0), expected)
    return loop.step([0] * len(network.signals)).observation


def test_the_default_schema_is_that_of_bundles_without_a_forecast() -> None:
    assert schema_hash() == DEFAULT_SCHEMA
    assert feature_names() == tuple(feature.name for feature in Feature)
    assert feature_names(inflow=True) == (*feature_names(), "INFLOW_5", "INFLOW_15")
    assert schema_hash(inflow=True) != DEFAULT_SCHEMA


@given(networks().filter(lambda network: network.lanes), st.integers(0, 99))
def test_the_inflow_comes_last_and_leaves_the_rest_as_it_is(network: Network, seed: int) -> None:
    expected = expectation(network, seed)
    without, with_it = look(network, None), look(network, expected)
    rows = with_it.scaled()
    assert rows.dtype == np.float32
    assert rows.shape[2] == len(feature_names(inflow=True))
    assert np.array_equal(rows[:, :, :FEATURES], without.scaled())
    inflow = np.minimum(expected.values[0] / INFLOW_SCALES, LIMIT)
    assert np.array_equal(rows[:, :, FEATURES:], inflow)
    assert np.array_equal(with_it.requestable, without.requestable)


@pytest.mark.parametrize(
    ("time_s", "step"), [(0.0, 0), (100.0, 0), (129.9, 0), (130.0, 1), (219.0, 3), (1e6, 3)]
)
def test_the_expectation_of_a_moment_is_that_of_its_step(time_s: float, step: int) -> None:
    expected = expectation(three_ways())
    assert np.array_equal(expected.at(time_s), expected.values[step])


def test_the_inflow_of_other_signals_is_refused() -> None:
    loop = ControlLoop(three_ways(), TimingRules())
    with pytest.raises(ConfigError, match="forecast it for this network"):
        loop.reset(ScriptedPlant(three_ways()), ExpectedInflow.nothing(7, 2))


def shown_to(policy: type[Policy], inflow: bool, seen: Observation) -> npt.NDArray[Any]:
    rows: list[FloatArray] = []

    def score(scaled: FloatArray) -> FloatArray:
        rows.append(scaled)
        return np.zeros(scaled.shape[:2], dtype=np.float32)

    policy(score, inflow).decide(seen)
    return rows[0]


def test_a_policy_without_forecast_is_not_shown_any() -> None:
    network = three_ways()
    seen = look(network, expectation(network))
    assert np.array_equal(shown_to(Policy, False, seen), look(network, None).scaled())
    assert np.array_equal(shown_to(Policy, True, seen), seen.scaled())


def test_a_policy_with_forecast_refuses_observations_without() -> None:
    with pytest.raises(ConfigError, match="expected observations with the inflow"):
        shown_to(Policy, True, look(three_ways(), None))
