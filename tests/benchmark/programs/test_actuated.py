from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from signalrl.benchmark.programs import Site
from signalrl.benchmark.programs.actuated import write
from signalrl.control.monitor import Monitor
from signalrl.network.phases import greens
from signalrl.network.timing import min_green_s
from signalrl.scenario.catalog import scenario_names

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


def _logics(path: Path) -> list[ET.Element]:
    return list(ET.parse(path).getroot().iter("tlLogic"))
