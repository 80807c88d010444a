from __future__ import annotations

from pathlib import Path

from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.episode import scenario_network
from signalrl.sumo.watch import watch_busiest


def test_every_controller_is_watched_at_the_same_signal(tmp_path: Path) -> None:
    scenario = load_scenario("corridor")
    network = scenario_network(scenario)
    ours = watch_busiest(scenario, network, 1, tmp_path, native=False)
    stored = watch_busiest(scenario, network, 1, tmp_path, native=True)
    assert ours.signal.id == stored.signal.id == "j3"
    assert ours.corridor == stored.corridor
    assert ours.corridor is not None
    assert [stop.signal for stop in ours.corridor.stops] == ["j1", "j2", "j3", "j4", "j5"]
    assert ours.additional.is_file()
