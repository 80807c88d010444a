import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.errors import ConfigError
from signalrl.network.model import Link, Phase, Program, Signal
from signalrl.network.phases import conflicting_greens
from signalrl.network.timing import (
    GREEN,
    Interval,
    TimingRules,
    gains_right_of_way,
    min_green_s,
    red_clearance_s,
    required_red_s,
    required_yellow_s,
    transition,
    walk_clearance_s,
    yellow_change_s,
)

NO_PROGRAM = Program("0", "static", 0.0, ())


def link(
    position: int, *, crossing: bool = False, length_m: float = 14.0, speed_m_s: float = 13.89
) -> Link:
    lane = f"in{position}_0"
    return Link(position, lane, "out_0", "s", length_m, speed_m_s, speed_m_s, crossing)


def signal(links: list[Link], states: list[str], foes: list[tuple[int, int]]) -> Signal:
    size = len(states[0])
    conflict = np.zeros((size, size), dtype=np.bool_)
    for a, b in foes:
        conflict[a, b] = conflict[b, a] = True
    phases = tuple(Phase(i, state) for i, state in enumerate(states))
    return Signal("J", ("J",), tuple(links), phases, NO_PROGRAM, conflict)


class TestFormulas:
    """Each value is calculated by hand from the formula in the docstring."""

    @pytest.mark.parametrize(
        ("speed_km_h", "expected_s"),
        [(20, 3.0), (50, 1 + 13.888889 / 6.1), (70, 1 + 19.444444 / 6.1), (120, 6.0)],
    )
    def test_yellow_change(self, speed_km_h: float, expected_s: float) -> None:
        assert yellow_change_s(speed_km_h / 3.6) == pytest.approx(expected_s, abs=1e-6)

    def test_yellow_change_is_longer_downhill(self) -> None:
        assert yellow_change_s(50 / 3.6, grade=-0.05) == pytest.approx(1 + 13.888889 / 5.119)

    def test_red_clearance(self) -> None:
        assert red_clearance_s(14.0, 10.0) == pytest.approx(2.0)
        assert red_clearance_s(100.0, 5.0) == 6.0
        assert red_clearance_s(10.0, 0.0) == 6.0

    def test_walk_clearance(self) -> None:
        assert walk_clearance_s(10.7) == pytest.approx(10.0)

    def test_minimum_green_covers_the_walk(self) -> None:
        crossing = signal([link(0), link(1, crossing=True)], ["Gr", "rG"], [])
        assert [min_green_s(crossing, p, TimingRules()) for p in (0, 1)] == [5, 7]
        assert min_green_s(crossing, 1, TimingRules(min_green_s=12)) == 12


class TestTransition:
    def test_by_hand(self) -> None:
        crossing = link(2, crossing=True, length_m=8.0)
        junction = signal([link(0), link(1), crossing], ["GrG", "rGr"], [(0, 1), (1, 2)])
        assert transition(junction, 0, 1, TimingRules()) == (
            Interval(8, "Grr", "walk"),
            Interval(4, "yrr", "yellow"),
            Interval(2, "rrr", "red"),
        )
        assert transition(junction, 0, 1, TimingRules(yellow_s=3, red_clearance_s=0)) == (
            Interval(8, "Grr", "walk"),
            Interval(3, "yrr", "yellow"),
        )

    def test_links_that_do_not_conflict_need_no_red_clearance(self) -> None:
        junction = signal([link(0), link(1)], ["Gr", "rG"], [])
        assert [i.kind for i in transition(junction, 0, 1, TimingRules())] == ["yellow"]

    def test_pedestrians_who_share_a_signal_with_vehicles_are_cleared_after_its_yellow(
        self,
    ) -> None:
        shared = [link(0), link(0, crossing=True, length_m=8.0), link(1)]
        assert transition(signal(shared, ["Gr", "rG"], [(0, 1)]), 0, 1, TimingRules()) == (
            Interval(4, "yr", "yellow"),
            Interval(8, "rr", "red"),
        )


@st.composite
def changes(draw: st.DrawFn) -> tuple[Signal, TimingRules]:
    size = draw(st.integers(1, 7))
    links = [
        link(
            i,
            crossing=draw(st.booleans()),
            length_m=draw(st.floats(3, 40)),
            speed_m_s=draw(st.floats(2, 35)),
        )
        for i in range(size)
    ]
    pairs = [(a, b) for a in range(size) for b in range(a)]
    foes = draw(st.lists(st.sampled_from(pairs), max_size=8)) if pairs else []
    state = st.text(alphabet="rgGs", min_size=size, max_size=size)
    auto_or = st.just("auto") | st.floats(0, 6)
    rules = TimingRules(yellow_s=draw(auto_or), red_clearance_s=draw(auto_or))
    return signal(links, [draw(state), draw(state)], foes), rules


