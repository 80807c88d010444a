from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.benchmark.signal_measures import (
    Arrivals,
    Cycle,
    Period,
    arrivals_on_green,
    coordination,
    cycles,
    endings,
    greens_shown,
    periods,
    platoon_ratio,
    splits,
)
from signalrl.sumo.course import Shown, SignalCourse, StopLane
from tests.courses import course, courses, lane, occupied, shown, states

ONE = shown((0, "rr"), (10, "Gr"), (30, "yr"), (33, "rr"), (35, "rG"), (55, "ry"), (58, "Gr"))


def how_the_first_ended(*lanes: StopLane, longest_s: float | None = None, what: Shown = ONE) -> str:
    return endings(course(what, lanes, longest_s=longest_s))[0].how


def test_the_greens_of_phases_are_found_and_those_the_episode_cuts_are_not_whole() -> None:
    found = greens_shown(course(ONE))
    assert [(g.phase, g.start_s, g.end_s, g.whole) for g in found] == [
        (0, 10.0, 30.0, True),
        (1, 35.0, 55.0, True),
        (0, 58.0, 100.0, False),
    ]
    assert not greens_shown(course(shown((0, "Gr"), (20, "yr"))))[0].whole


def test_a_green_that_nobody_uses_any_more_gaps_out() -> None:
    assert how_the_first_ended(lane(0), lane(1)) == "gap out"
    assert how_the_first_ended(lane(0, gap=occupied((25.0, 27.0)))) == "gap out"
    assert how_the_first_ended(lane(0, gap=occupied((26.0, 27.1)))) == "cut off"
    assert how_the_first_ended(lane(0, stop=occupied((20.0, 29.0)))) == "gap out"
    assert how_the_first_ended(lane(0, stop=occupied((20.0, 60.0)))) == "cut off"


def test_a_green_at_its_limit_maxes_out_only_while_traffic_comes() -> None:
    coming = lane(0, gap=occupied((28.0, 29.0)))
    assert how_the_first_ended(coming, longest_s=20.0) == "max out"
    assert how_the_first_ended(coming, longest_s=21.0) == "cut off"
    assert how_the_first_ended(lane(0), longest_s=20.0) == "gap out"


def test_other_lanes_than_those_whose_green_ends_do_not_count() -> None:
    assert how_the_first_ended(lane(0), lane(1, gap=occupied((28.0, 29.0)))) == "gap out"


def test_who_stands_on_a_lane_that_serves_a_red_movement_too_is_no_demand() -> None:
    standing, crossing = occupied((0.0, 90.0)), occupied((26.0, 28.0))
    assert how_the_first_ended(StopLane("both", (0, 1), standing, standing)) == "gap out"
    assert how_the_first_ended(StopLane("both", (0, 1), crossing, standing)) == "cut off"


@given(courses())
def test_splits_add_up(found: SignalCourse) -> None:
    ended = endings(found)
    assert sum(split.greens for split in splits(found)) == len(ended)
    for split in splits(found):
        if split.greens:
            assert sum(split.share) == pytest.approx(1.0)
            assert split.p15_s <= split.p85_s <= split.longest_s
            assert 0 < split.mean_s <= split.longest_s
        else:
            assert math.isnan(split.mean_s)
    assert all(e.how != "max out" or e.length_s >= 9.5 for e in ended)


@given(states())
def test_periods_fill_the_time_and_cycles_follow_each_other(what: Shown) -> None:
    found = periods(what, (0,), 100.0)
    assert found[0].start_s == 0.0
    assert found[-1].end_s == 100.0
    for a, b in pairwise(found):
        assert a.end_s == b.start_s
        assert a.colour != b.colour
    for cycle in cycles(what, (0,), 100.0):
        assert cycle.begin_s < cycle.green_s < cycle.yellow_s <= cycle.end_s < 100.0


def test_a_cycle_goes_from_red_to_red() -> None:
    what = shown((0, "r"), (5, "G"), (9, "r"), (20, "g"), (30, "y"), (33, "r"), (50, "G"))
    assert cycles(what, (0,), 60.0) == [Cycle(9.0, 20.0, 30.0, 33.0)]
    assert cycles(shown((0, "G")), (0,), 60.0) == []


def test_a_movement_is_green_where_any_of_its_positions_is() -> None:
    what = shown((0, "Gr"), (5, "rG"), (9, "ry"), (12, "rr"))
    assert periods(what, (0, 1), 20.0) == [
        Period(0.0, 9.0, "green"),
        Period(9.0, 12.0, "yellow"),
        Period(12.0, 20.0, "red"),
    ]


@given(courses(), st.integers(1, 6))
def test_every_arrival_within_the_episode_counts_once(found: SignalCourse, bins: int) -> None:
    approach = found.approaches[0]
    came, green = arrivals_on_green(approach, found.shown, 0.0, 100.0, bins)
    assert sum(came) == sum(t < 100.0 for t in approach.arrival_s)
    assert all(0 <= g <= c for g, c in zip(green, came, strict=True))
    whole, arrivals = coordination(approach, found)
    assert len(arrivals.time_s) <= len(approach.arrival_s)
    for time_s, since_s, is_green in zip(
        arrivals.time_s, arrivals.in_cycle_s, arrivals.on_green, strict=True
    ):
        cycle = next(c for c in whole if c.begin_s <= time_s < c.end_s)
        assert since_s == pytest.approx(time_s - cycle.begin_s)
        assert is_green == (cycle.green_s <= time_s < cycle.yellow_s)


def test_arrivals_on_green_and_the_coordination_diagram_by_hand() -> None:
    what = shown((0, "Gr"), (10, "rr"), (20, "Gr"), (40, "yr"), (43, "rr"), (60, "Gr"))
    found = course(what, arrival_s=(5.0, 15.0, 25.0, 41.0, 45.0, 70.0))
    approach = found.approaches[0]
    assert arrivals_on_green(approach, what, 0.0, 100.0, 2) == ([5, 1], [2, 1])
    whole, arrivals = coordination(approach, found)
    assert whole == [Cycle(10.0, 20.0, 40.0, 43.0)]
    assert arrivals == Arrivals((15.0, 25.0, 41.0), (5.0, 15.0, 31.0), (False, True, False))


def test_the_platoon_ratio_of_even_arrivals_is_one() -> None:
    whole = [Cycle(0.0, 30.0, 57.0, 60.0)]
    times = tuple(float(t) for t in range(60))
    even = Arrivals(times, times, tuple(30 <= t < 57 for t in times))
    assert platoon_ratio(whole, even) == pytest.approx(1.0)
    assert platoon_ratio(whole, Arrivals((40.0,), (40.0,), (True,))) == pytest.approx(60 / 27)
    assert math.isnan(platoon_ratio([], even))
