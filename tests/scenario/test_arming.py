"""Gates are armed by the calendar: where it leads to expect more than a district can let out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from signalrl.network.gridlock import Diagram
from signalrl.scenario.arming import armed_times
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.demand_schema import Phase
from signalrl.scenario.event_demand import draw_occasion, load_season, occasion_of

DIAGRAM = Diagram(425.0, 7800.0)
Spans = tuple[tuple[float, float], ...]


def spans(
    size: str,
    phase: Phase,
    number: int,
    diagram: Diagram = DIAGRAM,
    more: Mapping[str, object] | None = None,
) -> Spans:
    """Return the armed times of an event of a held-out calendar, in an episode of three hours."""
    calendars = {"events": {"calendars": [f"held-out-{size}.ics"]}, "end_s": 10800}
    scenario = load_scenario("arena", settings={**calendars, **(more or {})})
    season = load_season(scenario)
    assert scenario.events is not None
    event = season.events[number]
    occasion = occasion_of(scenario, season, event, phase)
    return armed_times(scenario, season, occasion, diagram)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_sold_out_event_arms_before_most_visitors_come(number: int) -> None:
    (span,) = spans("xl", "ingress", number)
    assert 0.0 < span[0] < 3000.0  # the event begins at 4800 s
    assert span[1] > 6000.0


@pytest.mark.parametrize("phase", ["ingress", "egress"])
@pytest.mark.parametrize("number", range(5))
def test_a_usual_event_arms_nothing(phase: Phase, number: int) -> None:
    assert spans("m", phase, number) == ()


def test_the_less_a_district_lets_out_the_longer_are_gates_armed() -> None:
    lengths = [
        sum(b - a for a, b in spans("xl", "ingress", 0, Diagram(425.0, capacity)))
        for capacity in (6000.0, 7800.0, 9000.0, 20000.0)
    ]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] == 0.0


def test_the_more_usual_traffic_is_drawn_the_longer_are_gates_armed() -> None:
    lengths = []
    for scale in (1.0, 1.5):
        demand = {"scale_range": [scale, scale]}
        (begin, end), *_ = spans("xl", "ingress", 0, DIAGRAM, {"demand": demand})
        lengths.append(end - begin)
    assert lengths[1] > lengths[0]


def test_spans_are_in_order_and_apart() -> None:
    bounds = [bound for span in spans("l", "egress", 0, Diagram(50.0, 6000.0)) for bound in span]
    assert bounds == sorted(bounds)
    assert len(set(bounds)) == len(bounds)


def test_recorded_vehicles_fill_a_district_too() -> None:
    """Gates don't hold them, and yet they leave less room for those whom gates hold."""
    scenario = load_scenario("ingolstadt-matchday")
    season = load_season(scenario)
    assert scenario.events is not None
    occasion = occasion_of(scenario, season, season.events[0], "ingress")
    recorded_s = np.linspace(scenario.begin_s, scenario.end_s, 2000)
    diagram = Diagram(200.0, 1500.0)
    assert armed_times(scenario, season, occasion, diagram) == ()
    ((begin, end),) = armed_times(scenario, season, occasion, diagram, recorded_s)
    assert scenario.begin_s < end
    assert begin < scenario.end_s


def test_usual_traffic_arms_on_a_day_without_an_event() -> None:
    for scale, armed in ((1.0, False), (3.0, True)):
        more = {"demand": {"scale_range": [scale, scale]}}
        quiet = {"events": {"calendars": ["held-out-m.ics"], "probability": 0.0}}
        scenario = load_scenario("arena", settings={**quiet, **more})
        season = load_season(scenario)
        assert scenario.events is not None
        occasion = draw_occasion(scenario, season, 1)
        assert bool(armed_times(scenario, season, occasion, DIAGRAM)) == armed
