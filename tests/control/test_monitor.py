"""The monitor alone, against sequences of states that are written by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.control.monitor import Monitor, Violation
from signalrl.network.model import Network
from signalrl.network.timing import TimingRules
from tests.networks import crosswalk, junction, make_network, make_signal, way

RULES = TimingRules(yellow_s=3.0, red_clearance_s=2.0, min_green_s=5.0)
STATES = tuple[tuple[float, str], ...]
CYCLE: STATES = (
    (0.0, "Grr"),
    (5.0, "yrr"),
    (8.0, "rrr"),
    (10.0, "rGG"),
    (17.0, "rGr"),
    (27.0, "ryr"),
    (30.0, "rrr"),
    (32.0, "Grr"),
)
"""Two streets and a crosswalk (see :func:`tests.networks.junction`) as fast as the rules allow."""


def judge(
    states: STATES, network: Network | None = None, rules: TimingRules = RULES
) -> list[str | None]:
    """What the monitor says of each state of a signal."""
    monitor = Monitor(junction() if network is None else network, rules)
    monitor.reset(states[0][0])
    found = [monitor.check(0, state, time_s) for time_s, state in states]
    return [violation and violation.rule for violation in found]


def delayed(states: STATES, index: int, by_s: float) -> STATES:
    """The same states, those from an index on later or earlier."""
    return tuple((t + by_s if k >= index else t, state) for k, (t, state) in enumerate(states))


def test_a_cycle_as_fast_as_the_rules_allow_breaks_none() -> None:
    assert judge(CYCLE) == [None] * len(CYCLE)


@given(st.integers(1, len(CYCLE) - 1), st.floats(0.0, 100.0))
def test_nothing_is_wrong_with_a_change_that_comes_later(index: int, by_s: float) -> None:
    assert judge(delayed(CYCLE, index, by_s)) == [None] * len(CYCLE)


@pytest.mark.parametrize(
    ("index", "rule"),
    [
        (1, "link 0 was green for 4.9 s, expected 5.00 s"),
        (2, "link 0 was yellow for 2.9 s, expected 3.00 s"),
        (3, "link 1 turns green 1.9 s after its foe 0 turned red, expected 2.00 s"),
        (4, "link 2 was green for 6.9 s, expected 7.00 s"),
        (6, "link 1 was yellow for 2.9 s, expected 3.00 s"),
        (7, "link 0 turns green 1.9 s after its foe 1 turned red, expected 2.00 s"),
    ],
)
def test_a_change_that_comes_too_early_is_found_where_it_comes(index: int, rule: str) -> None:
    found = judge(delayed(CYCLE, index, -0.1))
    assert found[index] == rule
    assert found[:index] == [None] * index


@given(st.integers(1, len(CYCLE) - 1), st.floats(0.0, 1e6))
def test_the_hour_of_the_day_does_not_matter(index: int, start_s: float) -> None:
    moved = tuple((start_s + time_s, state) for time_s, state in CYCLE)
    assert judge(moved) == [None] * len(CYCLE)
    assert judge(delayed(moved, index, -0.1))[index] == judge(delayed(CYCLE, index, -0.1))[index]


def test_pedestrians_on_their_way_hold_the_vehicles_back() -> None:
    states = ((0.0, "rGG"), (20.0, "rGr"), (24.0, "ryr"), (27.0, "rrr"), (29.0, "Grr"))
    assert judge(states)[-1] == (
        "link 0 turns green 9 s after its foe 2 turned red, expected 10.00 s"
    )


def test_foes_are_never_both_green() -> None:
    assert judge(((0.0, "GGr"),)) == ["links 0 and 1 conflict and are both green"]
    assert judge(((0.0, "rGG"), (50.0, "GGG")))[1] == "links 0 and 1 conflict and are both green"


def test_a_permissive_green_yields_and_is_no_conflict() -> None:
    assert judge(((0.0, "Ggr"), (0.5, "Ggg"))) == [None, None]


def test_a_change_between_protected_and_permissive_takes_no_time_where_nobody_else_starts() -> None:
    assert judge(((0.0, "rGG"), (1.0, "rgG"), (2.0, "rGG"))) == [None] * 3


def test_who_did_not_yield_is_stopped_before_a_foe_starts() -> None:
    at_once = ((0.0, "rGr"), (10.0, "Ggr"))
    assert judge(at_once)[1] == "link 1 turns permissive as a foe starts, without yellow"
    stopped = ((0.0, "rGr"), (10.0, "ryr"), (13.0, "rrr"), (15.0, "Ggr"))
    assert judge(stopped) == [None] * 4
    assert judge(at_once, rules=TimingRules(yellow_s=0.0, red_clearance_s=0.0)) == [None] * 2


def test_who_no_longer_yields_waits_for_the_clearance_as_if_it_started() -> None:
    states = ((0.0, "Ggr"), (5.0, "ygr"), (8.0, "rgr"), (10.0, "rGr"))
    assert judge(states) == [None] * 4
    assert judge(delayed(states, 3, -0.1))[3] is not None
    assert judge(((0.0, "Ggr"), (5.0, "yGr")))[1] is not None


def test_no_link_turns_green_while_a_foe_is_yellow() -> None:
    states = ((0.0, "Grr"), (5.0, "yrr"), (9.0, "ygr"))
    assert judge(states)[2] == "link 1 turns green while its foe 0 is yellow"


@pytest.mark.parametrize("letter", "rsuo")
def test_green_does_not_end_without_yellow(letter: str) -> None:
    states = ((0.0, "Grr"), (10.0, f"{letter}rr"))
    assert judge(states)[1] == f"link 0 goes from green to {letter!r} without yellow"


def test_pedestrians_have_no_yellow() -> None:
    states = ((0.0, "rGG"), (10.0, "rGy"))
    assert judge(states)[1] == "link 2 goes from green to 'y' without yellow"


def test_yellow_may_not_be_broken_off() -> None:
    states = ((0.0, "Grr"), (10.0, "yrr"), (11.0, "Grr"))
    assert judge(states)[2] == "link 0 was yellow for 1 s, expected 3.00 s"


@pytest.mark.parametrize("state", ["", "G", "Grrr"])
def test_a_state_of_another_length_is_found_and_not_remembered(state: str) -> None:
    found = judge(((0.0, "Grr"), (1.0, state), (5.0, "yrr")))
    assert found == [None, f"expected 3 letters, got {len(state)}", None]


@pytest.mark.parametrize("letter", "Yx ")
def test_an_unknown_letter_is_found(letter: str) -> None:
    assert judge(((0.0, f"Gr{letter}"),)) == [f"unknown letter {letter!r}"]


def test_every_letter_of_the_simulator_is_known() -> None:
    assert judge(((0.0, "Gsu"), (0.0, "Gsu"))) == [None, None]
    assert judge(((0.0, "oOr"),)) == [None]


def test_a_violation_says_when_where_and_what() -> None:
    monitor = Monitor(junction(), RULES)
    monitor.reset(0.0)
    assert monitor.check(0, "GGr", 3.0) == Violation(
        time_s=3.0, signal="A", rule="links 0 and 1 conflict and are both green", state="GGr"
    )


def test_green_counts_from_the_first_state_even_if_it_comes_after_the_reset() -> None:
    monitor = Monitor(junction(), RULES)
    monitor.reset(0.0)
    assert monitor.check(0, "Grr", 10.0) is None
    assert monitor.check(0, "yrr", 12.0) is not None


def test_a_reset_forgets_what_was_shown() -> None:
    monitor = Monitor(junction(), RULES)
    monitor.reset(0.0)
    monitor.check(0, "Grr", 0.0)
    monitor.reset(1.0)
    assert monitor.check(0, "rGG", 1.0) is None


def test_each_signal_is_judged_on_its_own() -> None:
    one, other = (replace(junction().signals[0], id=name) for name in "AB")
    monitor = Monitor(make_network([one, other]), RULES)
    monitor.reset(0.0)
    assert monitor.check(0, "Grr", 0.0) is None
    assert monitor.check(1, "rGG", 0.0) is None
    assert monitor.check(0, "yrr", 5.0) is None
    found = monitor.check(1, "rGr", 5.0)
    assert found is not None
    assert found.signal == "B"


def test_red_clearance_counts_where_no_yellow_is_asked_for() -> None:
    rules = replace(RULES, yellow_s=0.0)
    assert judge(((0.0, "Grr"), (5.0, "rrr"), (7.0, "rGr")), rules=rules) == [None] * 3
    assert judge(((0.0, "Grr"), (5.0, "rrr"), (6.0, "rGr")), rules=rules)[2] is not None
    assert judge(((0.0, "Grr"), (5.0, "rGr")), rules=rules)[1] is not None


def test_without_clearances_only_the_minimum_green_is_left() -> None:
    rules = replace(RULES, yellow_s=0.0, red_clearance_s=0.0)
    assert judge(((0.0, "Grr"), (5.0, "rGr")), rules=rules) == [None, None]
    assert judge(((0.0, "Grr"), (4.0, "rGr")), rules=rules)[1] is not None


@pytest.mark.parametrize(
    ("speed_m_s", "length_m", "yellow_s", "clearance_s"),
    [
        (6.1, 12.3, 3.0, 3.0),  # 1 s + 6.1 / (2 x 3.05) = 2 s, at least 3 s; 18.3 m at 6.1 m/s
        (18.3, 30.6, 4.0, 2.0),
        (61.0, 55.0, 6.0, 1.0),  # 11 s, at most 6 s
        (3.0, 60.0, 3.0, 6.0),  # 22 s, at most 6 s
    ],
)
def test_automatic_intervals_are_those_of_ite(
    speed_m_s: float, length_m: float, yellow_s: float, clearance_s: float
) -> None:
    links = [way(0, speed_m_s=speed_m_s, length_m=length_m), way(1)]
    network = make_network([make_signal("A", ["Gr", "rG"], links, foes=[(0, 1)])])
    states = (
        (0.0, "Gr"),
        (5.0, "yr"),
        (5.0 + yellow_s, "rr"),
        (5.0 + yellow_s + clearance_s, "rG"),
    )
    rules = TimingRules()
    assert judge(states, network, rules) == [None] * 4
    assert judge(delayed(states, 2, -0.1), network, rules)[2] is not None
    assert judge(delayed(states, 3, -0.1), network, rules)[3] is not None


def test_the_slowest_link_of_a_position_decides() -> None:
    for links in itertools.permutations(
        [way(0, speed_m_s=6.1), way(0, speed_m_s=18.3), way(1), crosswalk(2, 5.0), crosswalk(2)]
    ):
        signal = make_signal("A", ["Grr", "rGG"], links, foes=[(0, 1), (0, 2)])
        states = ((0.0, "Grr"), (5.0, "yrr"), (8.9, "rrr"))
        assert judge(states, make_network([signal]), TimingRules())[2] is not None
        walk = ((0.0, "rGG"), (7.0, "rGr"), (12.0, "ryr"), (15.0, "rrr"), (16.9, "Grr"))
        assert judge(walk, make_network([signal]), TimingRules())[4] is not None


def test_vehicles_that_share_a_position_with_pedestrians_have_their_yellow() -> None:
    links = [way(0), crosswalk(0), way(1)]
    network = make_network([make_signal("A", ["Gr", "rG"], links, foes=[(0, 1)])])
    states = ((0.0, "Gr"), (7.0, "yr"), (10.0, "rr"), (20.0, "rG"))
    assert judge(states, network) == [None] * 4
    assert judge(delayed(states, 1, -0.1), network)[1] is not None
    assert judge(delayed(states, 3, -0.1), network)[3] is not None
    assert judge(((0.0, "Gr"), (7.0, "rr")), network)[1] is not None


def test_a_position_that_nobody_obeys_may_change_at_any_time_after_its_green() -> None:
    network = make_network([make_signal("A", ["GrG", "rGr"], [way(0), way(1)], foes=[(0, 1)])])
    states = ((0.0, "GrG"), (5.0, "yrr"), (8.0, "rrG"), (10.0, "rGG"))
    assert judge(states, network) == [None] * 4
