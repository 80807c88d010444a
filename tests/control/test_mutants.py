"""Proof that the laws can fail: an interlock that is broken in one place is found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from signalrl.control import interlock as module
from signalrl.control.interlock import Interlock
from signalrl.control.monitor import Violation
from signalrl.network.model import BoolArray, Network, Phase, Signal
from signalrl.network.timing import Interval, TimingRules, transition
from tests.control import driving
from tests.control.driving import drive, regular
from tests.networks import junction

AUTO = TimingRules()
RESCO = TimingRules(yellow_s=3.0, red_clearance_s=0.0, min_green_s=5.0)
Way = tuple[Interval, ...]


def violations(
    network: Network, rules: TimingRules, interlock: Interlock | None = None
) -> list[Violation]:
    """Drive an interlock as the laws do, and return what the monitor finds."""
    return [
        violation
        for requests in (driving.at_random, driving.always_onward, driving.flip_flop)
        for violation in drive(
            network, rules, requests, times=regular(1.0, 40), interlock=interlock
        ).violations
    ]


def change_transitions(
    monkeypatch: pytest.MonkeyPatch, mutate: Callable[[Signal, int, int, Way], Way]
) -> None:
    """Replace what the interlock takes for the way from one phase to another."""

    def mutant(signal: Signal, start: int, end: int, rules: TimingRules) -> Way:
        return mutate(signal, start, end, transition(signal, start, end, rules))

    monkeypatch.setattr(module, "transition", mutant)


def yellow_dropped(signal: Signal, start: int, end: int, way: Way) -> Way:
    return tuple(interval for interval in way if interval.kind != "yellow")


def yellow_cut_by_a_second(signal: Signal, start: int, end: int, way: Way) -> Way:
    return tuple(
        replace(interval, duration_s=interval.duration_s - (interval.kind == "yellow"))
        for interval in way
    )


def yellow_shown_as_red(signal: Signal, start: int, end: int, way: Way) -> Way:
    return tuple(replace(interval, state=interval.state.replace("y", "r")) for interval in way)


def transition_skipped(signal: Signal, start: int, end: int, way: Way) -> Way:
    return ()


def transition_of_another_phase(signal: Signal, start: int, end: int, way: Way) -> Way:
    other = signal.phases[end - 1].state
    return tuple(replace(interval, state=other.replace("G", "y")) for interval in way)


def green_begins_in_the_yellow(signal: Signal, start: int, end: int, way: Way) -> Way:
    new = signal.phases[end].state
    return tuple(
        replace(
            interval,
            state="".join(
                n if n in "Gg" and w == "r" else w for n, w in zip(new, interval.state, strict=True)
            ),
        )
        for interval in way
    )


def red_clearance_dropped(signal: Signal, start: int, end: int, way: Way) -> Way:
    return tuple(interval for interval in way if interval.kind != "red")


def pedestrians_not_cleared(signal: Signal, start: int, end: int, way: Way) -> Way:
    return tuple(interval for interval in way if interval.kind != "walk")


class HastyInterlock(Interlock):
    """Grants every phase as soon as the last one is green."""

    def requestable(self, time_s: float) -> BoolArray:
        arrived = (self.phase == self.target)[:, None]
        exists = np.arange(self.network.max_phases) < driving.counts(self)[:, None]
        return np.where(arrived, exists, super().requestable(time_s))


@pytest.mark.parametrize("rules", [AUTO, RESCO], ids=["auto", "resco"])
def test_the_interlock_as_it_is_breaks_no_rule(resco: Network, rules: TimingRules) -> None:
    assert violations(resco, rules) == []
    assert violations(junction(), rules) == []


@pytest.mark.parametrize(
    ("mutate", "rule"),
    [
        (yellow_dropped, "without yellow"),
        (yellow_cut_by_a_second, "was yellow for"),
        (yellow_shown_as_red, "without yellow"),
        (transition_skipped, "without yellow"),
        (transition_of_another_phase, "without yellow"),
        (green_begins_in_the_yellow, "while its foe"),
    ],
)
@pytest.mark.parametrize("rules", [AUTO, RESCO], ids=["auto", "resco"])
def test_a_broken_yellow_is_found(
    resco: Network,
    monkeypatch: pytest.MonkeyPatch,
    mutate: Callable[[Signal, int, int, Way], Way],
    rule: str,
    rules: TimingRules,
) -> None:
    change_transitions(monkeypatch, mutate)
    for network in (resco, junction()):
        assert any(rule in violation.rule for violation in violations(network, rules))


def test_a_dropped_red_clearance_is_found(resco: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    change_transitions(monkeypatch, red_clearance_dropped)
    for network in (resco, junction()):
        assert any("turned red" in violation.rule for violation in violations(network, AUTO))


def test_pedestrians_that_are_not_cleared_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    change_transitions(monkeypatch, pedestrians_not_cleared)
    found = violations(junction(), RESCO)
    assert any("after its foe 2 turned red" in violation.rule for violation in found)


@pytest.mark.parametrize("rules", [AUTO, RESCO], ids=["auto", "resco"])
def test_an_ignored_minimum_green_is_found(resco: Network, rules: TimingRules) -> None:
    for network in (resco, junction()):
        found = violations(network, rules, HastyInterlock(network, rules))
        assert any("was green for" in violation.rule for violation in found)


def test_a_walk_that_is_too_short_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "min_green_s", lambda signal, phase, rules: rules.min_green_s)
    found = violations(junction(), RESCO)
    assert any("link 2 was green for 5 s, expected 7.00 s" in v.rule for v in found)


def test_a_conflicting_phase_is_found(resco: Network) -> None:
    for network in (resco, junction()):
        signals = tuple(
            replace(signal, phases=(*signal.phases, Phase(len(signal.phases), "G" * signal.size)))
            for signal in network.signals
        )
        found = violations(replace(network, signals=signals), RESCO)
        assert any("conflict and are both green" in violation.rule for violation in found)
