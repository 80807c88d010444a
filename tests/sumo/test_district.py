"""When a district locks, by the five-minute records of an episode."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from signalrl.network.gridlock import Diagram
from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.district import (
    accumulation_veh,
    has_locked,
    lock_begins_s,
    outflow_veh_h,
    watched,
)
from signalrl.sumo.episode import Outputs, scenario_network, start_episode
from signalrl.sumo.outputs import Edges, Trips, read_edges, read_trips

DIAGRAM = Diagram(425.0, 7800.0)


def test_a_lock_begins_with_the_quarter_of_an_hour_that_makes_it_one() -> None:
    inside = [300.0, 900.0, 900.0, 900.0, 300.0]
    for outflow, begin_s in (([7000.0] * 5, None), ([7000.0, *[1000.0] * 4], 300.0)):
        assert lock_begins_s(DIAGRAM, inside, outflow) == begin_s
    assert lock_begins_s(DIAGRAM, inside[:2], [0.0] * 2) is None


def test_the_judgement_is_that_of_an_episode() -> None:
    metering = load_scenario("arena").metering
    assert metering is not None
    random = np.random.default_rng(1)
    found = set()
    for _ in range(50):
        inside = random.uniform(300.0, 900.0, 12).tolist()
        outflow = random.uniform(2000.0, 5000.0, 12).tolist()
        begins_s = lock_begins_s(metering.diagram, inside, outflow)
        assert (begins_s is not None) == has_locked(metering, inside, outflow)
        found.add(begins_s is not None)
    assert found == {True, False}
    assert has_locked(None, [900.0] * 3, [0.0] * 3) is None


def test_whole_times_of_five_minutes_are_counted_between_signals() -> None:
    """An episode from second 60 to 760: what is left at its end is not five minutes."""
    ids = "a1_b1", "c2_c3", "west1_a1"  # on the last one vehicles enter
    present_s = np.array([[300.0, 600.0, 9e9], [30.0, 0.0, 9e9], [9e9, 9e9, 9e9]])
    others = np.zeros((3, 3))
    begin_s, end_s = np.array([60.0, 360.0, 660.0]), np.array([360.0, 660.0, 760.0])
    edges = Edges(ids, begin_s, end_s, present_s, others, others, others)
    assert accumulation_veh(edges, scenario_network(load_scenario("arena"))) == [3.0, 0.1]
    arrival_s = np.array([-1.0, 60.0, 359.0, 360.0, 661.0, 700.0])  # the first is on the road
    nothing = np.zeros(len(arrival_s))
    trips = Trips(*[nothing] * 7, nothing, arrival_s, "")
    assert outflow_veh_h(trips, edges) == [24.0, 12.0]
    short = Edges(ids, begin_s[2:], end_s[2:], *[others[2:]] * 4)
    assert outflow_veh_h(trips, short) == []


def test_what_is_watched_is_what_is_recorded(tmp_path: Path) -> None:
    """And nothing is told of a last time that is shorter than five minutes."""
    scenario = load_scenario("arena", settings={"begin_s": 60.0, "end_s": 1100.0})
    network, outputs = scenario_network(scenario), Outputs(tmp_path, details=True)
    simulation, plant = start_episode(
        scenario, network, 1, tmp_path, backend="libsumo", outputs=outputs
    )
    with closing(simulation):
        inside, outflow = zip(*watched(plant, network, scenario.end_s), strict=True)
        assert plant.time_s == 960.0
        plant.advance(scenario.end_s)
    edges, trips = read_edges(outputs.edge_data), read_trips(outputs.tripinfo)
    assert list(outflow) == outflow_veh_h(trips, edges)
    assert inside == pytest.approx(accumulation_veh(edges, network), rel=0.05)
    assert max(inside) > 100.0
    assert max(outflow) > 1000.0
