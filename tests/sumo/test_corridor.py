from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from signalrl.network.model import Network
from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.corridor import MAX_SIGNALS, MIN_SIGNALS, find_corridor
from signalrl.sumo.episode import scenario_network
from signalrl.sumo.reader import load_net
from signalrl.sumo.roads import busiest_signal, phase_names, roads_of


def read(name: str) -> tuple[Any, Network]:
    scenario = load_scenario(name)
    return load_net(scenario.network_file), scenario_network(scenario)


def test_the_corridor_of_the_corridor_is_the_arterial() -> None:
    net, network = read("corridor")
    eastward = find_corridor(net, network, {"west_j1_stop": 900.0})
    westward = find_corridor(net, network, {"j4_j3_stop": 900.0})
    assert eastward is not None
    assert westward is not None
    assert [s.signal for s in eastward.stops] == ["j1", "j2", "j3", "j4", "j5"]
    assert [s.signal for s in westward.stops] == ["j5", "j4", "j3", "j2", "j1"]
    assert (eastward.forward, eastward.backward) == ("EB", "WB")
    assert (westward.forward, westward.backward) == ("WB", "EB")
    # The way there is the way back, seen from the other end.
    assert [s.forward_s for s in eastward.stops[1:]] == [
        s.backward_s for s in reversed(westward.stops[:-1])
    ]
    assert [s.forward for s in eastward.stops] == [s.backward for s in reversed(westward.stops)]


@pytest.mark.parametrize("name", ["resco-arterial4x4", "resco-cologne8", "resco-ingolstadt7"])
def test_a_corridor_leads_through_distinct_signals_at_growing_distances(name: str) -> None:
    net, network = read(name)
    corridor = find_corridor(net, network)
    assert corridor is not None
    signals = [stop.signal for stop in corridor.stops]
    assert MIN_SIGNALS <= len(set(signals)) == len(signals) <= MAX_SIGNALS
    assert set(signals) <= {signal.id for signal in network.signals}
    for a, b in pairwise(corridor.stops):
        assert b.forward_s is not None
        assert a.distance_m < b.distance_m
        assert 3.0 < (b.distance_m - a.distance_m) / b.forward_s < 40.0


def test_the_corridor_follows_the_traffic() -> None:
    net, network = read("resco-grid4x4")
    for line in "ABCD":
        corridor = find_corridor(net, network, {f"{line}0{line}1": 10.0, f"{line}2{line}3": 10.0})
        assert corridor is not None
        assert [s.signal for s in corridor.stops] == [f"{line}{k}" for k in range(4)]
        assert corridor.forward == "NB"


def test_a_lonely_signal_has_no_corridor() -> None:
    assert find_corridor(*read("single")) is None


def test_the_busiest_signal_is_the_one_with_the_most_traffic() -> None:
    net, network = read("resco-grid4x4")
    assert busiest_signal(net, network, {"C1C2": 5.0, "C2C1": 4.0}) == "C2"


def test_roads_and_phases_have_the_names_that_engineers_use() -> None:
    net, network = read("single")
    (signal,) = network.signals
    assert {road.name: road.edge for road in roads_of(net, signal)} == {
        "EB": "w_stop",
        "NB": "s_stop",
        "SB": "n_stop",
        "WB": "e_stop",
    }
    assert phase_names(net, signal) == (
        *("EB WB", "EB all", "EB WB left"),
        *("NB SB", "SB all", "NB SB left"),
    )
