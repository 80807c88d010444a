from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
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
    for n in ("single", "corridor", "rilsa", "resco-cologne8", "resco-ingolstadt7")
    if n in scenario_names()
]


@pytest.fixture(params=SCENARIOS)
def site(request: pytest.FixtureRequest, site_of: Sites) -> Site:
    return site_of(request.param)


def test_in_order_only_the_length_of_the_greens_is_set_free(site: Site) -> None:
    root = ET.parse(write(site, skipping=False, max_green_s=45.0)).getroot()
    for signal, logic in zip(site.network.signals, root, strict=True):
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
    root = ET.parse(write(site)).getroot()
    for number, (signal, logic) in enumerate(zip(site.network.signals, root, strict=True)):
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
            assert nexts[a][0] == a  # it rests
            at = nexts[a][(b - a) % count]
            while at >= count:
                assert "y" in steps[at]["state"] or not greens(steps[at]["state"])
                assert monitor.check(number, steps[at]["state"], time_s) is None
                time_s += float(steps[at]["duration"])
                (at,) = nexts[at]
            assert at == b
            assert monitor.check(number, steps[b]["state"], time_s) is None


def test_lanes_that_are_never_wholly_protected_get_a_jam_threshold(site: Site) -> None:
    root = ET.parse(write(site, jam_threshold_s=20.0)).getroot()
    for signal, logic in zip(site.network.signals, root, strict=True):
        params = {p.attrib["key"]: p.attrib["value"] for p in logic.iter("param")}
        for lane in signal.approach_lanes:
            links = [k.position for k in signal.links if k.from_lane == lane]
            protected = any(all(p.state[i] == "G" for i in links) for p in signal.phases)
            assert params.get(f"jam-threshold:{lane}") == (None if protected else "20")
