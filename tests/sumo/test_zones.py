from __future__ import annotations

import pytest

from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.episode import scenario_network
from signalrl.sumo.reader import load_net
from signalrl.sumo.zones import spots_upstream


@pytest.mark.parametrize("name", ["resco-cologne3", "resco-ingolstadt7", "corridor"])
@pytest.mark.parametrize("before_m", [1.5, 28.0, 100.0])
def test_detectors_lie_where_they_are_asked_for_or_as_far_as_the_way_leads(
    name: str, before_m: float
) -> None:
    scenario = load_scenario(name)
    net, network = load_net(scenario.network_file), scenario_network(scenario)
    zones = {zone.lane: {part.lane for part in zone.parts} for zone in network.zones}
    exact = 0
    for lane, seen in zones.items():
        spots = spots_upstream(net, lane, before_m)
        assert spots
        assert len({spot.lane for spot in spots}) == len(spots)
        for spot in spots:
            length = net.getLane(spot.lane).getLength()
            assert 0.0 < spot.at_m < length
            assert spot.before_m <= before_m + 0.02
            assert spot.drive_s >= spot.before_m / 70.0
            exact += spot.before_m > before_m - 0.02
        assert seen & {spot.lane for spot in spots}
    assert exact > len(zones) / 2
