from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from signalrl.control.monitor import Monitor
from signalrl.forecast.plans import SignalPlan
from signalrl.forecast.switching import unroll
from signalrl.network.model import Signal
from signalrl.network.timing import GREEN, TimingRules, lasting_green_s, min_green_s
from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.reader import read_network

SCENARIO = load_scenario("arena")
RULES = SCENARIO.timing
NETWORK = read_network(SCENARIO.network_file)
SIGNALS = NETWORK.signals


def some_plan(random: np.random.Generator, signal: Signal) -> SignalPlan:
    """Any plan: phases in any order, also one that shares its first or last with others."""
    phases = [int(p) for p in random.permutation(len(signal.phases))]
    phases = phases[: max(2, int(random.integers(2, len(phases) + 1)))]
    greens = [round(min_green_s(signal, p, RULES)) + int(random.integers(0, 40)) for p in phases]
    plan = SignalPlan(tuple(phases), tuple(greens))
    offset_s = int(random.integers(0, plan.cycle_s(signal, RULES)))
    return SignalPlan(plan.phases, plan.greens_s, offset_s)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(0, len(SIGNALS) - 1))
def test_every_change_is_cleared_and_every_plan_falls_into_step(seed: int, number: int) -> None:
    random, signal = np.random.default_rng(seed), SIGNALS[number]
    begins_s = np.cumsum(random.integers(600, 2000, 4)).tolist()
    plans = [(float(s), some_plan(random, signal)) for s in begins_s]
    end_s = begins_s[-1] + 1500.0
    shown = unroll(signal, plans, end_s, RULES)
    assert begins_s[0] + sum(k.duration_s for k in shown) >= end_s
    assert all(a.state != b.state for a, b in pairwise(shown))
    monitor = Monitor(NETWORK, RULES)
    monitor.reset(0.0)
    time_s = float(begins_s[0])
    starts: list[tuple[float, str]] = []
    for state, duration_s in shown:
        assert monitor.check(number, state, time_s) is None
        starts.append((time_s, state))
        time_s += duration_s
    for state, duration_s in shown:  # SUMO begins anew behind the end of a program
        assert monitor.check(number, state, time_s) is None
        time_s += duration_s
    longest_s = max(plan.cycle_s(signal, RULES) for _, plan in plans)
    for (begin_s, plan), until_s in zip(plans, [*begins_s[1:], end_s], strict=True):
        cycle_s, first = plan.cycle_s(signal, RULES), plan.phases[0]
        # The one before may end late by half a cycle, and then there are two longer ones.
        from_s, to_s = begin_s + longest_s + 4 * cycle_s, until_s - cycle_s
        if to_s - from_s <= 1.5 * cycle_s:
            continue
        assert plan.offset_s is not None
        at_s = plan.offset_s + plan.changes_s(signal, RULES)[0]
        state = signal.phases[first].state
        settled = [s for s, shows in starts if from_s <= s < to_s and shows == state]
        assert settled
        assert all((s - at_s) % cycle_s == 0 for s in settled)


def test_a_short_green_waits_for_what_is_left_to_be_cleared() -> None:
    """Who was long on the way is not in the way of the next phase, but of the one after it."""
    network = read_network(load_scenario("resco-ingolstadt21").network_file)
    rules = TimingRules(min_green_s=1.0)
    violations = {min_green_s: 0, lasting_green_s: 0}
    for number, signal in enumerate(network.signals):
        for phases in permutations(range(len(signal.phases)), 3):
            for least_s in violations:
                greens_s = tuple(round(least_s(signal, phase, rules)) for phase in phases)
                plan = SignalPlan(phases, greens_s)
                for shown in (
                    plan.program(signal, rules).steps * 2,
                    unroll(signal, [(0.0, plan)], 200.0, rules),
                ):
                    monitor, time_s = Monitor(network, rules), 0.0
                    monitor.reset(time_s)
                    for step in shown:
                        violation = monitor.check(number, step.state, time_s)
                        violations[least_s] += violation is not None
                        time_s += step.duration_s
    assert violations[lasting_green_s] == 0
    assert violations[min_green_s] > 0


