"""Laws of the interlock, over random networks, rules and requests, the worst ones included."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.control.interlock import Interlock, Verdict
from signalrl.errors import ConfigError
from signalrl.network.model import Network
from signalrl.network.phases import greens
from signalrl.network.timing import GREEN, TimingRules, min_green_s
from tests.control import driving
from tests.control.driving import Trace, drive, regular
from tests.networks import junction, make_network, networks, three_ways, timing_rules

TINY_S = 1e-6
LONGEST_RED_CLEARANCE_S = 6.0
RULES = TimingRules(yellow_s=3.0, red_clearance_s=2.0, min_green_s=5.0, max_red_s=None)


@st.composite
def decision_times(draw: st.DrawFn) -> list[float]:
    """Draw times of decisions: regular, or with random ones left out."""
    interval_s = draw(st.sampled_from([1.0, 2.5, 3.7, 5.0, 10.0, 0.1 + 0.2]))
    times = regular(interval_s, 60, start_s=draw(st.sampled_from([0.0, 25200.0, 0.7])))
    if draw(st.booleans()):
        kept = np.random.default_rng(draw(st.integers(0, 99))).random(len(times)) < 0.7
        times = [time_s for time_s, keep in zip(times, kept, strict=True) if keep]
    return times


@st.composite
def traces(
    draw: st.DrawFn, rules: st.SearchStrategy[TimingRules] | None = None, late_s: float = 0.0
) -> Trace:
    times = draw(decision_times())
    return drive(
        draw(networks()),
        draw(timing_rules() if rules is None else rules),
        draw(st.sampled_from(driving.ADVERSARIES)),
        interval_s=max(b - a for a, b in pairwise(times)),
        times=times,
        seed=draw(st.integers(0, 999)),
        late_s=late_s,
    )


def longest_hold_s(trace: Trace, signal: int) -> float:
    """How long a phase may be held at most before another may follow."""
    green_s = [
        min_green_s(trace.network.signals[signal], phase.index, trace.rules)
        for phase in trace.network.signals[signal].phases
    ]
    return max(*green_s, LONGEST_RED_CLEARANCE_S)


# What is shown


@given(traces())
def test_the_monitor_finds_nothing_wrong_with_any_state(trace: Trace) -> None:
    assert trace.violations == []


@given(traces(late_s=2.0))
def test_changes_that_come_late_are_still_safe(trace: Trace) -> None:
    assert trace.violations == []


@given(traces())
def test_every_phase_keeps_its_minimum_green(trace: Trace) -> None:
    for green in trace.greens():
        if green.ended:
            least_s = min_green_s(trace.network.signals[green.signal], green.phase, trace.rules)
            assert green.end_s - green.begin_s >= least_s - TINY_S


@given(traces(timing_rules(max_green=True)))
def test_no_phase_outlasts_its_maximum_green_by_more_than_an_interval(trace: Trace) -> None:
    assert trace.rules.max_green_s is not None
    for green in trace.greens():
        most_s = max(trace.rules.max_green_s, longest_hold_s(trace, green.signal))
        assert green.end_s - green.begin_s <= most_s + trace.interval_s + TINY_S


@given(traces(timing_rules(max_red=True)))
def test_no_link_that_a_phase_serves_stays_red_much_longer_than_the_maximum_red(
    trace: Trace,
) -> None:
    """The maximum may be missed only where several links are overdue at once.

    Service is forced one interval and the longest clearance before the maximum. By then a change
    to one phase may have begun, which keeps its green; each of the other phases may have to be
    served first, since its links are red for longer; a last clearance leads to the link's own.
    """
    assert trace.rules.max_red_s is not None
    for i, signal in enumerate(trace.network.signals):
        clearance_s = float(trace.interlock.clearance_s[i].max())
        lead_s = trace.interval_s + clearance_s
        visit_s = clearance_s + longest_hold_s(trace, i) + trace.interval_s
        bound_s = max(trace.rules.max_red_s - lead_s, 0.0)
        bound_s += (len(signal.phases) - 1) * visit_s + clearance_s
        served = {k for phase in signal.phases for k in greens(phase.state)}
        for k in served & {link.position for link in signal.links}:
            red_since_s = trace.shown[0].time_s
            for before, shown in pairwise(trace.of(i)):
                if before.state[k] in GREEN and shown.state[k] not in GREEN:
                    red_since_s = shown.time_s
                if before.state[k] not in GREEN:
                    assert shown.time_s - red_since_s <= bound_s + TINY_S
            if trace.of(i)[-1].state[k] not in GREEN:
                assert trace.end_s - red_since_s <= bound_s + TINY_S


@given(traces(timing_rules(cyclic=True)))
def test_phases_of_a_cyclic_signal_follow_the_order_of_the_program(trace: Trace) -> None:
    for before, after in pairwise(trace.greens()):
        if before.signal == after.signal:
            phases = len(trace.network.signals[before.signal].phases)
            assert after.phase == (before.phase + 1) % phases


@given(traces())
def test_links_that_are_green_in_two_phases_stay_green_from_one_to_the_other(trace: Trace) -> None:
    """But for those that have to yield from now on to a foe that starts: they are stopped first."""
    for i, signal in enumerate(trace.network.signals):
        states = trace.of(i)
        phases = [k for k, shown in enumerate(states) if shown.phase is not None]
        for first, last in pairwise(phases):
            old, new = states[first].state, states[last].state
            starting = [
                j
                for j, letters in enumerate(zip(old, new, strict=True))
                if letters[1] in GREEN and (letters[0] not in GREEN or letters == ("g", "G"))
            ]
            for k, letters in enumerate(zip(old, new, strict=True)):
                demoted = letters == ("G", "g") and signal.foes[k, starting].any()
                if letters[0] in GREEN and letters[1] in GREEN and not demoted:
                    assert all(shown.state[k] == old[k] for shown in states[first:last])


@given(traces())
def test_every_shown_phase_is_one_of_the_signals_phases(trace: Trace) -> None:
    for shown in trace.shown:
        if shown.phase is not None:
            assert shown.state == trace.network.signals[shown.signal].phases[shown.phase].state


# What is answered


@given(traces())
def test_a_request_is_accepted_exactly_if_the_mask_allows_it(trace: Trace) -> None:
    for decision, i in trace.answers():
        wanted, phases = int(decision.wanted[i]), len(trace.network.signals[i].phases)
        allowed = 0 <= wanted < phases and decision.mask[i, wanted]
        assert (decision.verdicts[i] is Verdict.ACCEPTED) == allowed
        assert (decision.reasons[i] == "accepted") == allowed
        if not 0 <= wanted < phases:
            assert decision.verdicts[i] is Verdict.UNKNOWN_PHASE
        if allowed:
            assert decision.after[i] == wanted


@given(traces())
def test_an_accepted_phase_is_shown_after_exactly_the_clearance(trace: Trace) -> None:
    for decision, i in trace.answers():
        before, after = decision.before[i], decision.after[i]
        due_s = decision.time_s + float(trace.interlock.clearance_s[i, before, after])
        if before != after and due_s < trace.end_s - TINY_S:
            later = (s for s in trace.of(i) if s.time_s >= decision.time_s and s.phase == after)
            assert next(later).time_s == pytest.approx(due_s, abs=TINY_S)


@given(traces())
def test_a_refused_request_changes_nothing_unless_a_limit_forces_a_change(trace: Trace) -> None:
    for decision, i in trace.answers():
        if decision.verdicts[i] is not Verdict.ACCEPTED and decision.before[i] != decision.after[i]:
            assert not decision.mask[i, decision.before[i]]
            assert decision.mask[i, decision.after[i]]
            assert trace.rules.max_green_s is not None or trace.rules.max_red_s is not None


@given(traces())
def test_the_mask_is_zero_where_a_signal_has_no_phase(trace: Trace) -> None:
    for decision, i in trace.answers():
        assert not decision.mask[i, len(trace.network.signals[i].phases) :].any()


@given(networks(), timing_rules(), st.sampled_from(driving.ADVERSARIES), st.integers(0, 999))
def test_every_signal_may_be_asked_for_something_at_any_time(
    network: Network, rules: TimingRules, requests: driving.Requests, seed: int
) -> None:
    def probe(interlock: Interlock, time_s: float) -> None:
        assert interlock.requestable(time_s).any(axis=1).all()

    drive(network, rules, requests, seed=seed, probe=probe)


@given(networks(), timing_rules(), st.integers(0, 999))
def test_who_obeys_the_mask_is_never_refused(
    network: Network, rules: TimingRules, seed: int
) -> None:
    trace = drive(network, rules, driving.obedient, seed=seed)
    assert all(v is Verdict.ACCEPTED for d in trace.decisions for v in d.verdicts)


@given(traces())
def test_a_refusal_says_how_many_seconds_are_left_and_keeps_its_word(trace: Trace) -> None:
    begun: dict[int, list[float]] = {
        i: [s.time_s for s in trace.of(i) if s.phase is not None]
        for i in range(len(trace.network.signals))
    }
    for decision, i in trace.answers():
        told = re.fullmatch(r"held: (clearance|minimum green), (\S+) s left", decision.reasons[i])
        waits = decision.verdicts[i] in (Verdict.TRANSITION, Verdict.MIN_GREEN)
        assert (told is not None) == waits
        if told is None:
            continue
        over_s = decision.time_s + float(told[2])
        assert over_s >= decision.time_s
        if told[1] == "clearance" and over_s < trace.end_s - 0.1:
            assert any(abs(time_s - over_s) < 0.1 for time_s in begun[i])
        if told[1] == "minimum green":
            later = [d for d in trace.decisions if d.time_s >= decision.time_s]
            for other in later:
                only_what_is_shown = other.mask[i].tolist().count(True) == 1
                if other.time_s < over_s - 0.1:
                    assert only_what_is_shown
                    assert other.before[i] == other.after[i]
                elif other.time_s > over_s + 0.1:
                    assert other.verdicts[i] is not Verdict.MIN_GREEN
                if other.before[i] != other.after[i] or other.time_s > over_s:
                    break


def test_the_answers_in_words() -> None:
    rules = replace(RULES, max_green_s=12.0, max_red_s=40.0)
    interlock = Interlock(three_ways(), rules, 1.0)

    def ask(phase: int, time_s: float) -> str:
        interlock.advance(time_s)
        verdict = interlock.request([phase], time_s)[0]
        interlock.advance(time_s)
        return interlock.explain(0, verdict, time_s)

    assert ask(0, 0.0) == "accepted"
    assert ask(1, 3.0) == "held: minimum green, 2 s left"
    assert ask(3, 4.0) == "held: expected a phase below 3"
    assert ask(-1, 4.0) == "held: expected a phase below 3"
    assert ask(0, 12.0) == "forced: maximum green of 12 s is over"
    assert ask(2, 14.0) == "held: clearance, 3 s left"
    assert interlock.target.tolist() == [1]
    interlock.advance(15.0)
    assert ask(1, 17.0) == "accepted"
    assert ask(0, 25.0) == "accepted"
    interlock.advance(28.0)
    assert ask(0, 30.0) == "accepted"
    assert ask(1, 36.0) == "forced: a movement nears the maximum red of 40 s"
    assert interlock.target.tolist() == [2]


def test_the_order_of_the_program_is_named_as_a_reason() -> None:
    interlock = Interlock(three_ways(), replace(RULES, cyclic=True))
    interlock.advance(0.0)
    assert interlock.requestable(5.0).tolist() == [[True, True, False]]
    verdict = interlock.request([2], 5.0)[0]
    assert interlock.explain(0, verdict, 5.0) == "held: phases follow the order of the program"
    assert interlock.target.tolist() == [0]


def test_a_request_of_another_shape_is_an_error() -> None:
    interlock = Interlock(three_ways(), RULES)
    with pytest.raises(ConfigError, match=r"expected one phase for each of 1 signals.*\(2,\)"):
        interlock.request([0, 1], 0.0)


def test_the_mask_cannot_be_opened_from_outside() -> None:
    interlock = Interlock(three_ways(), RULES)
    interlock.advance(0.0)
    mask = interlock.requestable(1.0)
    with pytest.raises(ValueError, match="read-only"):
        mask[:] = True
    assert interlock.request([1], 1.0) == [Verdict.MIN_GREEN]


# Time


@given(networks(), timing_rules(), st.sampled_from(driving.ADVERSARIES), st.integers(0, 999))
def test_nothing_changes_between_the_announced_changes(
    network: Network, rules: TimingRules, requests: driving.Requests, seed: int
) -> None:
    def probe(interlock: Interlock, time_s: float) -> None:
        if time_s < interlock.next_change_s:
            assert interlock.advance(time_s) == []

    asked = drive(network, rules, requests, seed=seed, probe=probe)
    replayed = driving.replay([decision.wanted for decision in asked.decisions])
    left_alone = drive(network, rules, replayed, seed=seed)
    assert asked.shown == left_alone.shown


@given(networks(), timing_rules(), st.sampled_from(driving.ADVERSARIES), st.integers(0, 999))
def test_the_same_requests_get_the_same_answers_and_a_reset_forgets_everything(
    network: Network, rules: TimingRules, requests: driving.Requests, seed: int
) -> None:
    first = drive(network, rules, requests, seed=seed)
    again = drive(network, rules, requests, seed=seed, interlock=first.interlock)
    assert again.shown == first.shown
    for a, b in zip(first.decisions, again.decisions, strict=True):
        assert a.verdicts == b.verdicts
        assert a.reasons == b.reasons
        np.testing.assert_array_equal(a.mask, b.mask)


@given(networks(), timing_rules(), st.sampled_from(driving.ADVERSARIES), st.integers(1, 90_000))
def test_the_hour_of_the_day_does_not_matter(
    network: Network, rules: TimingRules, requests: driving.Requests, start_s: int
) -> None:
    midnight = drive(network, rules, requests)
    later = drive(network, rules, requests, times=regular(5.0, 60, float(start_s)))
    moved = [replace(shown, time_s=shown.time_s + start_s) for shown in midnight.shown]
    assert later.shown == moved


@given(networks(), timing_rules(), st.sampled_from(driving.ADVERSARIES), st.integers(0, 999))
def test_signals_do_not_know_of_each_other(
    network: Network, rules: TimingRules, requests: driving.Requests, seed: int
) -> None:
    together = drive(network, rules, requests, seed=seed)
    for i, signal in enumerate(network.signals):
        rows = [decision.wanted[i : i + 1] for decision in together.decisions]
        alone = drive(make_network([signal]), rules, driving.replay(rows))
        assert [replace(shown, signal=i) for shown in alone.shown] == together.of(i)


# By hand


def test_a_change_from_request_to_green() -> None:
    interlock = Interlock(junction(), RULES)
    assert interlock.clearance_s.tolist() == [[[0.0, 5.0], [15.0, 0.0]]]
    assert interlock.advance(0.0) == [(0, "Grr")]
    assert interlock.request([1], 10.0) == [Verdict.ACCEPTED]
    assert (interlock.phase.tolist(), interlock.target.tolist()) == ([0], [1])
    assert interlock.advance(10.0) == [(0, "yrr")]
    assert interlock.next_change_s == 13.0
    assert interlock.advance(13.0) == [(0, "rrr")]
    assert interlock.next_change_s == 15.0
    assert interlock.advance(15.0) == [(0, "rGG")]
    assert (interlock.phase.tolist(), interlock.target.tolist()) == ([1], [1])
    assert interlock.next_change_s == np.inf


def test_pedestrians_walk_for_seven_seconds_and_then_have_time_to_clear() -> None:
    interlock = Interlock(junction(), RULES)
    interlock.advance(0.0)
    interlock.request([1], 5.0)
    for time_s in (5.0, 8.0, 10.0):
        interlock.advance(time_s)
    assert interlock.request([0], 16.0) == [Verdict.MIN_GREEN]
    assert interlock.request([0], 17.0) == [Verdict.ACCEPTED]
    assert interlock.advance(17.0) == [(0, "rGr")]
    assert interlock.advance(27.0) == [(0, "ryr")]
    assert interlock.advance(30.0) == [(0, "rrr")]
    assert interlock.advance(32.0) == [(0, "Grr")]
