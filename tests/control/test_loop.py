"""The loop shows states when they are due, reports what was refused, and trips what is unsafe."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.control import interlock as interlock_module
from signalrl.control.interlock import Change, Interlock
from signalrl.control.loop import ControlLoop
from signalrl.control.measurement import Measurement
from signalrl.control.observation import Feature
from signalrl.control.scripted import ScriptedPlant
from signalrl.errors import ConfigError
from signalrl.network.model import Network
from signalrl.network.timing import TimingRules
from tests.control import driving
from tests.control.driving import drive, regular
from tests.networks import junction, make_network, networks, three_ways, timing_rules

RULES = TimingRules(yellow_s=3.0, red_clearance_s=2.0, min_green_s=5.0, max_red_s=None)


def two_junctions() -> Network:
    return make_network([replace(junction().signals[0], id=name) for name in "AB"])


def without_yellow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interlock_module, "transition", lambda signal, start, end, rules: ())


def test_states_are_shown_at_the_second_at_which_they_are_due() -> None:
    plant = ScriptedPlant(junction(), start_s=100.0)
    loop = ControlLoop(junction(), RULES)
    loop.reset(plant)
    assert plant.shown == [(100.0, 0, "Grr")]
    for phase in (0, 1, 1, 1, 0, 0, 0, 0):
        assert loop.step([phase]).held == ()
    assert plant.time_s == 140.0
    assert plant.shown == [
        (100.0, 0, "Grr"),
        (105.0, 0, "yrr"),
        (108.0, 0, "rrr"),
        (110.0, 0, "rGG"),
        (120.0, 0, "rGr"),
        (130.0, 0, "ryr"),
        (133.0, 0, "rrr"),
        (135.0, 0, "Grr"),
    ]
    assert (loop.vetoes, loop.violations) == (0, [])


@given(
    networks(),
    timing_rules(),
    st.sampled_from([5.0, 3.7, 0.3, 1.1, 7.77, 11.0]),
    st.sampled_from([0.0, 0.7, 25200.0]),
    st.integers(0, 999),
)
def test_any_interval_shows_what_the_interlock_decides_and_breaks_no_rule(
    network: Network, rules: TimingRules, interval_s: float, start_s: float, seed: int
) -> None:
    times = regular(interval_s, 40, start_s)
    alone = drive(network, rules, driving.at_random, interval_s=interval_s, times=times, seed=seed)
    plant = ScriptedPlant(network, start_s=start_s)
    loop = ControlLoop(network, rules, interval_s)
    loop.reset(plant)
    for decision in alone.decisions:
        step = loop.step(decision.wanted)
        refused = {i: why for i, why in enumerate(decision.reasons) if why != "accepted"}
        assert dict(step.held) == refused
    assert loop.violations == []
    assert plant.shown == [(s.time_s, s.signal, s.state) for s in alone.shown]


def test_between_decisions_and_changes_the_plant_runs_on_its_own() -> None:
    stops: list[float] = []

    class Watched(ScriptedPlant):
        def advance(self, time_s: float) -> None:
            stops.append(time_s)
            super().advance(time_s)

    loop = ControlLoop(three_ways(), RULES, interval_s=7.0)
    loop.reset(Watched(three_ways()))
    loop.step([0])
    loop.step([1])
    assert stops == [7.0, 10.0, 12.0, 14.0]


def test_what_is_seen_is_measured_at_the_end_of_the_interval() -> None:
    def script(measurement: Measurement) -> None:
        measurement.values[:] = measurement.time_s

    loop = ControlLoop(three_ways(), RULES, interval_s=2.5)
    first = loop.reset(ScriptedPlant(three_ways(), script))
    assert (first.time_s, first.features[0, 0, Feature.QUEUED]) == (0.0, 0.0)
    step = loop.step([0])
    assert step.observation.time_s == 2.5
    assert step.observation.features[0, 0, Feature.QUEUED] == 2.5


def test_refusals_are_counted_and_explained() -> None:
    loop = ControlLoop(two_junctions(), RULES)
    loop.reset(ScriptedPlant(two_junctions()))
    held = [loop.step(phases).held for phases in ([1, 0], [1, 9], [0, 1], [0, 0], [0, -1], [1, 0])]
    assert held == [
        ((0, "held: minimum green, 5 s left"),),
        ((1, "held: expected a phase below 2"),),
        ((0, "held: clearance, 0 s left"),),
        ((0, "held: minimum green, 2 s left"), (1, "held: clearance, 0 s left")),
        ((1, "held: expected a phase below 2"),),
        ((0, "held: clearance, 10 s left"),),
    ]
    assert loop.vetoes == 7


def test_a_reset_forgets_vetoes_and_begins_with_the_first_phase() -> None:
    loop = ControlLoop(junction(), RULES)
    loop.reset(ScriptedPlant(junction()))
    for phase in (1, 1, 1):
        loop.step([phase])
    assert loop.vetoes == 1
    again = ScriptedPlant(junction(), start_s=3.0)
    observation = loop.reset(again)
    assert loop.vetoes == 0
    assert again.shown == [(3.0, 0, "Grr")]
    assert observation.time_s == 3.0
    assert observation.current.tolist() == [0]


def test_a_signal_whose_state_is_unsafe_flashes_and_obeys_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    without_yellow(monkeypatch)
    network = two_junctions()
    plant = ScriptedPlant(network)
    loop = ControlLoop(network, RULES)
    loop.reset(plant)
    with caplog.at_level(logging.ERROR):
        for phases in ([0, 0], [1, 0], [1, 0], [1, 0], [0, 0], [0, 0]):
            loop.step(phases)
    assert plant.shown == [(0.0, 0, "Grr"), (0.0, 1, "Grr"), (5.0, 0, "ooo")]
    assert [(v.time_s, v.signal, v.state) for v in loop.violations] == [(5.0, "A", "rGG")]
    assert "signal A flashes: link 0 goes from green to 'r' without yellow" in caplog.text


def test_a_reset_ends_the_flashing(monkeypatch: pytest.MonkeyPatch) -> None:
    without_yellow(monkeypatch)
    loop = ControlLoop(junction(), RULES)
    loop.reset(ScriptedPlant(junction()))
    loop.step([0])
    loop.step([1])
    assert len(loop.violations) == 1
    plant = ScriptedPlant(junction())
    loop.reset(plant)
    assert loop.violations == []
    assert plant.shown == [(0.0, 0, "Grr")]


def test_flashing_has_a_letter_for_every_position_whatever_the_state_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(self: Interlock, time_s: float) -> list[Change]:
        self.next_change_s = np.inf
        return [(0, "")]

    monkeypatch.setattr(Interlock, "advance", broken)
    plant = ScriptedPlant(junction())
    ControlLoop(junction(), RULES).reset(plant)
    assert plant.shown == [(0.0, 0, "ooo")]


def test_the_loop_stops_where_the_plant_ends() -> None:
    loop = ControlLoop(junction(), RULES)
    loop.reset(ScriptedPlant(junction(), end_s=8.0))
    assert not loop.step([0]).ended
    step = loop.step([1])
    assert step.ended
    assert step.observation.time_s == 8.0


@pytest.mark.parametrize("interval_s", [0.0, -5.0])
def test_an_interval_that_does_not_pass_time_is_an_error(interval_s: float) -> None:
    with pytest.raises(ConfigError, match="decision interval above 0 s"):
        ControlLoop(junction(), RULES, interval_s)