def test_no_green_is_above_the_longest_of_the_city() -> None:
    signal = next(s for s in SIGNALS if len(s.phases) == 4)
    for longest_s in (8.0, 30.0):
        rules = TimingRules(max_green_s=longest_s)
        plan = SignalPlan((0, 1, 2, 3), (8, 7, 8, 6), 17)
        shown = unroll(signal, [(0.0, plan)], 2000.0, rules)
        greens = {state.state: 0 for state in signal.phases}
        for state, duration_s in shown:
            if state in greens:
                greens[state] = max(greens[state], duration_s)
        assert 8 <= max(greens.values()) <= longest_s


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(0, len(SIGNALS) - 1), st.sampled_from([10, 30]))
def test_no_green_is_above_the_longest_where_plans_change(
    seed: int, number: int, longest_s: int
) -> None:
    """Greens of the longest have no room for the change that a first cycle saves."""
    random, signal = np.random.default_rng(seed), SIGNALS[number]
    rules = TimingRules(max_green_s=longest_s + 0.5)
    begins_s = np.cumsum(random.integers(300, 600, 4)).tolist()
    plans = []
    for begin_s in begins_s:
        phases = some_plan(random, signal).phases
        greens_s = (longest_s,) * len(phases)
        if random.integers(2):  # some have room to fall into step
            greens_s = tuple(round(min_green_s(signal, p, rules)) for p in phases)
        cycle_s = SignalPlan(phases, greens_s).cycle_s(signal, rules)
        plans.append((begin_s, SignalPlan(phases, greens_s, int(random.integers(cycle_s)))))
    shown = unroll(signal, plans, begins_s[-1] + 600.0, rules)
    assert begins_s[0] + sum(k.duration_s for k in shown) >= begins_s[-1] + 600.0
    monitor, time_s = Monitor(NETWORK, rules), float(begins_s[0])
    monitor.reset(0.0)
    states = {phase.state for phase in signal.phases}
    for state, duration_s in shown:
        assert monitor.check(number, state, time_s) is None
        assert duration_s > 0
        assert state not in states or duration_s <= longest_s
        time_s += duration_s


def test_a_plan_falls_into_step_behind_a_first_cycle_that_is_shorter() -> None:
    """Its first phase is shown already, and for as long as may be."""
    signal = next(s for s in SIGNALS if len(s.phases) == 4)
    rules = TimingRules(max_green_s=40.0)
    before, after = SignalPlan((2, 0), (40, 40)), SignalPlan((0, 2), (30, 30), 11)
    cycle_s = after.cycle_s(signal, rules)
    time_s, starts = 0, []
    for state, duration_s in unroll(signal, [(0.0, before), (500.0, after)], 2500.0, rules):
        if state == signal.phases[0].state:
            starts.append(time_s - after.changes_s(signal, rules)[0])
        time_s += duration_s
    settled = [s for s in starts if s > 500 + 8 * cycle_s]
    assert len(settled) > 5
    assert all((s - 11) % cycle_s == 0 for s in settled)


def test_a_plan_changes_with_the_cycle_that_ends_next_to_its_minute() -> None:
    signal = next(s for s in SIGNALS if len(s.phases) == 4)
    before, after = SignalPlan((0, 2), (30, 30)), SignalPlan((0, 1, 2, 3), (20, 20, 20, 20))
    shown = unroll(signal, [(0.0, before), (1000.0, after)], 2000.0, RULES)
    time_s, first = 0.0, 0.0
    for state, duration_s in shown:
        if state == signal.phases[1].state:
            first = time_s
            break
        time_s += duration_s
    assert abs(first - 1000.0) <= before.cycle_s(signal, RULES)


def test_a_plan_of_a_few_minutes_ends_in_time_though_it_falls_into_step() -> None:
    signal = next(s for s in SIGNALS if len(s.phases) == 4)
    first = SignalPlan((0, 2), (30, 30))
    then = SignalPlan((0, 1, 2, 3), (20, 20, 20, 20))
    cycle_s = first.cycle_s(signal, RULES)
    for offset_s in range(0, cycle_s, 5):
        for until_s in (37.0, 60.0, 90.0, 120.0, 173.0, 300.0):
            plan = SignalPlan(first.phases, first.greens_s, offset_s)
            shown = unroll(signal, [(0.0, plan), (until_s, then)], 2000.0, RULES)
            ends_s = np.cumsum([duration_s for _, duration_s in shown]).tolist()
            states = [state for state, _ in shown]
            at_s = ends_s[states.index(signal.phases[1].state) - 1]
            assert all(duration_s > 0 for _, duration_s in shown)
            changes_s = 20 + sum(then.changes_s(signal, RULES)[:2])
            assert abs(at_s - changes_s - until_s) <= cycle_s / 2 + changes_s


def test_a_plan_that_would_not_last_for_a_cycle_is_left_out() -> None:
    signal = next(s for s in SIGNALS if len(s.phases) == 4)
    usual, short = SignalPlan((0, 2), (30, 30)), SignalPlan((0, 1, 2, 3), (20, 20, 20, 20))
    plans = [(0.0, usual), (1000.0, short), (1020.0, usual)]
    shown = unroll(signal, plans, 2000.0, RULES)
    greens = {k.state for k in shown if set(GREEN) & set(k.state) and "y" not in k.state}
    assert signal.phases[1].state not in greens
