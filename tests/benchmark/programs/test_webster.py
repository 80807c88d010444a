from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from signalrl.benchmark.programs import Site
from signalrl.benchmark.programs.webster import write, write_coordinated
from signalrl.errors import SimulationError
from signalrl.network.model import Signal
from signalrl.network.phases import greens
from signalrl.scenario.catalog import scenario_names
from signalrl.sumo.tools import run_script

Sites = Callable[..., Site]


def _times(path: Path) -> dict[str, list[tuple[str, float]]]:
    return {
        logic.attrib["id"]: [
            (p.attrib["state"], float(p.attrib["duration"])) for p in logic.iter("phase")
        ]
        for logic in ET.parse(path).getroot()
    }


def test_greens_follow_the_demand_and_the_rest_stays_as_stored(short: Path, site_of: Sites) -> None:
    site = site_of(short)
    ((_, steps),) = _times(write(site, min_green_s=7)).items()
    (signal,) = site.network.signals
    assert [state for state, _ in steps] == [step.state for step in signal.program.steps]
    phases = {p.state for p in signal.phases}
    for (state, duration_s), step in zip(steps, signal.program.steps, strict=True):
        if state in phases:
            assert duration_s >= 7.0
        else:
            assert duration_s == step.duration_s
    # Straight on, 1500 veh/h come from the west and 900 from the north, on two lanes each.
    green_s = {
        side: sum(s for state, s in steps if greens(state) >= straight)
        for side in "nw"
        if (straight := _straight(signal, side))
    }
    assert green_s["w"] > green_s["n"]


def _straight(signal: Signal, side: str) -> set[int]:
    links = [k for k in signal.links if k.from_lane.startswith(side) and k.direction == "s"]
    return {link.position for link in links}


def test_the_cycle_stays_within_its_limits(short: Path, site_of: Sites) -> None:
    for low_s, high_s in ((100.0, 110.0), (110.0, 120.0)):
        path = write(site_of(short), min_cycle_s=low_s, max_cycle_s=high_s)
        ((_, steps),) = _times(path).items()
        assert low_s - 2 <= sum(s for _, s in steps) <= high_s + 2  # whole seconds per green


def test_coordinated_signals_share_a_cycle_and_have_offsets(site_of: Sites) -> None:
    path = write_coordinated(site_of("corridor"))
    cycles = {sum(s for _, s in steps) for steps in _times(path).values()}
    assert len(cycles) == 1
    (cycle_s,) = cycles
    offsets = [float(logic.attrib["offset"]) for logic in ET.parse(path).getroot()]
    assert len(set(offsets)) > 1
    assert all(0 <= offset < cycle_s for offset in offsets)


def test_signals_that_the_tool_miscounts_keep_their_program(site_of: Sites) -> None:
    if "resco-ingolstadt21" not in scenario_names():
        pytest.skip("the RESCO maps are not installed")
    site = site_of("resco-ingolstadt21")
    signals = {signal.id for signal in site.network.signals}
    left = {"243641585", "cluster_1427494838_273472399"}  # links share a position, or lack
    assert set(_times(write(site))) == signals - left


def test_the_same_seed_gives_the_same_bytes(short: Path, site_of: Sites) -> None:
    first, again = (write_coordinated(site_of(short)).read_bytes() for _ in range(2))
    assert first == again


def test_a_tool_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match=r"tlsCycleAdaptation\.py failed: .*nowhere"):
        run_script("tlsCycleAdaptation.py", ["-n", tmp_path / "nowhere.xml", "-r", "nowhere.xml"])
