"""A policy takes the best phase that may be requested, and a broken one takes none."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from signalrl.control.controllers import Policy
from signalrl.control.loop import ControlLoop
from signalrl.control.measurement import FloatArray
from signalrl.control.observation import FEATURES, Observation
from signalrl.control.scripted import ScriptedPlant
from signalrl.network.timing import TimingRules
from tests.networks import networks


@st.composite
def moments(draw: st.DrawFn) -> tuple[Observation, FloatArray]:
    """Draw what is seen after some decisions, and a logit per phase, finite."""
    network = draw(networks().filter(lambda network: network.lanes))
    loop = ControlLoop(network, TimingRules())
    observation = loop.reset(ScriptedPlant(network))
    for _ in range(draw(st.integers(0, 4))):
        phases = [draw(st.integers(0, len(s.phases) - 1)) for s in network.signals]
        observation = loop.step(phases).observation
    count = observation.requestable.size
    numbers = draw(st.lists(st.floats(-50, 50, width=32), min_size=count, max_size=count))
    return observation, np.array(numbers, np.float32).reshape(observation.requestable.shape)


@given(moments())
def test_it_takes_the_best_phase_that_may_be_requested(moment: Any) -> None:
    observation, logits = moment
    seen = []
    policy = Policy(lambda rows: seen.append(rows) or logits)
    phases = policy.decide(observation)
    for signal, phase in enumerate(phases):
        may = observation.requestable[signal]
        assert may[phase]
        assert logits[signal, phase] == logits[signal, may].max()
    assert policy.failures == 0
    assert seen[0].shape == (*logits.shape, FEATURES)
    assert np.array_equal(seen[0], observation.scaled())


@given(moments(), st.data())
def test_a_signal_without_valid_logits_keeps_what_it_shows(
    moment: Any, data: st.DataObject
) -> None:
    observation, logits = moment
    sound = Policy(lambda _: logits).decide(observation)
    broken = data.draw(st.sets(st.integers(0, len(logits) - 1)))
    spoiled = logits.copy()
    for signal in broken:
        may = np.flatnonzero(observation.requestable[signal])
        wrong = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
        spoiled[signal, data.draw(st.sampled_from(may.tolist()))] = wrong
    policy = Policy(lambda _: spoiled)
    phases = policy.decide(observation)
    assert policy.failures == len(broken)
    for signal, phase in enumerate(phases):
        assert phase == (observation.current[signal] if signal in broken else sound[signal])


@given(moments())
def test_infinity_may_mask_what_may_not_be_requested(moment: Any) -> None:
    observation, logits = moment
    masked = np.where(observation.requestable, logits, -np.inf)
    policy = Policy(lambda _: masked)
    expected = Policy(lambda _: logits).decide(observation)
    assert policy.decide(observation).tolist() == expected.tolist()
    assert policy.failures == 0
