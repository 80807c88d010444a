"""The forecast of an evening: drawn, loaded, told and drawn as pictures."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import cache
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import sumo
from rich.console import Console

from signalrl import cli_forecast, cli_rehearse
from signalrl.cli import main
from signalrl.errors import ConfigError, NetworkError
from signalrl.events.clocks import later
from signalrl.events.scoring import covered, detection, pinball
from signalrl.forecast.assignment import assign, read_roads
from signalrl.forecast.days import knows_all_hours, next_day, parts_of_day, with_calendars
from signalrl.forecast.forecast import PARTS, QUANTILES, Outlook, look_ahead, onset_bins
from signalrl.forecast.gridlock import Risk
from signalrl.forecast.pictures import MOST_LETTERS, draw_forecast, timeline_figure
from signalrl.forecast.places import read_map
from signalrl.forecast.problems import WARN, find_problems
from signalrl.forecast.report import DayForecast, write_forecast
from signalrl.forecast.traffic import Window, draw_traffic
from signalrl.network.capacity import Capacity, find_movements
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import load_season, occasion_of
from signalrl.sumo.episode import scenario_network
from signalrl.sumo.reader import load_net
from signalrl.sumo.ways import Trip, find_ways

SCENARIO = load_scenario("arena")
NETWORK = scenario_network(SCENARIO)
SEASON = load_season(SCENARIO)
assert SCENARIO.events is not None
EVENT = max(SEASON.events, key=lambda event: event.attendance or 0)
OCCASION = occasion_of(SCENARIO, SEASON, EVENT, "egress")
WINDOW = Window(OCCASION.clock, SCENARIO.begin_s, SCENARIO.end_s)
DRAWS = 24
ROADS = read_map(SCENARIO, NETWORK)


@cache
def the_evening() -> Outlook:
    return look_ahead(SCENARIO, NETWORK, SEASON.registry, [EVENT], WINDOW, DRAWS)


def test_an_event_makes_problems_that_a_usual_evening_has_not() -> None:
    busy = the_evening()
    usual = look_ahead(SCENARIO, NETWORK, SEASON.registry, [], WINDOW, DRAWS)
    exits = [i for i, edge in enumerate(busy.approaches) if edge.startswith("park_")]
    assert busy.problem[:, exits].any(axis=0).mean() > 0.9
    assert usual.problem[:, exits].mean() == 0.0
    assert busy.problem.mean() > 2 * usual.problem.mean()


def test_a_problem_begins_with_the_first_quarter_of_an_hour_that_is_one() -> None:
    left = np.full((9, 3), 10.0)
    waiting = np.zeros((9, 3))
    waiting[4:, 0] = 20.0  # a third of a quarter of an hour is enough for it
    waiting[4, 1] = 6.0  # 180 s per vehicle there, and too few of them in a quarter of an hour
    onsets = onset_bins(waiting, left, 300.0)
    assert onsets[0] == 2.0
    assert np.isnan(onsets[1:]).all()


def test_whoever_has_a_problem_in_a_bin_has_an_onset_before_its_end() -> None:
    look = the_evening()
    some = look.problem.any(axis=0)
    first_s = look.problem.argmax(axis=0) * look.bin_s
    assert (look.onset_s[some] <= first_s[some]).all()
    assert look.onset_s[some].min() % (look.bin_s / PARTS) == 0.0


def test_the_seed_decides_everything() -> None:
    one, same, other = (
        draw_traffic(SCENARIO, SEASON.registry, [EVENT], WINDOW, DRAWS, seed) for seed in (1, 1, 2)
    )
    entries = [(2, "park_e2_out"), (0, "west2_a2")]
    assert (one.entering(entries) == same.entering(entries)).all()
    assert (one.entering(entries) != other.entering(entries)).any()


def test_drawn_traffic_is_that_of_the_calendar() -> None:
    traffic = draw_traffic(SCENARIO, SEASON.registry, [EVENT], WINDOW, 100)
    flows = SCENARIO.demand
    assert flows is not None
    usual = traffic.entering([(0, flow.origin) for flow in flows.flows[:1]])
    rate = sum(r.sum() for key, r in traffic.usual.items() if key.origin == flows.flows[0].origin)
    assert usual.sum(axis=(0, 1)).mean() == pytest.approx(rate, rel=0.1)
    late = Window(OCCASION.clock + timedelta(days=2), 0.0, 5400.0)
    assert not draw_traffic(SCENARIO, SEASON.registry, [EVENT], late, 5).crowds


def test_a_window_may_be_short() -> None:
    window = Window(OCCASION.clock, 0.0, 150.0)
    traffic = draw_traffic(SCENARIO, SEASON.registry, [EVENT], window, 4)
    capacity = Capacity(find_movements(NETWORK))
    assert assign(SCENARIO, capacity, traffic, turns=2).turning.flows.sum() > 0


def test_drivers_avoid_what_is_full() -> None:
    """With the queues of an egress in view, ways spread over more movements than without.

    The movements that most drivers take are taken by fewer: the five busiest of each evening, and
    in the mean the very busiest, on which a single evening is noisy, but never has more.
    """
    capacity = Capacity(find_movements(NETWORK))
    busiest = []
    for seed in range(3):
        traffic = draw_traffic(SCENARIO, SEASON.registry, [EVENT], WINDOW, DRAWS, seed)
        fastest = assign(SCENARIO, capacity, traffic, turns=1).turning.flows[:, 2]
        spread = assign(SCENARIO, capacity, traffic).turning.flows[:, 2]
        assert (spread > 0).sum() > 1.3 * (fastest > 0).sum()
        most = [np.sort(flows.max(axis=0))[-5:] for flows in (fastest, spread)]
        assert most[1].sum() < 0.95 * most[0].sum()
        assert most[1][-1] < 1.01 * most[0][-1]
        busiest.append([flows[-1] for flows in most])
    before, after = np.mean(busiest, axis=0)
    assert after < 0.9 * before


def test_a_whole_day_is_forecast_where_its_traffic_is_known() -> None:
    (part,) = parts_of_day(SCENARIO, SEASON, EVENT.begin.date())
    assert part.window.steps * part.window.step_s == pytest.approx(86_400, abs=3600)
    assert EVENT in part.events
    spring = parts_of_day(SCENARIO, SEASON, date(2027, 3, 28))[0].window
    assert spring.end_s == 23 * 3600  # the night that lacks an hour
    autumn = parts_of_day(SCENARIO, SEASON, date(2026, 10, 25))[0].window
    assert autumn.end_s == 25 * 3600


def test_recorded_traffic_is_forecast_around_events_only() -> None:
    scenario = load_scenario("cologne-concert")
    season = load_season(scenario)
    day = season.events[0].begin.date()
    labels = [part.label for part in parts_of_day(scenario, season, day)]
    assert len(labels) == 2
    quiet = next(
        day + timedelta(days=n)
        for n in range(1, 60)
        if all(e.begin.date() != day + timedelta(days=n) for e in season.events)
    )
    with pytest.raises(ConfigError, match=f"expected a day with an event, such as .*got {quiet}"):
        parts_of_day(scenario, season, quiet)
    with pytest.raises(ConfigError, match="expected an environment with events"):
        load_season(load_scenario("single"))


def test_the_next_day_with_an_event_is_forecast_by_default() -> None:
    days = sorted({event.begin.date() for event in SEASON.events})
    assert next_day(SCENARIO, SEASON, days[3]) == days[3]
    assert next_day(SCENARIO, SEASON, days[3] + timedelta(days=1)) == days[4]
    assert next_day(SCENARIO, SEASON, days[-1] + timedelta(days=1)) == days[0]


def test_an_evening_before_the_season_is_no_day_of_it() -> None:
    """Its event ends in the season's first night, so that its visitors are on the road then."""
    first = date(2026, 7, 1)  # of the season
    begin = datetime.combine(first - timedelta(days=1), time(20), EVENT.begin.tzinfo)
    before = replace(EVENT, begin=begin, end=begin + timedelta(hours=5))
    for events, day in (
        ((before, *SEASON.events), min(SEASON.events).begin.date()),
        ((before,), first),
    ):
        season = replace(SEASON, events=events)
        assert next_day(SCENARIO, season, first - timedelta(days=9)) == day
        assert parts_of_day(SCENARIO, season, day)


