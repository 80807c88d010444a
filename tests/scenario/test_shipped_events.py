"""Contracts of the shipped environments whose episodes are about events of a calendar."""

from __future__ import annotations

import subprocess
from collections import Counter
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import sumolib

from signalrl.benchmark.suite import load_suite
from signalrl.errors import ConfigError
from signalrl.events.event import Event
from signalrl.scenario.catalog import envs_folder, load_scenario, scenario_names
from signalrl.scenario.demand import draw_episode
from signalrl.scenario.event_demand import load_season
from signalrl.sumo.process import sumo_binary

NAMES = [n for n in scenario_names() if load_scenario(n, check_files=False).events is not None]
RECORDED = [n for n in NAMES if load_scenario(n, check_files=False).routes]
HELD_OUT = [
    (n, path.name) for n in NAMES for path in sorted((envs_folder() / n).glob("held-*.ics"))
]
DRAIN_S = 1800.0


@cache
def roads(name: str) -> sumolib.net.Net:
    return sumolib.net.readNet(str(load_scenario(name).network_file))


def events(name: str, calendar: str = "season.ics") -> tuple[Event, ...]:
    season = load_season(load_scenario(name, settings={"events": {"calendars": [calendar]}}))
    assert season.notes == ()
    return season.events


def drawn_trips(path: Path) -> list[tuple[float, str, str]]:
    """Departure, origin and destination of each drawn visitor."""
    trips = ElementTree.parse(path).getroot().iter("trip")
    return [
        (float(trip.attrib["depart"]), trip.attrib["from"], trip.attrib["to"]) for trip in trips
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_season_differs_within_itself(name: str) -> None:
    season = events(name)
    people = [event.attendance or 0 for event in season]
    assert 12 <= len(season) <= 26
    assert max(people) >= 3 * min(people)
    assert len({event.kind for event in season}) >= 2
    assert len({event.begin.time() for event in season}) >= 3


@pytest.mark.parametrize(("name", "calendar"), HELD_OUT)
def test_held_out_events_are_later_than_the_season_and_not_of_it(name: str, calendar: str) -> None:
    season, held_out = events(name), events(name, calendar)
    assert min(event.begin for event in held_out) > max(event.end for event in season)
    assert not {event.uid for event in season} & {event.uid for event in held_out}
    assert not {event.title for event in season} & {event.title for event in held_out}


@pytest.mark.parametrize(("name", "calendar"), [x for x in HELD_OUT if x[0] in RECORDED])
def test_held_out_events_of_recorded_maps_are_of_unseen_size_time_and_kind(
    name: str, calendar: str
) -> None:
    season, held_out = events(name), events(name, calendar)
    assert not {event.attendance for event in season} & {event.attendance for event in held_out}
    assert not {event.begin.time() for event in season} & {event.begin.time() for event in held_out}
    assert {event.kind for event in held_out} - {event.kind for event in season}


@pytest.mark.parametrize("name", NAMES)
def test_large_events_are_larger_than_usual_ones(name: str) -> None:
    usual, large = (events(name, f"held-out-{size}.ics") for size in "ml")
    assert max(e.attendance or 0 for e in usual) < min(e.attendance or 0 for e in large)


@pytest.mark.parametrize("name", NAMES)
def test_the_suite_has_every_environment_quiet_and_before_and_after_events(name: str) -> None:
    kinds = ("quiet", "m-ingress", "m-egress", "l-ingress", "l-egress")
    cases = [case for case in load_suite("events").environments if case.env == name]
    assert [case.name for case in cases] == [f"{name}-{kind}" for kind in kinds]
    for case in cases:
        traffic = case.load().events
        assert traffic is not None
        assert "season.ics" not in traffic.calendars


@pytest.mark.parametrize("name", RECORDED)
def test_every_visitor_has_a_way(name: str, tmp_path: Path) -> None:
    net, pairs = roads(name), set[tuple[str, str]]()
    for seed in range(6):
        trips = drawn_trips(draw_episode(load_scenario(name), seed, tmp_path).route_files[-1])
        pairs |= {(origin, destination) for _, origin, destination in trips}
    assert pairs
    for origin, destination in sorted(pairs):
        ends = net.getEdge(origin), net.getEdge(destination)
        path, _ = net.getFastestPath(*ends, vClass="passenger")
        assert path is not None, (origin, destination)


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_trips_end_half_an_hour_before_the_episode(name: str) -> None:
    scenario = load_scenario(name)
    (path,) = scenario.route_files
    assert not path.is_relative_to(envs_folder())
    departs_s = [
        float(trip.attrib["depart"])
        for trip in ElementTree.parse(path).getroot()
        if "depart" in trip.attrib
    ]
    assert scenario.begin_s <= min(departs_s)
    assert 0 <= scenario.end_s - DRAIN_S - max(departs_s) < 10


@pytest.mark.parametrize("phase", ["ingress", "egress"])
@pytest.mark.parametrize("name", RECORDED)
def test_most_visitors_meet_the_recorded_traffic(name: str, phase: str, tmp_path: Path) -> None:
    settings = {"events": {"phases": [phase]}}
    scenario = load_scenario(name, settings=settings)
    shares = []
    for seed in range(20):
        trips = drawn_trips(draw_episode(scenario, seed, tmp_path).route_files[-1])
        departs_s = np.array([depart_s for depart_s, *_ in trips])
        shares.append(np.mean(departs_s < scenario.end_s - DRAIN_S))
    assert np.median(shares) > 0.6


@pytest.mark.parametrize("scale", [0.7, 1.3])
def test_a_scale_on_recorded_trips_leaves_the_visitors(scale: float, tmp_path: Path) -> None:
    """SUMO's own factor is one on all traffic."""
    settings = {"scale_range": [scale, scale], "end_s": 26100}
    scenario = load_scenario("cologne-concert", settings=settings)
    episode = draw_episode(scenario, 3, tmp_path)
    tripinfo = tmp_path / "tripinfo.xml"
    call = [str(sumo_binary()), "--net-file", str(scenario.network_file)]
    call += [
        "--route-files",
        ",".join(map(str, episode.route_files)),
        "--scale",
        str(episode.scale),
    ]
    call += ["--begin", f"{scenario.begin_s:g}", "--end", f"{scenario.end_s:g}"]
    call += ["--tripinfo-output", str(tripinfo), "--tripinfo-output.write-unfinished"]
    call += ["--tripinfo-output.write-undeparted", "--no-step-log", "--no-warnings"]
    subprocess.run(call, check=True, capture_output=True)
    ids = [trip.attrib["id"] for trip in ElementTree.parse(tripinfo).getroot()]
    seen = Counter(name.startswith("event_") for name in ids)
    recorded = ElementTree.parse(episode.route_files[0]).getroot().iter("trip")
    scheduled = sum(float(trip.attrib["depart"]) < scenario.end_s for trip in recorded)
    assert seen[True] == len(drawn_trips(episode.route_files[-1])) > 100
    assert seen[False] == pytest.approx(scale * scheduled, rel=0.02)


def test_a_scale_of_zero_is_refused_with_events() -> None:
    with pytest.raises(ConfigError, match="expected a lower bound above 0"):
        load_scenario("cologne-concert", settings={"scale_range": [0, 1]})
