from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import pairwise, permutations
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from signalrl.benchmark.programs import Site
from signalrl.benchmark.programs.actuated import write
from signalrl.control.monitor import Monitor
from signalrl.network.phases import greens
from signalrl.network.timing import TimingRules, min_green_s
from signalrl.scenario.catalog import load_scenario, scenario_names
from signalrl.sumo.episode import start_episode

Sites = Callable[..., Site]
SCENARIOS = [
    n
    for n in ("single", "corridor", "rilsa", "resco-arterial4x4", "resco-ingolstadt7")
    if n in scenario_names()
]


@pytest.fixture(params=SCENARIOS)
def site(request: pytest.FixtureRequest, site_of: Sites) -> Site:
    return site_of(request.param)


def test_in_order_only_the_length_of_the_greens_is_set_free(site: Site) -> None:
    logics = _logics(write(site, skipping=False, max_green_s=45.0))
    for signal, logic in zip(site.network.signals, logics, strict=True):
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
            assert shortest >= min_green_s(signal, index, site.scenario.timing)
            assert shortest <= float(phase.attrib["duration"]) <= float(phase.attrib["maxDur"])
            assert "y" not in step.state
        assert free >= 2


def test_each_phase_leads_to_each_other_by_a_safe_change(site: Site) -> None:
    logics = _logics(write(site))
    for number, (signal, logic) in enumerate(zip(site.network.signals, logics, strict=True)):
        steps = [phase.attrib for phase in logic.iter("phase")]
        nexts = [[int(n) for n in step["next"].split()] for step in steps]
        count = len(signal.phases)
        assert [step["state"] for step in steps[:count]] == [p.state for p in signal.phases]
        for a, b in permutations(range(count), 2):
            monitor = Monitor(site.network, site.scenario.timing)
            monitor.reset(0.0)
            time_s = 0.0
            assert monitor.check(number, steps[a]["state"], time_s) is None
            time_s += float(steps[a]["minDur"])
            assert nexts[a][-1] == a  # it rests
            at = nexts[a][(b - a - 1) % count]
            assert steps[at]["finalTarget"] == f"call{b}"
            while at >= count:
                assert "y" in steps[at]["state"] or not greens(steps[at]["state"])
                assert monitor.check(number, steps[at]["state"], time_s) is None
                time_s += float(steps[at]["duration"])
                (at,) = nexts[at]
            assert at == b
            assert monitor.check(number, steps[b]["state"], time_s) is None


def test_the_city_has_the_last_word_on_greens_and_order(site_of: Sites) -> None:
    site = site_of("corridor")
    rules = TimingRules(max_green_s=30.0, cyclic=True)
    scenario = site.scenario.model_copy(update={"timing": rules})
    for signal, logic in zip(
        site.network.signals, _logics(write(replace(site, scenario=scenario))), strict=True
    ):
        steps = [phase.attrib for phase in logic.iter("phase")]
        count = len(signal.phases)
        assert [float(step["maxDur"]) for step in steps[:count]] == [30.0] * count
        for a, step in enumerate(steps[:count]):
            way, rest = (int(n) for n in step["next"].split())
            others = " or ".join(f"call{c}" for c in range(count) if c != a)
            assert steps[way]["finalTarget"] == f"( {others} )"
            while way >= count:
                way = int(steps[way]["next"])
            assert (way, rest) == ((a + 1) % count, a)


def test_a_city_with_an_order_sees_its_phases_in_it(short: Path, site_of: Sites) -> None:
    site = site_of(short)
    scenario = load_scenario(short, settings={"timing": {"cyclic": True}})
    shown = _shown(replace(site, scenario=scenario))
    for signal, states in zip(site.network.signals, shown, strict=True):
        phases = [p.state for p in signal.phases]
        order = [phases.index(state) for state in states if state in phases]
        assert len(set(order)) == len(phases) > 1
        assert all(b == (a + 1) % len(phases) for a, b in pairwise(order))


def test_each_phase_is_called_by_the_lanes_that_it_serves(site: Site) -> None:
    path = write(site)
    loops = {e.attrib["id"]: e.attrib for e in ET.parse(path).getroot().iter("inductionLoop")}
    lanes = {lane.id: lane for lane in site.network.lanes}
    for loop in loops.values():
        end_m = float(loop["pos"]) + float(loop["length"])
        assert 0.0 <= float(loop["pos"]) < end_m <= lanes[loop["lane"]].length_m
    for signal, logic in zip(site.network.signals, _logics(path), strict=True):
        loop_of = {p.attrib["key"]: p.attrib["value"] for p in logic.iter("param")}
        assert set(loop_of) == set(signal.approach_lanes)
        assert set(loop_of.values()) <= set(loops)
        conditions = {c.attrib["id"]: c.attrib["value"] for c in logic.iter("condition")}
        phases = signal.phases
        for phase in phases:
            words = set(conditions[f"call{phase.index}"].split())
            for lane in signal.approach_lanes:
                letters = {phase.state[k.position] for k in signal.links if k.from_lane == lane}
                if "G" in letters:
                    assert f"z:{loop_of[lane]}" in words
                    on_red = {
                        f"r:{k.position}"
                        for k in signal.links
                        if k.from_lane == lane and any(p.state[k.position] == "s" for p in phases)
                    }
                    if len(on_red) < sum(k.from_lane == lane for k in signal.links):
                        assert not words & on_red  # SUMO counts no red time of these
                if not letters & set("Gg"):
                    assert not {w for w in words if w.endswith(f":{loop_of[lane]}")}


def _shown(site: Site) -> list[list[str]]:
    """Return what each signal shows in SUMO, a state after the other."""
    shown: list[list[str]] = [[] for _ in site.network.signals]
    at = site.scenario, site.network, 1, site.folder
    simulation, plant = start_episode(*at, backend="traci", additional=(write(site),))
    with closing(simulation):
        while plant.time_s < site.scenario.end_s:
            plant.advance(plant.time_s + 1.0)
            for states, signal in zip(shown, site.network.signals, strict=True):
                state = plant.api.trafficlight.getRedYellowGreenState(signal.id)
                if not states or states[-1] != state:
                    states.append(state)
    return shown


def _logics(path: Path) -> list[ET.Element]:
    return list(ET.parse(path).getroot().iter("tlLogic"))