def test_the_command_writes_a_forecast(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = load_scenario("cologne-concert")
    event = max(load_season(scenario).events, key=lambda e: e.attendance or 0)
    day, title = event.begin.date(), "[moved] $5 #1 $ [/b]"  # neither markup nor formula
    calendar = tmp_path / "of-the-hall.csv"
    cells = title, event.venue, event.begin.isoformat(), str(event.attendance)
    calendar.write_text(f"title,venue,begin,attendance\n{','.join(cells)}\n")
    command = ["forecast", "cologne-concert", "--at", str(day), "--draws", "20"]
    assert main([*command, "--calendar", str(calendar), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert title in said
    data = json.loads((tmp_path / "forecast.json").read_text())
    assert str(day) in said
    assert len(data["parts"]) == 2
    assert data["problems"]
    assert data["problems"][0]["text"] in (tmp_path / "problems.txt").read_text()
    approach = next(iter(data["parts"][0]["approaches"].values()))
    ratios = np.array(approach["ratio"])
    assert (np.diff(ratios, axis=0) >= 0).all()  # p10 <= p50 <= p90
    shapes = json.loads((tmp_path / "forecast.geojson").read_text())["features"]
    assert min(problem["probability"] for problem in data["problems"]) >= WARN
    odds = {shape["properties"]["edge"]: shape["properties"]["p_problem"] for shape in shapes}
    assert any(0 < p < WARN for p in odds.values())  # the map has those of which nobody is warned
    for problem in data["problems"]:
        assert odds[problem["place"]["edge"]] >= round(problem["probability"], 3)
    lon, lat = shapes[0]["geometry"]["coordinates"][0]
    assert 6.5 < lon < 7.5  # Cologne
    assert 50.5 < lat < 51.5
    for name in ("map.svg", "timeline.svg"):
        assert (tmp_path / name).read_text().startswith("<?xml")


def test_no_map_of_a_forecast_before_is_left(tmp_path: Path) -> None:
    of_town = read_map(SCENARIO, NETWORK)
    found = DayForecast("town", EVENT.begin.date(), DRAWS, 0, (), (), ())
    lonlat = {key: [(11.4, 48.8)] for key in of_town.shapes}
    for roads, files in ((replace(of_town, lonlat=lonlat), 3), (of_town, 2)):
        assert len(write_forecast(found, roads, tmp_path)) == files
        assert len(list(tmp_path.iterdir())) == files


def test_no_name_is_taken_for_markup() -> None:
    street, title, folder = "[old] mill [/b]", "Match [sold out] [/b]", Path("runs/[today]")
    problem = find_problems(the_evening(), ROADS.places)[0]
    problem = replace(problem, place=replace(problem.place, name=street))
    found = DayForecast(
        *("[my] town", EVENT.begin.date(), DRAWS, 0, (), ()),
        ((problem,) * (cli_forecast.SHOWN + 1),),
        (Risk(0.4, 0.4, None, title),),
    )
    out = StringIO()
    console = Console(file=out, width=300)
    cli_forecast.show(found, folder, console)
    cli_rehearse.show(
        {
            "env": "[my] town",
            "evenings": 2,
            "scores": {"without": dict.fromkeys(SCORES), "with": dict.fromkeys(SCORES, 0.25)},
            "phases": {},
        },
        folder,
        console,
    )
    said = out.getvalue()
    assert said.count(street) == cli_forecast.SHOWN
    assert [said.count(text) for text in (title, "[my] town", str(folder))] == [1, 2, 3]
    assert [said.count(text) for text in ("none of none", "25%")] == [3, 3]


def test_the_costliest_approach_is_on_top_of_the_timeline(tmp_path: Path) -> None:
    scenario = load_scenario("cologne-concert")
    network, season = scenario_network(scenario), load_season(scenario)
    event = max(season.events, key=lambda e: e.attendance or 0)
    parts = parts_of_day(scenario, season, event.begin.date())
    looks = [
        look_ahead(scenario, network, season.registry, part.events, part.window, 8)
        for part in parts
    ]
    roads = read_map(scenario, network)
    assert len({place.name for place in roads.places.values()}) == len(roads.places)
    problems = tuple(tuple(find_problems(look, roads.places)) for look in looks)
    for number in (1, 2):  # parts
        some = (parts[:number], tuple(looks[:number]), problems[:number])
        forecast = DayForecast("cologne-concert", event.begin.date(), 8, 0, *some)
        axes = timeline_figure(forecast, roads).axes[0]
        assert axes.get_ylim()[0] > axes.get_ylim()[1]
        shown, name = axes.get_yticklabels()[0].get_text(), forecast.ranked()[0].place.name
        assert shown == name if len(name) <= MOST_LETTERS else shown[1:] == name[-len(shown) + 1 :]
    long = {
        edge: replace(place, name=f"{'1234567890_' * 9}{place.name}")
        for edge, place in roads.places.items()
    }
    draw_forecast(forecast, replace(roads, places=long), tmp_path)  # a warning would be an error
    assert "1234567890_1234567890" not in (tmp_path / "timeline.svg").read_text()


def test_usual_traffic_follows_the_clock_through_a_night_of_daylight_saving() -> None:
    for day in (date(2027, 3, 28), date(2026, 10, 25)):
        (part,) = parts_of_day(SCENARIO, SEASON, day)
        usual = draw_traffic(SCENARIO, SEASON.registry, [], part.window, 1).usual
        total = sum(usual.values(), np.zeros(part.window.steps))
        (plain,) = parts_of_day(SCENARIO, SEASON, day - timedelta(days=1))
        before = draw_traffic(SCENARIO, SEASON.registry, [], plain.window, 1).usual
        hours = sum(before.values(), np.zeros(plain.window.steps)).reshape(24, -1)
        for number, seen in enumerate(total.reshape(-1, 120)):
            clock = part.window.moment(3600.0 * number)
            assert seen == pytest.approx(hours[clock.hour]), clock


def test_drivers_know_the_times_of_their_own_hour_wherever_the_window_begins() -> None:
    edges = read_roads(SCENARIO, Capacity(find_movements(NETWORK))).edges
    random = np.random.default_rng(3)
    times_s = {edge: random.uniform(5.0, 300.0, 6) for edge in edges}
    ends = [("west1_a1", f"{edge}") for edge in ("e1_east1", "c4_north_c", "e4_east4")]
    late = load_scenario("arena", settings={"begin_s": 25_200.0, "end_s": 30_600.0})
    found = set()
    for scenario, begin_s in ((SCENARIO, 0.0), (SCENARIO, 3600.0), (late, 0.0), (late, 25_200.0)):
        trips = [Trip(begin_s + 600.0 * k + 1.0, *pair) for k in range(6) for pair in ends]
        found.add(tuple(find_ways(scenario, trips, times_s, 600.0, begin_s)))
    (ways,) = found
    assert len(set(ways)) > len(ends), "all bins are alike"


def test_what_is_loaded_before_a_window_is_on_the_road_at_its_begin() -> None:
    before_s = 3600.0
    late = Window(later(WINDOW.clock, before_s), 0.0, WINDOW.end_s - before_s)
    args = SCENARIO, NETWORK, SEASON.registry, [EVENT]
    whole = the_evening()
    tail = look_ahead(*args, late, DRAWS, before_s=before_s)
    alone = look_ahead(*args, late, DRAWS)
    first = round(before_s / whole.bin_s)
    assert tail.window == late
    for name in ("queue", "outside", "left", "capacity_veh_h"):
        assert np.array_equal(getattr(tail, name), getattr(whole, name)[first:]), name
    assert np.array_equal(tail.accumulation, whole.accumulation[PARTS * first :])
    waiting = [(look.queue + look.outside)[0].sum() for look in (tail, alone)]
    assert waiting[0] > 2 * waiting[1]


def test_a_road_that_is_full_wants_more_than_it_can_let_out() -> None:
    """Who has no room to enter, or waits since before the bin, wants to pass in it too."""
    look = the_evening()
    most = look.capacity_veh_h[:, :, None] * look.bin_s / 3600.0
    crowded = look.outside > 2 * most
    assert crowded.any(), "nobody waits outside"
    assert (look.ratio[crowded] > 1.0).all()
    came = look.demand_veh_h * look.bin_s / 3600.0
    assert (look.wanting >= came * 0.999).all()
    assert (came[crowded] < most.repeat(DRAWS, axis=2)[crowded]).mean() > 0.5


def test_the_ratio_of_a_problem_is_one_of_its_own_time() -> None:
    look = the_evening()
    problems = find_problems(look, ROADS.places)
    wanting = look.wanting.copy()
    late = 0
    for one in problems:
        after_s = one.begin.timestamp() - look.window.clock.timestamp()
        first = round((after_s - look.window.begin_s) // look.bin_s)
        wanting[:first, look.approaches.index(one.place.edge)] = 1e6
        late += first > 0
    assert late > 3
    assert find_problems(replace(look, wanting=wanting), ROADS.places) == problems


SCORES = ("recall", "precision", "precision_at_recall_0.9")
PAVED = Path(sumo.__file__).parent / "tools/game/fkk_in/ingolstadt.net.xml.gz"


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("arena", {}),
        ("ingolstadt-matchday", {}),
        ("cologne-concert", {}),
        ("single", {"network": str(PAVED)}),  # whose pavements sumolib joins to its roads
    ],
)
def test_a_road_on_the_map_is_as_long_as_in_the_model(name: str, settings: dict[str, str]) -> None:
    scenario = load_scenario(name, settings=settings)
    network = scenario_network(scenario)
    capacity = Capacity(find_movements(network))
    roads = read_roads(scenario, capacity)
    places = read_map(scenario, network).places
    for edge, before in zip(capacity.approaches, roads.before, strict=True):
        length_m = sum(roads.edges[one].length_m for one in before)
        assert places[edge].length_m == pytest.approx(length_m, abs=0.1), edge


def test_a_road_ends_where_drivers_turn_round() -> None:
    """Dead ends are all over this map, and none of them leads back on the road's other side."""
    scenario = load_scenario("cologne-concert")
    net = load_net(scenario.network_file)
    for before in read_roads(scenario, Capacity(find_movements(scenario_network(scenario)))).before:
        edges = [net.getEdge(edge) for edge in before]
        sides = {frozenset((edge.getFromNode(), edge.getToNode())) for edge in edges}
        assert len(sides) == len(edges), before


def test_a_problem_in_an_hour_that_comes_twice_has_its_own_zone() -> None:
    zone = ZoneInfo("Europe/Berlin")
    look = the_evening()
    # 02:55 in summer, so that all that follows comes after the change.
    clock = datetime(2026, 10, 25, 2, 55, tzinfo=zone)
    moved = replace(look, window=replace(WINDOW, clock=clock))
    pairs = zip(*(find_problems(one, ROADS.places) for one in (moved, look)), strict=True)
    for one, same in pairs:
        for name in ("begin_early", "begin", "begin_late", "end"):
            after_s = getattr(same, name).timestamp() - WINDOW.clock.timestamp()
            assert getattr(one, name).timestamp() - clock.timestamp() == after_s


def test_each_time_of_an_approach_is_a_problem_of_its_own() -> None:
    long = Window(WINDOW.clock, 0.0, 10_800.0)
    look = look_ahead(SCENARIO, NETWORK, SEASON.registry, [EVENT], long, DRAWS)
    judged, onset_s = np.zeros_like(look.judged), np.full_like(look.onset_s, np.nan)
    place = ROADS.places[look.approaches[0]]
    judged[[1, 2, 9, 10], 0] = 1e4
    judged[6, 0, 0] = 1e4  # one draw alone
    onset_s[0] = 900.0
    found = find_problems(replace(look, judged=judged, onset_s=onset_s), ROADS.places)
    assert {problem.place for problem in found} == {place}
    times = sorted(
        tuple(round((moment.timestamp() - long.clock.timestamp()) / 900.0) for moment in ends)
        for ends in ((one.begin, one.end) for one in found)
    )
    assert times == [(1, 3), (9, 11)]
    waiting_h = (look.queue + look.outside)[:, 0].mean(axis=1) / 4.0
    lost = {one.begin: one.lost_veh_h for one in found}
    assert lost[min(lost)] == pytest.approx(waiting_h[1:3].sum())


def test_who_finds_no_way_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "arena"
    shutil.copytree(SCENARIO.folder, folder)
    text = (folder / "venues.yaml").read_text()
    turned = text.replace("inbound: west2_a2, outbound: a2_west2", "inbound: a2_west2, outbound: x")
    assert turned != text
    (folder / "venues.yaml").write_text(turned.replace("outbound: x", "outbound: west2_a2"))
    scenario = load_scenario(folder)
    season = load_season(scenario)
    with pytest.raises(NetworkError, match=r"expected a way from '.*', found none, as for \d+ of"):
        look_ahead(scenario, NETWORK, season.registry, [EVENT], WINDOW, 4)


def test_cars_without_a_space_are_told_of(tmp_path: Path) -> None:
    folder = tmp_path / "arena"
    shutil.copytree(SCENARIO.folder, folder)
    text = (folder / "venues.yaml").read_text()
    (folder / "venues.yaml").write_text(re.sub(r"spaces: \d+", "spaces: 500", text))
    scenario = load_scenario(folder)
    season = load_season(scenario)
    event = next(one for one in season.events if one.uid == EVENT.uid)
    look = look_ahead(scenario, NETWORK, season.registry, [event], WINDOW, 4)
    (one,) = look.parking
    assert one.vehicles - one.without_space == pytest.approx(500)
    part = parts_of_day(scenario, season, event.begin.date())
    told = DayForecast("arena", event.begin.date(), 4, 0, part, (look,), ((),)).notes()
    assert told == [one.sentence()]
    assert f"{one.without_space:.0f} of {one.vehicles:.0f} cars find no space" in told[0]
    twice = (look, replace(look, parking=(one, one._replace(begin=later(one.begin, 7200.0)))))
    told = DayForecast("arena", event.begin.date(), 4, 0, part * 2, twice, ((), ())).notes()
    assert len(set(told)) == len(told) == 2, "another performance, and the first in two parts"
    usual = look_ahead(SCENARIO, NETWORK, SEASON.registry, [EVENT], WINDOW, 4)
    told = DayForecast("arena", EVENT.begin.date(), 4, 0, part, (usual,), ((),)).notes()
    assert told == []


def test_a_day_outside_of_the_season_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected a day of the season, .*got 2029-09-15"):
        parts_of_day(SCENARIO, SEASON, date(2029, 9, 15))


@pytest.mark.parametrize("day", [date.min, date.max])
def test_any_day_may_be_looked_for_in_another_calendar(day: date) -> None:
    events = with_calendars((Path("other.ics"),), day)["events"]
    assert events["first_day"] <= str(day) <= events["last_day"]


def test_a_day_begins_at_midnight_where_its_venue_is(tmp_path: Path) -> None:
    """The registry is on UTC, and the venue says where it is."""
    folder = tmp_path / "arena"
    shutil.copytree(SCENARIO.folder, folder)
    text = (folder / "venues.yaml").read_text()
    assert text.count("zone: Europe/Berlin\n") == 1
    text = text.replace("zone: Europe/Berlin\n", "").replace(
        "    capacity:", "    zone: Europe/Berlin\n    capacity:", 1
    )
    (folder / "venues.yaml").write_text(text)
    scenario = load_scenario(folder)
    season = load_season(scenario)
    assert str(season.registry.zone) == "UTC"
    day = EVENT.begin.date()
    (part,), (usual,) = (parts_of_day(*of, day) for of in ((scenario, season), (SCENARIO, SEASON)))
    assert part.window == usual.window


def test_an_evening_goes_on_after_midnight() -> None:
    clock = datetime.combine(EVENT.begin.date(), time(21), EVENT.begin.tzinfo)
    late = replace(EVENT, begin=clock, end=clock + timedelta(hours=2, minutes=30))
    season = replace(SEASON, events=(late,))
    parts = [parts_of_day(SCENARIO, season, clock.date() + timedelta(days=n)) for n in range(3)]
    assert [part.before_s > 0 for (part,) in parts] == [False, True, False]
    told = [DayForecast("arena", clock.date() + timedelta(days=n), 8, 0, of, (), ()).events()
            for n, of in enumerate(parts)]  # fmt: skip
    assert told == [[late], [late], []]
    begin = datetime.combine(clock.date() + timedelta(days=1), time(0), clock.tzinfo)
    early = replace(EVENT, begin=begin, end=begin + timedelta(hours=1))
    part = parts_of_day(SCENARIO, replace(SEASON, events=(early,)), clock.date())
    assert DayForecast("arena", clock.date(), 8, 0, part, (), ()).events() == [early]


def test_recorded_and_drawn_traffic_keep_their_own_factors() -> None:
    plain = load_scenario("cologne-concert")
    window = Window(WINDOW.clock, plain.begin_s, plain.end_s)
    alone = draw_traffic(plain, None, [], window, 3)
    key = next(iter(alone.recorded))
    flow = {"from": key.origin, "to": key.destination, "veh_h": 600}
    demand = {"flows": [flow], "scale_range": [2, 2], "profile": {"clock": "day"}}
    both = load_scenario("cologne-concert", settings={"demand": demand})
    traffic = draw_traffic(both, None, [], window, 3)
    of_day = {"drawn": traffic.usual, "recorded": traffic.recorded}
    assert of_day["recorded"].keys() == alone.recorded.keys()
    sums = {name: sum(rate.sum() for rate in rates.values()) for name, rates in of_day.items()}
    total = sum(rate.sum() for rate in traffic.mean().values())
    assert total == pytest.approx(2 * sums["drawn"] + sums["recorded"])
    other = next(one.origin for one in alone.recorded if one.origin != key.origin)
    entering = traffic.entering([(0, key.origin), (0, other)])
    assert not np.array_equal(entering[:, 0, 0], entering[:, 0, 2])
    assert np.array_equal(entering[:, 1, 0], entering[:, 1, 2]), "recorded traffic is not drawn"
    assert not knows_all_hours(both)


@pytest.mark.parametrize("bin_s", [0.0, 30.0, 60.0, 120.0, 300.0, 600.0])
def test_bins_are_of_three_parts_of_whole_steps(bin_s: float) -> None:
    args = SCENARIO, NETWORK, SEASON.registry, [EVENT], WINDOW, 2
    with pytest.raises(ConfigError, match="expected bins of a multiple of 90 s"):
        look_ahead(*args, bin_s=bin_s)
    assert len(look_ahead(*args, bin_s=1800.0).queue) == WINDOW.end_s // 1800.0


@pytest.mark.parametrize("length_s", [20.0, 600.0])
def test_a_window_without_a_bin_is_refused(length_s: float) -> None:
    short = Window(OCCASION.clock, 0.0, length_s)
    told = rf"expected a window of 900 s or more, .* got {length_s:g} s"
    with pytest.raises(ConfigError, match=told):
        look_ahead(SCENARIO, NETWORK, SEASON.registry, [EVENT], short, 2)


def test_scores_are_those_of_the_books() -> None:
    odds, happened = np.array([0.9, 0.8, 0.1, 0.6]), np.array([True, False, True, True])
    found = detection(odds, happened, 0.5)
    assert (found.recall, found.precision) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    nothing = detection(odds, np.zeros(4, bool), 1.0)
    assert (nothing.recall, nothing.precision) == (None, None)
    truth = np.random.default_rng(0).normal(0.0, 1.0, 20_000)
    best = np.array([-1.2816, 0.0, 1.2816])[:, None] * np.ones(20_000)
    assert covered(best, truth).mean() == pytest.approx(0.8, abs=0.01)
    for wrong in (best * 0.5, best * 2.0, best + 0.5):
        assert pinball(best, truth, QUANTILES).mean() < pinball(wrong, truth, QUANTILES).mean()
