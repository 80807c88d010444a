"""Gates are armed by the calendar: around the visitors that it leads to expect."""

from __future__ import annotations

import pytest

from signalrl.scenario.arming import MARGIN_S, armed_times
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.demand_schema import Phase
from signalrl.scenario.event_demand import Occasion, Season, load_season, occasion_of, realise
from signalrl.scenario.schema import Scenario


def sold_out() -> tuple[Scenario, Season]:
    scenario = load_scenario("arena", settings={"events": {"calendars": ["held-out-xl.ics"]}})
    return scenario, load_season(scenario)


def occasion(phase: Phase) -> tuple[Scenario, Season, Occasion]:
    scenario, season = sold_out()
    assert scenario.events is not None
    event = season.events[0]
    return scenario, season, occasion_of(season, scenario.events, event, phase, scenario.begin_s)


@pytest.mark.parametrize("phase", ["ingress", "egress"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nearly_all_visitors_of_an_evening_come_in_the_armed_times(phase: Phase, seed: int) -> None:
    scenario, season, now = occasion(phase)
    assert scenario.events is not None
    spans = armed_times(season, now, -7200.0, 14400.0, 600.0)
    turnout = realise(season, scenario.events, now.event, seed)
    trips = turnout.arrivals if phase == "ingress" else turnout.departures
    after_s = now.event.begin.timestamp() - now.clock.timestamp()
    inside = sum(any(a <= t < b for a, b in spans) for t in trips.depart_s + after_s)
    assert inside >= 0.9 * len(trips.depart_s)


def test_spans_are_in_order_and_apart() -> None:
    _, season, now = occasion("ingress")
    spans = armed_times(season, now, -7200.0, 36000.0, 600.0)
    bounds = [bound for span in spans for bound in span]
    assert bounds == sorted(bounds)
    assert len(set(bounds)) == len(bounds)
    assert len(spans) == 2  # they come, and they leave
    assert spans[0][1] - spans[0][0] >= 2 * MARGIN_S


def test_few_visitors_arm_nothing() -> None:
    _, season, now = occasion("ingress")
    assert armed_times(season, now, 0.0, 5400.0, 1e5) == ()


def test_a_day_without_visitors_arms_nothing() -> None:
    _, season, now = occasion("ingress")
    assert armed_times(season, now, -40_000.0, -30_000.0, 600.0) == ()