class TestEveryTransition:
    @given(changes())
    def test_links_that_are_green_in_both_phases_stay_green(self, case) -> None:
        junction, rules = case
        old, new = (phase.state for phase in junction.phases)
        for interval in transition(junction, 0, 1, rules):
            for a, b, shown in zip(old, new, interval.state, strict=True):
                assert shown == a or not (a in GREEN and b in GREEN) or a + b == "Gg"

    @given(changes())
    def test_a_green_loses_its_protection_after_yellow_where_a_foe_starts(self, case) -> None:
        junction, rules = case
        old, new = (phase.state for phase in junction.phases)
        intervals = transition(junction, 0, 1, rules)
        vehicles = {link.position for link in junction.links if not link.crossing}
        for i in vehicles:
            if old[i] + new[i] == "Gg":
                starts = any(
                    gains_right_of_way(old[j], new[j])
                    for j in range(len(old))
                    if junction.foes[i, j]
                )
                yellows = [v for v in intervals if v.kind == "yellow"]
                assert all(v.state[i] == "y" for v in yellows if starts)
                assert yellows or not starts or rules.yellow_s == 0

    @given(changes())
    def test_nothing_starts_early(self, case) -> None:
        junction, rules = case
        old = junction.phases[0].state
        for interval in transition(junction, 0, 1, rules):
            for a, shown in zip(old, interval.state, strict=True):
                assert a in GREEN or shown == a

    @given(changes())
    def test_every_vehicle_link_that_ends_shows_its_yellow_without_a_break(self, case) -> None:
        junction, rules = case
        intervals = transition(junction, 0, 1, rules)
        for k in self.ending(junction, crossing=False):
            letters = [interval.state[k.position] for interval in intervals]
            assert "y" not in "".join(letters).strip("Gg").strip("r").strip("y")
            shown_s = sum(i.duration_s for i in intervals if i.state[k.position] == "y")
            assert shown_s >= required_yellow_s(k, rules)

    @given(changes())
    def test_every_crossing_that_ends_is_cleared_before_its_foes_begin(self, case) -> None:
        junction, rules = case
        intervals = transition(junction, 0, 1, rules)
        for k in self.ending(junction, crossing=True):
            assert all(interval.state[k.position] == "r" for interval in intervals)
            assert sum(i.duration_s for i in intervals) >= walk_clearance_s(k.length_m)

    @given(changes())
    def test_foes_begin_after_the_red_clearance(self, case) -> None:
        junction, rules = case
        old, new = (phase.state for phase in junction.phases)
        intervals = transition(junction, 0, 1, rules)
        red_s = sum(i.duration_s for i in intervals if i.kind == "red")
        for k in self.ending(junction, crossing=False):
            for j in np.flatnonzero(junction.foes[k.position]):
                if new[j] in GREEN and old[j] not in GREEN:
                    assert red_s >= required_red_s(k, rules)

    @given(changes())
    def test_is_made_of_whole_seconds_in_order_and_empty_where_nothing_ends(self, case) -> None:
        junction, rules = case
        intervals = transition(junction, 0, 1, rules)
        kinds = [interval.kind for interval in intervals]
        assert kinds == [kind for kind in ("walk", "yellow", "red") if kind in kinds]
        assert all(i.duration_s >= 1 and i.duration_s == int(i.duration_s) for i in intervals)
        states = zip(*(phase.state for phase in junction.phases), strict=True)
        ends = self.ending(junction, crossing=True) + self.ending(junction, crossing=False)
        if not ends and ("G", "g") not in states:
            assert intervals == ()

    @given(changes())
    def test_adds_no_conflict(self, case) -> None:
        junction, rules = case
        before = conflicting_greens(junction.phases[0].state, junction.foes)
        for interval in transition(junction, 0, 1, rules):
            assert set(conflicting_greens(interval.state, junction.foes)) <= set(before)

    @staticmethod
    def ending(junction: Signal, *, crossing: bool) -> list[Link]:
        old, new = (phase.state for phase in junction.phases)
        return [
            k
            for k in junction.links
            if k.crossing is crossing and old[k.position] in GREEN and new[k.position] not in GREEN
        ]


@pytest.mark.parametrize(
    "values",
    [
        {"yellow_s": -1.0},
        {"red_clearance_s": math.nan},
        {"min_green_s": math.inf},
        {"max_red_s": -0.1},
        {"min_green_s": 10.0, "max_green_s": 5.0},
    ],
)
def test_rules_that_make_no_sense_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"timing\..*expected"):
        TimingRules(**values)
