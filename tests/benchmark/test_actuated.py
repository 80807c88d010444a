from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from signalrl.benchmark.actuated import write_actuated
from signalrl.network.model import Network
from signalrl.network.phases import greens
from signalrl.network.timing import TimingRules, min_green_s
from signalrl.scenario.catalog import load_scenario, scenario_names
from signalrl.sumo.episode import scenario_network

RULES = TimingRules()


@pytest.fixture(
    params=[n for n in ("single", "corridor", "rilsa", "resco-cologne8") if n in scenario_names()]
)
def network(request: pytest.FixtureRequest) -> Network:
    return scenario_network(load_scenario(request.param))


def test_only_the_length_of_the_greens_is_set_free(network: Network, tmp_path: Path) -> None:
    root = ET.parse(write_actuated(network, RULES, tmp_path / "a.xml", 45.0)).getroot()
    logics = {logic.attrib["id"]: logic for logic in root}
    assert sorted(logics) == [signal.id for signal in network.signals]
    for signal in network.signals:
        logic = logics[signal.id]
        assert logic.attrib["type"] == "actuated"
        phases = {frozenset(greens(p.state)): p.index for p in signal.phases}
        free = 0
        for step, phase in zip(signal.program.steps, logic.iter("phase"), strict=True):
            assert phase.attrib["state"] == step.state
            if "minDur" not in phase.attrib:
                assert float(phase.attrib["duration"]) == step.duration_s
                continue
            free += 1
            shortest = float(phase.attrib["minDur"])
            index = phases[frozenset(greens(step.state))]
            assert shortest >= min_green_s(signal, index, RULES)
            assert shortest <= float(phase.attrib["duration"]) <= float(phase.attrib["maxDur"])
            assert "y" not in step.state
        assert free >= 2


def test_permissive_greens_get_a_jam_threshold(network: Network, tmp_path: Path) -> None:
    root = ET.parse(write_actuated(network, RULES, tmp_path / "a.xml")).getroot()
    for signal, logic in zip(network.signals, root, strict=True):
        params = {p.attrib["key"]: float(p.attrib["value"]) for p in logic.iter("param")}
        assert params["max-gap"] == 3.0
        permissive = any("g" in step.state for step in signal.program.steps)
        assert params.get("jam-threshold") == (30.0 if permissive else None)
