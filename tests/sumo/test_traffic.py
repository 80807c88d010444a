from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from signalrl.errors import ConfigError
from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.reader import load_net
from signalrl.sumo.traffic import traffic_by_edge

ROUTES = """<routes>
  <route id="named" edges="w_in w_stop e_out"/>
  <vehicle id="a" depart="0"><route edges="n_in n_stop s_out"/></vehicle>
  <vehicle id="b" depart="5" route="named"/>
  <trip id="c" depart="7" from="w_in" to="e_out"/>
  <trip id="d" depart="900" from="w_in" to="e_out"/>
  <flow id="e" begin="0" end="600" vehsPerHour="60" from="e_in" to="s_out"/>
  <flow id="f" begin="0" end="600" number="4" from="e_in" to="n_out"/>
  <trip id="g" depart="8" from="nowhere" to="e_out"/>
</routes>"""


@pytest.mark.parametrize("zipped", [False, True])
def test_vehicles_are_counted_on_the_edges_of_their_way(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "routes.rou.xml"
    path.write_bytes(gzip.compress(ROUTES.encode()) if zipped else ROUTES.encode())
    net = load_net(load_scenario("single").network_file)
    found = traffic_by_edge(net, [path], 0.0, 600.0)
    assert found["n_stop"] == 1
    assert found["w_stop"] == found["w_in"] == found["e_out"] == 2
    assert found["e_stop"] == pytest.approx(14.0)
    assert found["n_out"] == 4
    assert traffic_by_edge(net, [path])["w_stop"] == 3


@pytest.mark.parametrize(
    "rate", ['period="10"', 'period="exp(0.1)"', 'vehsPerHour="360"', 'probability="0.1"']
)
def test_the_ways_to_write_a_rate_count_alike(rate: str, tmp_path: Path) -> None:
    path = tmp_path / "routes.rou.xml"
    flow = f'<flow id="a" begin="0" end="600" {rate} from="e_in" to="n_out"/>'
    path.write_text(f"<routes>{flow}</routes>")
    net = load_net(load_scenario("single").network_file)
    assert traffic_by_edge(net, [path], 0.0, 600.0)["n_out"] == pytest.approx(60.0)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    net = load_net(load_scenario("single").network_file)
    with pytest.raises(ConfigError, match=r"missing\.xml"):
        traffic_by_edge(net, [tmp_path / "missing.xml"])
