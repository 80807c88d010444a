from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from signalrl.benchmark.programs import PROGRAMS, Program, Site
from signalrl.control.monitor import Monitor
from signalrl.env.session import Session
from signalrl.network.phases import KNOWN_LETTERS
from signalrl.scenario.catalog import scenario_names
from signalrl.sumo.episode import Outputs
from signalrl.sumo.outputs import read_metrics

Sites = Callable[..., Site]
WRITTEN = sorted(name for name, program in PROGRAMS.items() if program.write)
CALCULATED = ("webster", "webster-offsets", "event-plan", "event-plan-actuated")
"""Those that take a second or more, since they draw and route the demand."""


def _write(name: str, site: Site) -> Path:
    write = PROGRAMS[name].write
    assert write is not None
    return write(site)


def test_every_program_says_what_it_is_and_documents_its_parameters() -> None:
    assert PROGRAMS["fixed"].write is None
    for program in PROGRAMS.values():
        assert program.description
        assert program.source
    for name in WRITTEN:
        write = PROGRAMS[name].write
        first, *rest = inspect.signature(write).parameters.values()  # type: ignore[arg-type]
        assert first.name == "site"
        for parameter in rest:
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
            assert isinstance(parameter.default, (bool, int, float))
            assert re.search(rf"^\s+{parameter.name}: ", write.__doc__ or "", re.MULTILINE)


@pytest.mark.parametrize("name", [n for n in WRITTEN if n not in CALCULATED])
@pytest.mark.parametrize("scenario", scenario_names())
def test_a_program_covers_every_signal_and_is_the_same_again(
    scenario: str, name: str, site_of: Sites
) -> None:
    site = site_of(scenario)
    path = _write(name, site)
    assert path.is_relative_to(site.folder)
    assert path.read_bytes() == _write(name, site_of(scenario)).read_bytes()
    logics = list(ET.parse(path).getroot().iter("tlLogic"))
    assert [logic.attrib["id"] for logic in logics] == [s.id for s in site.network.signals]
    for logic, signal in zip(logics, site.network.signals, strict=True):
        for phase in logic.iter("phase"):
            assert len(phase.attrib["state"]) == signal.size
            assert set(phase.attrib["state"]) <= KNOWN_LETTERS
            assert float(phase.get("minDur", 0)) <= float(phase.get("maxDur", math.inf))


def _run(site: Site, program: Program) -> tuple[set[str], set[str], float]:
    """Drive an episode; return the ids of the programs, broken rules, and the mean delay."""
    additional = () if program.write is None else (program.write(site),)
    outputs = Outputs(site.folder)
    with Session(
        site.scenario, network=site.network, outputs=outputs, additional=additional
    ) as session:
        plant = session.start(site.seed)
        monitor = Monitor(site.network, site.scenario.timing)
        monitor.reset(plant.time_s)
        before, rules = [""] * len(site.network.signals), set()
        while not plant.ended:
            plant.advance(plant.time_s + 1.0)
            now = plant.shown()
            for signal, state in enumerate(now):
                if state != before[signal]:
                    since_s = plant.time_s if before[signal] else -math.inf
                    if found := monitor.check(signal, state, since_s):
                        rules.add(found.rule)
            before = now
        running = {plant.api.trafficlight.getProgram(s.id) for s in site.network.signals}
        session.stop()
    return running, rules, read_metrics(outputs).mean_delay_s


@pytest.mark.parametrize("name", WRITTEN)
def test_sumo_runs_the_program_and_it_is_safe(name: str, short: Path, site_of: Sites) -> None:
    site = site_of(short)
    running, broken, _ = _run(site, PROGRAMS[name])
    logics = ET.parse(_write(name, site_of(short))).getroot().iter("tlLogic")
    assert running == {logic.attrib["programID"] for logic in logics}
    if name == "floor":
        assert any("conflict" in rule for rule in broken)
    else:
        assert not broken


def test_nothing_is_below_the_floor(short: Path, site_of: Sites) -> None:
    delays = {name: _run(site_of(short), PROGRAMS[name])[2] for name in PROGRAMS}
    assert min(delays, key=lambda name: delays[name]) == "floor"
