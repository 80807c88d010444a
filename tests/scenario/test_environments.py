"""Contracts of every environment that is shipped."""

from __future__ import annotations

import itertools
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
import sumolib

from signalrl.network.model import Signal
from signalrl.network.timing import GREEN, transition
from signalrl.scenario.catalog import envs_folder, load_scenario, scenario_names
from signalrl.sumo.episode import scenario_network
from signalrl.sumo.process import sumo_binary

DRAWN = ("arena", "corridor", "rilsa", "single")
OURS = ("arena", "corridor", "single")


@cache
def roads(name: str) -> sumolib.net.Net:
    return sumolib.net.readNet(str(load_scenario(name).network_file))


@pytest.mark.parametrize("name", scenario_names())
def test_environment_says_what_it_is(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.title
    assert scenario.description
    assert scenario.credit
    assert scenario.horizon_s == (3600 if scenario.events is None else 5400)
    readme = (scenario.folder / "README.md").read_text()
    assert readme.startswith(f"# {name}\n")
    for picture in re.findall(r"!\[.+?\]\((.+?)\)", readme):
        assert (scenario.folder / picture).stat().st_size < 100_000


@pytest.mark.parametrize("name", scenario_names())
def test_folder_holds_data_only(name: str) -> None:
    kinds = {path.suffix for path in (envs_folder() / name).iterdir()}
    assert kinds <= {".yaml", ".csv", ".md", ".xml", ".svg", ".sh", ".ics"}


@pytest.mark.parametrize("name", [name for name in scenario_names() if "resco" in name])
def test_resco_maps_have_rescos_horizon_and_timing(name: str) -> None:
    scenario = load_scenario(name)
    begin_s = 25200 if "cologne" in name else 57600 if "ingolstadt" in name else 0
    assert (scenario.begin_s, scenario.end_s) == (begin_s, begin_s + 3600)
    timing = scenario.timing
    assert (timing.yellow_s, timing.red_clearance_s, timing.min_green_s) == (3, 0, 5)
    assert timing.max_red_s is timing.max_green_s is None
    assert name.removeprefix("resco-") in scenario.network_file.name


@pytest.mark.parametrize("name", DRAWN)
def test_every_flow_and_surge_has_a_way(name: str) -> None:
    demand = load_scenario(name).demand
    assert demand is not None
    ways = [(flow.origin, flow.destination) for flow in demand.flows]
    for surge in demand.surges:
        ends = [[x] if isinstance(x, str) else sorted(x) for x in (surge.origin, surge.destination)]
        ways += itertools.product(*ends)
    net = roads(name)
    for origin, destination in ways:
        assert net.hasEdge(origin), origin
        assert net.hasEdge(destination), destination
        path, _ = net.getShortestPath(net.getEdge(origin), net.getEdge(destination), vClass="truck")
        assert path is not None, (origin, destination)


def phase_shown(signal: Signal, state: str) -> int | None:
    return next((phase.index for phase in signal.phases if phase.state == state), None)


@pytest.mark.parametrize("name", DRAWN)
def test_stored_plan_is_one_that_a_controller_could_have_shown(name: str) -> None:
    """Between two phases it shows at least the yellow and the red that the timing demands."""
    scenario = load_scenario(name)
    for signal in scenario_network(scenario).signals:
        steps = signal.program.steps
        shown = [phase_shown(signal, step.state) for step in steps]
        greens = [i for i, phase in enumerate(shown) if phase is not None]
        assert {shown[i] for i in greens} == {phase.index for phase in signal.phases}
        for start, end in zip(greens, [*greens[1:], greens[0] + len(steps)], strict=True):
            assert steps[start].duration_s >= scenario.timing.min_green_s
            between = [steps[i % len(steps)] for i in range(start + 1, end)]
            first, last = shown[start], shown[end % len(steps)]
            assert first is not None
            assert last is not None
            wanted = transition(signal, first, last, scenario.timing)
            for letter in "yr":
                ending = [
                    i
                    for i, c in enumerate(signal.phases[first].state)
                    if c in GREEN and signal.phases[last].state[i] not in GREEN
                ]
                for i in ending:
                    given_s = sum(step.duration_s for step in between if step.state[i] == letter)
                    needed_s = sum(x.duration_s for x in wanted if x.state[i] == letter)
                    assert given_s >= needed_s, (signal.id, start, i, letter)


def built(text: str) -> str:
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("name", OURS)
def test_network_is_what_its_sources_give(name: str, tmp_path: Path) -> None:
    folder = envs_folder() / name
    script = (folder / "build.sh").read_text()
    call = script[script.index("netconvert \\") :].replace("\\\n", " ").split()
    call[0] = str(sumo_binary().with_name("netconvert"))
    call[-1] = str(tmp_path / "again.net.xml")
    subprocess.run(call, cwd=folder, check=True, capture_output=True)
    again = (tmp_path / "again.net.xml").read_text()
    assert built(again) == built(load_scenario(name).network_file.read_text())
