from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from signalrl.benchmark.programs import Site
from signalrl.benchmark.programs.nema import phase_states, write
from signalrl.errors import ConfigError
from signalrl.network.model import Network, Signal
from signalrl.network.phases import conflicting_greens
from signalrl.scenario.catalog import scenario_names

Sites = Callable[..., Site]
BARRIERS = (((1, 2), (5, 6)), ((3, 4), (7, 8)))


def _shown(signal: Signal, *states: str) -> str:
    """Add states up as SUMO does: protected before permissive before red."""
    return "".join(
        "G" if "G" in letters else "g" if "g" in letters else "r"
        for letters in zip("r" * signal.size, *states, strict=True)
    )


def _states_or_reason(signal: Signal) -> dict[int, str] | str:
    try:
        return phase_states(signal)
    except ConfigError as error:
        return str(error)


@pytest.mark.parametrize("scenario", scenario_names())
def test_what_is_shown_together_never_conflicts_and_serves_everyone(
    scenario: str, site_of: Sites
) -> None:
    shaped = 0
    for signal in site_of(scenario).network.signals:
        states = _states_or_reason(signal)
        if isinstance(states, str):
            assert signal.id in states
            continue
        shaped += 1
        for ring1, ring2 in BARRIERS:
            for pair in ((x, y) for x in ring1 for y in ring2):
                together = _shown(signal, *(states[k] for k in pair if k in states))
                assert not conflicting_greens(together, signal.foes)
                for link in signal.links:
                    foes = signal.foes[link.position]
                    if together[link.position] == "g" and link.direction not in "lLt":
                        assert not any(foes[i] and together[i] == "G" for i in range(signal.size))
        served = _shown(signal, *states.values())
        assert all(served[link.position] != "r" for link in signal.links)
    assert shaped


def test_our_intersection_has_the_eight_phases(site_of: Sites) -> None:
    site = site_of("single")
    (logic,) = ET.parse(write(site, max_left_s=15.0)).getroot()
    params = {p.attrib["key"]: p.attrib["value"] for p in logic.iter("param")}
    assert (params["ring1"], params["ring2"]) == ("1,2,3,4", "5,6,7,8")
    phases = {int(p.attrib["name"]): p.attrib for p in logic.iter("phase")}
    assert sorted(phases) == list(range(1, 9))
    (signal,) = site.network.signals
    turns = {link.position: link.direction for link in signal.links}
    for number, phase in phases.items():
        shown = {turns[i] for i, letter in enumerate(phase["state"]) if letter == "G"}
        assert shown == ({"l"} if number % 2 else {"r", "s"})
        assert phase["maxDur"] == ("15" if number % 2 else "50")


def test_lanes_of_right_turns_overlap_with_the_other_street(site_of: Sites) -> None:
    signals = {s.id: s for s in site_of("corridor").network.signals}
    assert phase_states(signals["j2"]) == {
        2: "rrrrrGGr",
        5: "grrrrrrG",
        6: "rrGGGrrr",
        4: "GGrrrrrr",
    }


def test_a_signal_without_the_shape_is_refused_with_the_reason(short: Path, site_of: Sites) -> None:
    site = site_of(short)
    (signal,) = site.network.signals
    crossing = replace(signal.links[0], crossing=True)
    broken = replace(signal, links=(crossing, *signal.links[1:]))
    network = Network((broken,), site.network.lanes, site.network.zones)
    with pytest.raises(ConfigError, match=r"signal 'c': expected .* without pedestrian crossings"):
        write(replace(site, network=network))
    two = replace(signal, links=tuple(k for k in signal.links if k.from_lane[0] in "ns"))
    with pytest.raises(ConfigError, match=r"expected three or four approaches .*, got 2"):
        phase_states(two)


def test_signals_without_the_shape_run_the_actuated_program(
    site_of: Sites, caplog: pytest.LogCaptureFixture
) -> None:
    if "resco-cologne8" not in scenario_names():
        pytest.skip("the RESCO maps are not installed")
    root = ET.parse(write(site_of("resco-cologne8"))).getroot()
    logics = {e.attrib["id"]: e for e in root.iter("tlLogic")}
    assert {e.attrib["type"] for e in logics.values()} == {"NEMA", "actuated"}
    assert logics["32319828"].attrib["type"] == "actuated"
    assert "'32319828'" in caplog.text
