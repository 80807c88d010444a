"""The plans of an evening: when they change, and where queues may stay outside."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signalrl.errors import ConfigError
from signalrl.forecast.evening import PERIOD_S, events_of, plan_evening, slices_of
from signalrl.forecast.plans import Bounds
from signalrl.forecast.traffic import Crowd, Stream, Traffic, Window, draw_traffic
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import load_season
from signalrl.sumo.episode import scenario_network

WINDOW = Window(datetime(2026, 9, 19, 16, tzinfo=UTC), 0.0, 6 * 3600.0)


def visitors(first_s: float, last_s: float) -> Traffic:
    """Somebody sets off in each step between two times."""
    steps = np.arange(int(first_s // WINDOW.step_s), int(last_s // WINDOW.step_s))
    crowds = {Stream(2, "a", "b"): Crowd(steps, np.zeros(len(steps), np.intp))}
    return Traffic(WINDOW, 1, {}, {}, np.ones(1), np.ones(1), crowds, 0)


@given(st.lists(st.integers(0, 6 * 3600), min_size=1, max_size=4))
@example([7201, 7206, 7211])  # within a step of the traffic, in which there are visitors
def test_plans_change_at_the_end_of_each_event(ends_s: list[int]) -> None:
    slices = slices_of(visitors(0.0, WINDOW.end_s), tuple(map(float, ends_s)))
    assert (slices[0][0], slices[-1][1]) == (WINDOW.begin_s, WINDOW.end_s)
    assert all(a[1] == b[0] for a, b in pairwise(slices))
    begins_s = {begin_s for begin_s, _ in slices}
    assert {s for s in ends_s if 0 < s < WINDOW.end_s} <= begins_s
    assert max(end_s - begin_s for begin_s, end_s in slices) <= 2.0 * PERIOD_S
    for begin_s, end_s in slices[1:-1]:
        assert end_s - begin_s >= PERIOD_S / 2 or {begin_s, end_s} <= set(ends_s)


def test_the_time_without_visitors_has_one_plan_at_a_time() -> None:
    slices = slices_of(visitors(7200.0, 10800.0), (7200.0,))
    assert slices == [(0.0, 7200.0), (7200.0, 9000.0), (9000.0, 10800.0), (10800.0, 21600.0)]


@pytest.mark.parametrize("late_s", [86_401.0, -1e11, 1e30])
def test_a_calendar_that_is_wrong_by_days_is_refused(late_s: float) -> None:
    """Events of other days are not looked at, and farther ones have no date."""
    scenario = load_scenario("arena")
    with pytest.raises(ConfigError, match="late_s: expected at most 86400 s, early or late, got"):
        events_of(scenario, load_season(scenario), WINDOW, late_s)


def test_a_signal_on_which_everybody_enters_holds_nobody_outside() -> None:
    """There is nothing inside to protect, and half of the traffic would be timed for."""
    scenario = load_scenario("resco-cologne1")
    window = Window(datetime(2000, 1, 1, tzinfo=UTC), scenario.begin_s, scenario.end_s)
    half, whole = (
        plan_evening(
            scenario,
            scenario_network(scenario),
            None,
            (),
            window,
            bounds=Bounds(gate=gate),
            coordinated=False,
        )
        for gate in (0.5, 1.0)
    )
    assert [period.plans for period in half] == [period.plans for period in whole]


def test_plans_are_for_the_vehicles_of_an_hour() -> None:
    """Everybody passes the one signal, or hardly anybody does not."""
    scenario = load_scenario("resco-cologne1")
    for length_s in (1800.0, 3600.0):
        clock, begin_s = datetime(2000, 1, 1, tzinfo=UTC), scenario.begin_s
        window = Window(clock, begin_s, begin_s + length_s)
        means = draw_traffic(scenario, None, (), window, 2).mean().values()
        (period,) = plan_evening(
            scenario, scenario_network(scenario), None, (), window, coordinated=False
        )
        veh_h = sum(rate.sum() for rate in means) * 3600.0 / length_s
        assert veh_h > 1500.0
        assert period.volumes_veh_h.sum() == pytest.approx(veh_h, rel=0.02)
