from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from signalrl.benchmark.programs import PROGRAMS, Site
from signalrl.benchmark.programs.event_plan import evening, write, write_actuated
from signalrl.control.monitor import Monitor
from signalrl.env.session import Session
from signalrl.errors import ConfigError
from signalrl.forecast.evening import Period
from signalrl.forecast.plans import Bounds
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import draw_occasion, load_season
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import scenario_network

Sites = Callable[..., Site]
LEAD_S = 600.0


def _scenario(**settings: object) -> Scenario:
    """The end of a large event of the arena, from ten minutes before to forty after it."""
    events = {"calendars": ["held-out-l.ics"], "phases": ["egress"], **settings}
    scenario = load_scenario("arena", settings={"events": events})
    return scenario.model_copy(update={"end_s": scenario.begin_s + 3000.0})


SCENARIO = _scenario()
NETWORK = scenario_network(SCENARIO)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(SCENARIO, NETWORK, 1, tmp_path)


@cache
def _evening(late_s: float = 0.0, factor: float = 1.0) -> tuple[Period, ...]:
    site = Site(SCENARIO, NETWORK, 1, Path())  # it writes nothing
    return evening(site, late_s, factor, Bounds(), coordinated=False)


def _in(folder: Path, site: Site, seed: int) -> Site:
    folder.mkdir()
    return replace(site, seed=seed, folder=folder)


def test_plans_change_at_the_end_of_the_event_and_each_half_hour_after() -> None:
    periods = _evening()
    assert [p.begin_s for p in periods] == [0.0, LEAD_S, LEAD_S + 1800.0]
    assert periods[-1].end_s == SCENARIO.end_s
    quiet, busy, _ = (p.volumes_veh_h.sum() for p in periods)
    assert busy > 1.4 * quiet
    assert any(periods[0].plans[s] != periods[1].plans[s] for s in periods[0].plans)


def test_a_calendar_that_errs_moves_the_switch_and_the_traffic() -> None:
    late = _evening(late_s=600.0)
    assert [p.begin_s for p in late] == [0.0, LEAD_S + 600.0]
    early = _evening(late_s=-300.0)
    assert early[1].begin_s == LEAD_S - 300.0
    usual, many = _evening(), _evening(factor=1.2)
    assert many[1].volumes_veh_h.sum() > usual[1].volumes_veh_h.sum()
    assert many[0].volumes_veh_h.sum() == pytest.approx(usual[0].volumes_veh_h.sum(), rel=0.05)


def test_an_evening_without_an_event_has_one_plan(tmp_path: Path) -> None:
    site = Site(_scenario(probability=0), NETWORK, 1, tmp_path)
    assert len(evening(site, 0.0, 1.0, Bounds(), coordinated=False)) == 1


def test_plans_know_the_calendar_and_nothing_of_what_is_drawn(tmp_path: Path, site: Site) -> None:
    season, traffic = load_season(SCENARIO), SCENARIO.events
    assert traffic is not None
    mine = draw_occasion(SCENARIO, season, 1)
    other = next(s for s in range(2, 99) if draw_occasion(SCENARIO, season, s) == mine)
    files = [write(_in(tmp_path / str(seed), site, seed)) for seed in (1, other)]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("name", ["event-plan", "event-plan-actuated"])
def test_sumo_changes_plans_without_a_violation(name: str, site: Site) -> None:
    program = PROGRAMS[name].write
    assert program is not None
    path = program(site)
    network, rules = site.network, SCENARIO.timing
    scenario = SCENARIO.model_copy(update={"end_s": 1200.0})
    with Session(scenario, network=network, additional=(path,)) as session:
        plant = session.start(site.seed)
        monitor = Monitor(network, rules)
        monitor.reset(plant.time_s)
        before, broken = [""] * len(network.signals), []
        shown: list[list[str]] = []
        while not plant.ended:
            plant.advance(plant.time_s + 1.0)
            now = list(plant.shown())
            shown.append(now)
            for signal, state in enumerate(now):
                if state != before[signal]:
                    since_s = plant.time_s if before[signal] else -math.inf
                    if found := monitor.check(signal, state, since_s):
                        broken.append(found)
            before = now
        session.stop()
    assert not broken
    if name == "event-plan":
        for number, logic in enumerate(ET.parse(path).getroot().iter("tlLogic")):
            planned = [
                phase.attrib["state"]
                for phase in logic.iter("phase")
                for _ in range(round(float(phase.attrib["duration"])))
            ]
            assert [s[number] for s in shown[:1100]] == planned[:1100]


