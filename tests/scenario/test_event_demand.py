from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from signalrl.errors import ConfigError
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.demand import EpisodeDemand, draw_episode
from signalrl.scenario.event_demand import load_season, realise, told_of
from signalrl.scenario.schema import Scenario

VENUES = """
zone: Europe/Berlin
venues:
  arena:
    capacity: 20000
    attendance: 10000
    car_parks:
      park: {spaces: 9000, entrances: [park_in], exits: {park_out: 5000}}
    gates:
      west: {inbound: w_in, outbound: w_out, weight: 2}
      east: {inbound: e_in, outbound: e_out, weight: 1}
"""
CALENDAR = """title,venue,begin,end,kind,attendance
A match,arena,2026-05-09T18:30,2026-05-09T20:30,sports,10000
A concert,arena,2026-05-23T20:00,2026-05-23T22:30,concert,6000
"""
FILE = """
title: A test
network: a.net.xml
end_s: 5400
events:
  venues: venues.yaml
  calendars: [season.csv]
  first_day: 2026-05-01
  last_day: 2026-05-31
  lead_s: {ingress: 4800, egress: 600}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (
        ("venues.yaml", VENUES),
        ("season.csv", CALENDAR),
        ("scenario.yaml", FILE),
        ("a.net.xml", "<net/>"),
    ):
        (tmp_path / name).write_text(text)
    return tmp_path


def scenario(folder: Path, settings: dict[str, Any] | None = None) -> Scenario:
    return load_scenario(folder, settings=settings)


def drawn(scenario: Scenario, seed: int) -> tuple[EpisodeDemand, list[dict[str, str]]]:
    episode = draw_episode(scenario, seed, scenario.folder)
    root = ElementTree.parse(episode.route_files[-1]).getroot()
    return episode, [dict(trip.attrib) for trip in root.iter("trip")]


def test_an_episode_is_the_begin_or_the_end_of_an_event(folder: Path) -> None:
    seen = Counter()
    for seed in range(60):
        occasion = draw_episode(scenario(folder), seed, folder).occasion
        assert occasion is not None
        seen[occasion.event.title, occasion.phase] += 1
        anchor = occasion.event.begin if occasion.phase == "ingress" else None
        if anchor is not None:
            assert anchor.timestamp() - occasion.clock.timestamp() == 4800
        elif occasion.event.title == "A match":  # 112 minutes from kick-off, whatever it says
            assert f"{occasion.clock:%H:%M}" == "20:12"
        else:
            assert f"{occasion.clock:%H:%M}" == "22:20"
    assert len(seen) == 4
    assert min(seen.values()) > 5


def test_visitors_come_before_and_leave_after_on_the_roads_of_the_venue(folder: Path) -> None:
    for phase, origins, destinations in (
        ("ingress", {"w_in", "e_in"}, {"park_in"}),
        ("egress", {"park_out"}, {"w_out", "e_out"}),
    ):
        made = scenario(folder, {"events": {"phases": [phase]}})
        episode, trips = drawn(made, 3)
        departs = np.array([float(trip["depart"]) for trip in trips])
        assert (np.diff(departs) >= 0).all()
        assert departs.min() >= 0
        assert departs.max() < 5400
        assert {trip["from"] for trip in trips} == origins
        assert {trip["to"] for trip in trips} == destinations
        occasion = episode.occasion
        assert occasion is not None
        season, traffic = load_season(made), made.events
        assert traffic is not None
        turnout = realise(season, traffic, occasion.event, 3)
        assert 0.6 * turnout.vehicles < len(trips) <= turnout.vehicles
        moving = turnout.arrivals if phase == "ingress" else turnout.departures
        times = moving.depart_s + occasion.event.begin.timestamp() - occasion.clock.timestamp()
        times = times[(times >= 0) & (times < 5400)]
        np.testing.assert_allclose(departs, times, atol=0.011)


def test_who_still_leaves_an_earlier_event_is_on_the_road_too(folder: Path) -> None:
    (folder / "venues.yaml").write_text(VENUES.replace("5000}", "500}"))
    match, concert = "arena,2026-05-09T15:00,2026-05-09T17:00", "arena,2026-05-09T20:00,"
    (folder / "season.csv").write_text(f"venue,begin,end\n{match}\n{concert}2026-05-09T22:00\n")
    made = scenario(folder, {"events": {"phases": ["ingress"]}})
    for seed in range(10):
        episode, trips = drawn(made, seed)
        assert episode.occasion is not None
        if episode.occasion.event.begin.hour == 20:
            leaving = [trip for trip in trips if trip["from"] == "park_out"]
            assert 200 < len(leaving) < len(trips)
            return
    pytest.fail("expected an episode about the later event in ten, got none")


def test_the_clock_of_an_episode_may_begin_late(folder: Path) -> None:
    settings = {"events": {"phases": ["egress"]}}
    _, early = drawn(scenario(folder, settings), 5)
    _, late = drawn(scenario(folder, {**settings, "begin_s": 25200, "end_s": 30600}), 5)
    shifted = [round(float(trip["depart"]) - 25200, 2) for trip in late]
    np.testing.assert_allclose(shifted, [float(trip["depart"]) for trip in early], atol=0.011)


def test_the_usual_traffic_follows_the_clocks_on_a_day_that_they_are_changed(folder: Path) -> None:
    (folder / "season.csv").write_text("venue,begin,end\narena,2026-03-29T10:00,2026-03-29T12:00\n")
    points = [{"time_s": 0, "factor": 0}, {"time_s": 9 * 3600, "factor": 1}]
    demand = {
        "flows": [{"from": "a", "to": "b", "veh_h": 3600}],
        "profile": {"clock": "day", "points": points},
    }
    events = {"first_day": "2026-03-01", "phases": ["ingress"], "probability": 0}
    for begin_s in (0, 25_200):  # from 08:40 on; 25,200 s before, clocks were an hour behind
        window = {"begin_s": begin_s, "end_s": begin_s + 5400}
        _, trips = drawn(scenario(folder, {"demand": demand, "events": events, **window}), 1)
        assert 1200 <= float(trips[0]["depart"]) - begin_s < 1230


def test_a_day_follows_a_day(folder: Path) -> None:
    (folder / "season.csv").write_text("venue,begin,end\narena,2026-05-10T00:30,2026-05-10T02:00\n")
    points = [{"time_s": 0, "factor": 1}, {"time_s": 12 * 3600, "factor": 0}]
    demand = {
        "flows": [{"from": "a", "to": "b", "veh_h": 3600}],
        "profile": {"clock": "day", "points": points},
    }
    events = {"phases": ["ingress"], "probability": 0}
    _, trips = drawn(scenario(folder, {"demand": demand, "events": events}), 1)
    assert 3000 <= float(trips[0]["depart"]) < 3030  # 23:10 and 50 minutes


def test_vehicles_of_different_venues_have_names_of_their_own(folder: Path) -> None:
    hall = VENUES.split("venues:\n")[1].replace("arena", "hall")
    (folder / "venues.yaml").write_text(VENUES + hall)
    row = "2026-05-09T18:30,2026-05-09T20:30,1"
    (folder / "season.csv").write_text(f"venue,begin,end,uid\narena,{row}\nhall,{row}\n")
    _, trips = drawn(scenario(folder), 1)
    names = [trip["id"] for trip in trips]
    assert len(set(names)) == len(names)
    labels = sorted({name.partition(".")[0] for name in names})
    assert len(labels) == 2
    one, other = ([t["depart"] for t in trips if t["id"].startswith(label)] for label in labels)
    assert one != other


def test_a_season_may_be_open_ended(folder: Path) -> None:
    assert len(load_season(scenario(folder, {"events": {"last_day": "9999-12-31"}})).events) == 2


def test_an_episode_says_what_it_is_about(folder: Path) -> None:
    seen = {told_of(scenario(folder), seed) for seed in range(20)}
    assert "A match, 2026-05-09 18:30, egress" in seen
    assert len(seen) == 4
    quiet = scenario(folder, {"events": {"probability": 0}})
    assert told_of(quiet, 1) in {"no event, on 2026-05-09", "no event, on 2026-05-23"}
    assert told_of(load_scenario("single"), 1) is None


def test_a_season_ends_by_the_clocks_of_its_venues(folder: Path) -> None:
    """The registry is on UTC, and the venue nine hours behind it."""
    venues = VENUES.replace("  arena:\n", "  arena:\n    zone: America/Anchorage\n")
    (folder / "venues.yaml").write_text(venues)
    rows = "before,arena,2026-04-30T19:00,", "first,arena,2026-05-01T10:00,"
    rows = *rows, "last,arena,2026-05-31T19:00,", "after,arena,2026-06-01T01:00,"
    (folder / "season.csv").write_text("title,venue,begin,end\n" + "\n".join(rows) + "\n")
    season = load_season(scenario(folder))
    assert [event.title for event in season.events] == ["first", "last"]


def test_a_day_without_events_has_the_usual_traffic_of_that_hour(folder: Path) -> None:
    profile = {
        "clock": "day",
        "interpolation": "steps",
        "points": [{"time_s": 0, "factor": 0.5}, {"time_s": 72_000, "factor": 1.0}],
    }
    demand = {"flows": [{"from": "a", "to": "b", "veh_h": 3000}], "profile": profile}
    events = {"probability": 0, "phases": ["ingress"]}
    counts = {}
    for seed in range(20):
        episode, trips = drawn(scenario(folder, {"demand": demand, "events": events}), seed)
        assert episode.occasion is not None
        assert {trip["from"] for trip in trips} == {"a"}
        counts[episode.occasion.event.title] = len(trips)
    # Until 18:40 half of the volume; from 20:00 on, the last ten minutes of the concert's, all.
    assert abs(counts["A match"] - 2250) < 4 * np.sqrt(2250)
    expected = 3000 * (80 / 60 * 0.5 + 10 / 60)
    assert abs(counts["A concert"] - expected) < 4 * np.sqrt(expected)


def test_an_event_leaves_the_usual_traffic_as_it_is(folder: Path) -> None:
    demand = {"flows": [{"from": "a", "to": "b", "veh_h": 500}]}
    _, quiet = drawn(scenario(folder, {"demand": demand, "events": {"probability": 0}}), 1)
    _, busy = drawn(scenario(folder, {"demand": demand}), 1)
    assert [trip for trip in busy if trip["type"] == "car"] == quiet
    assert len(busy) > len(quiet) + 500


def test_the_seed_decides_everything(folder: Path) -> None:
    assert drawn(scenario(folder), 7)[1] == drawn(scenario(folder), 7)[1]
    assert drawn(scenario(folder), 7)[1] != drawn(scenario(folder), 8)[1]


def test_visitors_take_the_way_that_is_fastest_when_they_set_off(folder: Path) -> None:
    episode = draw_episode(scenario(folder), 1, folder)
    root = ElementTree.parse(episode.route_files[-1]).getroot()
    (kind,) = root.iter("vType")
    assert [(p.get("key"), p.get("value")) for p in kind] == [("has.rerouting.device", "true")]


def test_attendance_can_be_drawn_within_bounds(folder: Path) -> None:
    traffic = {"attendance_factor": [0.5, 1.5], "phases": ["egress"]}
    sizes = [len(drawn(scenario(folder, {"events": traffic}), seed)[1]) for seed in range(40)]
    assert max(sizes) > 2.5 * min(sizes)


def test_a_calendar_is_read_again_when_it_changes(folder: Path) -> None:
    assert len(load_season(scenario(folder)).events) == 2
    (folder / "season.csv").write_text("\n".join(CALENDAR.splitlines()[:2]) + "\n\n")
    assert len(load_season(scenario(folder)).events) == 1


def test_a_season_without_events_is_an_error_that_says_why(folder: Path) -> None:
    (folder / "season.csv").write_text("venue,begin\nstadium,2026-05-09T18:30\n")
    with pytest.raises(ConfigError, match=r"found none .*expected a venue of the registry"):
        load_season(scenario(folder))


def test_events_at_a_venue_without_roads_are_left_out_and_told_of(folder: Path) -> None:
    (folder / "venues.yaml").write_text(VENUES + "  townhall: {capacity: 500, kind: conference}\n")
    (folder / "season.csv").write_text(
        CALENDAR + "A talk,townhall,2026-05-09T18:00,2026-05-09T19:00,conference,80\n"
    )
    season = load_season(scenario(folder))
    assert {event.venue for event in season.events} == {"arena"}
    assert "got none; 1 events are left out" in season.notes[-1].message
    (folder / "venues.yaml").write_text("venues: {arena: {capacity: 20000}}\n")
    (folder / "season.csv").write_text(CALENDAR)
    with pytest.raises(ConfigError, match=r"found none .*expected gates and car_parks"):
        load_season(scenario(folder))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"events": {"last_day": "2026-04-01"}}, "last_day: expected a day from 2026-05-01"),
        ({"events": {"phases": ["egress"], "lead_s": {"egress": -1}}}, "lead_s.egress"),
        ({"events": {"calendars": []}}, "calendars"),
        ({"events": {"venues": "none.yaml"}}, "none.yaml, found none"),
        (
            {
                "demand": {
                    "vehicles": {"visitor": {}},
                    "flows": [{"from": "a", "to": "b", "veh_h": 1}],
                }
            },
            r"demand.vehicles: expected other names than 'visitor'",
        ),
    ],
)
def test_bad_events_are_errors(settings: dict[str, Any], said: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        scenario(folder, settings)


def test_a_clock_of_the_day_needs_events(folder: Path) -> None:
    text = FILE[: FILE.index("events:")] + "demand:\n  profile: {clock: day}\n  flows: []\n"
    (folder / "scenario.yaml").write_text(text.replace("[]", "[{from: a, to: b, veh_h: 1}]"))
    with pytest.raises(ConfigError, match=r"demand.profile.clock: expected episode"):
        scenario(folder)


def test_five_thousand_vehicles_take_less_than_a_second(folder: Path) -> None:
    settings = {"events": {"phases": ["egress"], "attendance_factor": [2.0, 2.0]}}
    calendar = "venue,begin,end,kind,attendance\n" + "".join(
        f"arena,2026-05-09T{18 + i // 2}:{'30' if i % 2 else '00'},2026-05-09T21:00,concert,9000\n"
        for i in range(4)
    )
    (folder / "season.csv").write_text(calendar)
    load_season(scenario(folder, settings))
    began = time.perf_counter()
    _, trips = drawn(scenario(folder, settings), 1)
    assert len(trips) > 5000
    assert time.perf_counter() - began < 1.0
