from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from signalrl.cli import main
from signalrl.errors import ConfigError
from signalrl.events.event import Event
from signalrl.events.event_days import event_days
from signalrl.events.history import COLUMNS, edges_of, read_counts
from signalrl.events.venues import read_venues
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import load_season, realise
from signalrl.scenario.schema import Scenario
from signalrl.sumo.history import AFTER_S, INTERVAL_S, record_history
from tests.scenarios import short


def quiet_arena() -> Scenario:
    """The arena with a twentieth of its visitors and next to no other traffic."""
    settings = {
        "demand": {"scale_range": [0.01, 0.01]},
        "events": {"attendance_factor": [0.05, 0.05]},
    }
    return load_scenario("arena", settings=settings)


def matches() -> list[Event]:
    return [event for event in load_season(quiet_arena()).events if event.kind == "sports"][:3]


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "counts.csv"
    scenario = quiet_arena()
    events = matches()
    edges = edges_of(load_season(scenario).registry.venue("arena"))
    rows = record_history(scenario, events, 1, path)
    assert rows == len(path.read_text().splitlines()) - 1
    assert rows % len(edges) == 0
    return path


def test_detectors_see_every_visitor_once(counts: Path) -> None:
    scenario = quiet_arena()
    season = load_season(scenario)
    found = read_counts(counts, season.registry)
    assert (found.interval_s, found.notes) == (300.0, ())
    days, notes = event_days(found, season.registry, season.events)
    assert notes == ()
    assert [day.event for day in days] == matches()
    traffic = scenario.events
    assert traffic is not None
    for number, day in enumerate(days):
        turnout = realise(season, traffic, day.event, 1 + number)
        assert day.arrivals is not None
        assert day.departures is not None
        # Who comes last is still on the road when the window of arrivals ends.
        assert 0.9 * len(turnout.arrivals) <= day.arrivals.vehicles <= len(turnout.arrivals)
        assert day.departures.vehicles == len(turnout.departures)


def test_the_part_of_an_interval_in_which_a_day_ends_is_no_count(counts: Path) -> None:
    """A match lasts 112 minutes, and a day 502: two of them are left."""
    begin_s = read_counts(counts, load_season(quiet_arena()).registry).series["park_e2_in"].begin_s
    assert len(begin_s) == len(matches()) * 100
    for event in matches():
        last_s = event.begin.timestamp() + 112 * 60.0 + AFTER_S
        assert last_s - 120.0 not in begin_s
        assert last_s - 120.0 - INTERVAL_S in begin_s


def test_the_command_learns_from_it(
    counts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    season = load_season(quiet_arena())
    out, picture = tmp_path / "venues.yaml", tmp_path / "learned.svg"
    arguments = ["learn", str(counts), "--env", "arena", "--out", str(out)]
    assert main([*arguments, "--picture", str(picture), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["events"] == 3
    assert [profile["key"] for profile in result["profiles"]] == ["arena.sports"]
    assert result["held_out"][0]["events"] == 3
    assert read_venues(out).venues == season.registry.venues
    assert "<svg" in picture.read_text()
    assert "arena.sports" in out.read_text()
    assert main(arguments) == 0
    assert "held out" in capsys.readouterr().out
    few = counts.with_name("few.csv")  # one match of three
    first = str(matches()[0].begin.date())
    head, *lines = counts.read_text().splitlines()
    few.write_text("\n".join([head, *(line for line in lines if line.startswith(first))]))
    picture.unlink()
    assert main(["learn", str(few), "--env", "arena", "--picture", str(picture)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "learned.svg was not drawn" in told
    assert "arena.sports: expected at least 3 events, got 1; it stays as it was" in told
    assert not picture.exists()


def test_what_was_learned_before_stays_where_nothing_new_came(
    counts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "arena"
    shutil.copytree(load_scenario("arena").folder, folder)
    known = read_venues(folder / "venues.yaml")
    own = {"arena.concert": known.kind("concert").model_copy(update={"occupancy": 3.0})}
    uncertainty = known.uncertainty.model_copy(update={"attendance_cv_ticketed": 0.2})
    kinds = dict(known.kinds) | own
    before = known.model_copy(update={"kinds": kinds, "uncertainty": uncertainty})
    venues = before.model_dump(mode="json")
    (folder / "venues.yaml").write_text(json.dumps(venues))
    out = tmp_path / "learned.yaml"
    assert main(["learn", str(counts), "--env", str(folder), "--out", str(out)]) == 0
    assert "uncertainty stays as it was" in " ".join(capsys.readouterr().out.split())
    after = read_venues(out)
    assert after.kinds["arena.concert"] == own["arena.concert"]
    assert "arena.sports" in after.kinds
    assert after.uncertainty == uncertainty


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--picture", "learned.txt", "learned.txt: expected a picture, .svg, .png, .pdf"),
        ("--prior-events", "inf", "--prior-events"),
    ],
)
def test_what_can_not_be_drawn_or_counted_is_bad_input(
    counts: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, said: str
) -> None:
    assert main(["learn", str(counts), "--env", "arena", option, value]) == 2
    assert said in capsys.readouterr().err


def test_days_without_counts_are_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "counts.csv"
    rows = [f"2020-01-01T00:{m:02d},park_e2_in,1" for m in (0, 5, 10)]
    path.write_text("\n".join([",".join(COLUMNS), *rows]))
    assert main(["learn", str(path), "--env", "arena"]) == 2
    assert "at least one event of the calendar" in capsys.readouterr().err
    assert main(["learn", str(path), "--env", "single"]) == 2
    assert "an environment with events" in capsys.readouterr().err


def test_an_environment_without_events_has_no_history(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="with events"):
        record_history(short("single"), [], 1, tmp_path / "counts.csv")