def test_actuated_greens_of_each_period_are_bounded_by_its_plan(site: Site) -> None:
    bounds = Bounds(90, 120, choose=False, gate=1.0)
    periods = evening(site, 0.0, 1.0, bounds, coordinated=False)
    root = ET.parse(write_actuated(site, headroom=1.0, coming_green_s=0.0)).getroot()
    for logic, signal in zip(root.iter("tlLogic"), NETWORK.signals, strict=True):
        steps = [phase.attrib for phase in logic.iter("phase")]
        greens = [step for step in steps if "maxDur" in step]
        wanted = [
            (signal.phases[p].state, max(float(green_s), float(step_min) + 1.0))
            for period in periods
            for p, green_s in zip(
                period.plans[signal.id].phases, period.plans[signal.id].greens_s, strict=True
            )
            for step_min in [
                next(s["minDur"] for s in greens if s["state"] == signal.phases[p].state)
            ]
        ]
        assert [(step["state"], float(step["maxDur"])) for step in greens] == wanted
        assert {state for state, _ in wanted} == {phase.state for phase in signal.phases}
        times = {c.attrib["id"]: c.attrib["value"] for c in logic.iter("condition")}
        assert f"c:0 >= {LEAD_S:g}" in times["time1"]


def test_no_green_is_long_while_visitors_come(site: Site) -> None:
    scenario = _scenario(phases=["ingress"])
    coming = replace(site, scenario=scenario)
    bounds = Bounds(90, 120, choose=False, gate=1.0)
    periods = evening(coming, 0.0, 1.0, bounds, coordinated=False)
    assert all(period.coming for period in periods)
    assert not any(period.coming for period in evening(site, 0.0, 1.0, bounds, coordinated=False))
    longest_s = {}
    for most_s in (30.0, 1000.0):
        root = ET.parse(write_actuated(coming, coming_green_s=most_s)).getroot()
        steps = [step.attrib for step in root.iter("phase") if "maxDur" in step.attrib]
        longest_s[most_s] = [float(step["maxDur"]) for step in steps]
        for step in steps:
            assert float(step["maxDur"]) <= max(most_s, float(step["minDur"]) + 1.0)
    assert max(longest_s[30.0]) < max(longest_s[1000.0])


@pytest.mark.parametrize("name", ["headroom", "coming_green_s"])
@pytest.mark.parametrize("value", [-1.0, math.nan])
def test_a_green_below_nothing_is_refused(name: str, value: float, site: Site) -> None:
    with pytest.raises(ConfigError, match=f"{name}: expected 0 or more, got"):
        write_actuated(site, **{name: value})


def test_lights_change_wherever_a_simulation_begins(tmp_path: Path) -> None:
    """SUMO begins at the step that fits its clock, which may be one of a later plan."""
    events = {"calendars": ["held-out-m.ics"], "phases": ["egress"]}
    settings = {"events": events, "end_s": 58_200.0}
    scenario = load_scenario("ingolstadt-matchday", settings=settings)
    network = scenario_network(scenario)
    path = write_actuated(Site(scenario, network, 1, tmp_path))
    changes = [0] * len(network.signals)
    with Session(scenario, network=network, additional=(path,)) as session:
        plant = session.start(1)
        before = plant.shown()
        while plant.time_s < scenario.begin_s + 290.0:  # the second plan begins after 300 s
            plant.advance(plant.time_s + 1.0)
            now = plant.shown()
            changes = [n + (a != b) for n, a, b in zip(changes, before, now, strict=True)]
            before = now
        session.stop()
    assert min(changes) > 10


def test_a_scenario_with_surges_has_no_calendar(site_of: Sites) -> None:
    with pytest.raises(ConfigError, match="surges"):
        write(site_of("single"))
