from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest

from signalrl.errors import ConfigError
from signalrl.events.event import Event
from signalrl.events.kinds import KINDS, Uncertainty
from signalrl.events.turnout import Turnout, draw_turnout, expected_people
from signalrl.events.venues import Registry

BEGIN = datetime(2026, 5, 9, 18, 30, tzinfo=UTC)
DRAWS = 200


def registry(**venue: object) -> Registry:
    arena = {
        "capacity": 30_000,
        "attendance": 20_000,
        "car_parks": {
            "north": {"spaces": 9000, "entrances": ["n_in"], "exits": {"n1": 7e3, "n2": 7e3}},
            "south": {"spaces": 3000, "entrances": ["s_in"], "exits": {"s1": 7e3}},
        },
        "gates": {
            "west": {"inbound": "w_in", "outbound": "w_out", "weight": 3},
            "east": {"inbound": "e_in", "outbound": "e_out", "weight": 1},
        },
    }
    return Registry.model_validate({"venues": {"arena": arena | venue}})


def event(kind: str = "sports", attendance: int | None = None, hours: float = 2.0) -> Event:
    end = BEGIN + timedelta(hours=hours)
    return Event(BEGIN, end, "arena", "A match", kind, attendance, "1")


@cache
def usual(kind: str) -> list[Turnout]:
    return draws(kind, DRAWS, zone="UTC")


def draws(kind: str = "sports", number: int = DRAWS, **venue: object) -> list[Turnout]:
    if number == DRAWS and not venue:
        return usual(kind)
    known = registry(**venue)
    return [draw_turnout(np.random.default_rng(i), event(kind), known) for i in range(number)]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_vehicles_are_people_times_shares_within_poisson_error(kind: str) -> None:
    found = draws(kind)
    each = KINDS[kind].auto_share["urban"] / KINDS[kind].occupancy
    expected = sum(t.people for t in found) * each
    assert abs(sum(t.vehicles for t in found) - expected) < 3.5 * np.sqrt(expected)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_people_are_attendance_less_those_who_stay_away(kind: str) -> None:
    people = np.array([t.people for t in draws(kind) if not t.rained])
    error = people.std() / np.sqrt(len(people))
    assert abs(people.mean() - 20_000 * 0.92) < 3.5 * error
    spread = np.hypot(0.10 if KINDS[kind].ticketed else 0.35, 0.04)
    assert 0.7 < people.std() / people.mean() / spread < 1.4


def crowds(kind: str, attendance: int, cv_free: float, number: int) -> np.ndarray:
    """Draw people where all who have decided to come do come."""
    sure = Uncertainty(attendance_cv_free=cv_free, no_show_mean=0.0, rain_probability=0.0)
    known = registry(auto_share=0.0).model_copy(update={"uncertainty": sure})
    random, wanted = np.random.default_rng(1), event(kind, attendance)
    return np.array([draw_turnout(random, wanted, known).people for _ in range(number)])


def test_uncertainty_of_the_attendance_does_not_change_its_mean() -> None:
    people = crowds("parade", 20_000, cv_free=1.0, number=2000)
    assert abs(people.mean() / 20_000 - 1.0) < 3.5 / np.sqrt(2000)


def test_a_house_holds_its_capacity_and_a_street_any_crowd() -> None:
    house, street = (crowds(kind, 30_000, cv_free=0.1, number=400) for kind in ("sports", "parade"))
    assert house.max() == 30_000
    assert 0.4 < (house == 30_000).mean() < 0.6
    assert 0.95 < house.mean() / 30_000 < 0.97
    assert street.max() > 33_000


def test_rain_keeps_visitors_from_open_air_events_alone() -> None:
    found = draws("sports")
    wet, dry = ([t.people for t in found if t.rained is rained] for rained in (True, False))
    assert 0.2 < len(wet) / DRAWS < 0.4
    assert 0.80 < np.mean(wet) / np.mean(dry) < 0.90
    assert not any(t.rained for t in draws("conference"))


def test_who_found_a_space_leaves_by_an_exit_of_it_to_where_they_came_from() -> None:
    turnout = draws(number=1)[0]
    assert turnout.without_space == 0
    assert len(turnout.arrivals) == len(turnout.departures) == turnout.vehicles
    for came, left in (("w_in", "w_out"), ("e_in", "e_out")):
        assert (turnout.arrivals.origin == came).sum() == (
            turnout.departures.destination == left
        ).sum()
    for came, left in (("n_in", ["n1", "n2"]), ("s_in", ["s1"])):
        number = (turnout.arrivals.destination == came).sum()
        assert number == np.isin(turnout.departures.origin, left).sum()
    share = (turnout.arrivals.origin == "w_in").mean()
    assert abs(share - 0.75) < 4 * np.sqrt(0.75 * 0.25 / turnout.vehicles)


def test_cars_park_by_spaces_and_leave_by_the_capacity_of_exits() -> None:
    parks = {
        "north": {"spaces": 9000, "entrances": ["n_in"], "exits": {"n1": 2e4, "n2": 4e4}},
        "south": {"spaces": 6000, "entrances": ["s_in"], "exits": {"s1": 2e4}},
    }
    turnout = draws(number=1, car_parks=parks)[0]
    north = (turnout.arrivals.destination == "n_in").sum()
    assert abs(north / turnout.vehicles - 0.6) < 4 * np.sqrt(0.6 * 0.4 / turnout.vehicles)
    wide = (turnout.departures.origin == "n2").sum()
    assert abs(wide / north - 2 / 3) < 4 * np.sqrt(2 / 9 / north)


def test_a_full_car_park_sends_cars_on_and_what_is_left_is_counted() -> None:
    parks = {
        "near": {"spaces": 500, "entrances": ["in1"], "exits": {"out1": 7e3}},
        "far": {"spaces": 900, "entrances": ["in2"], "exits": {"out2": 7e3}},
    }
    for turnout in draws(number=20, car_parks=parks):
        assert turnout.vehicles > 1400
        assert turnout.without_space == turnout.vehicles - 1400
        assert (turnout.arrivals.destination == "in1").sum() == 500
    some = draws(number=1, attendance=6_000, car_parks=parks)[0]
    assert some.without_space == 0


def test_spaces_of_a_fair_are_used_again_by_those_who_come_later() -> None:
    parks = {"p": {"spaces": 2500, "entrances": ["in"], "exits": {"out": 7e3}}}
    known = registry(car_parks=parks)
    fair = event("fair", hours=12)
    turnout = draw_turnout(np.random.default_rng(1), fair, known)
    parked = turnout.vehicles - turnout.without_space
    assert parked > 3500
    times = np.concatenate([turnout.arrivals.depart_s, turnout.departures.depart_s])
    change = np.concatenate([np.ones(parked), -np.ones(parked)])
    inside = np.cumsum(change[np.lexsort((change, times))])
    assert 2450 < inside.max() <= 2500


def test_exits_let_no_more_cars_pass_than_they_can_and_keep_the_rest() -> None:
    parks = {"p": {"spaces": 9000, "entrances": ["in"], "exits": {"out1": 700, "out2": 1400}}}
    turnout = draws(number=1, car_parks=parks)[0]
    assert len(turnout.departures) == turnout.vehicles
    for edge, veh_h in (("out1", 700), ("out2", 1400)):
        times = turnout.departures.depart_s[turnout.departures.origin == edge]
        assert np.diff(times).min() >= 3600 / veh_h - 1e-6
        # In the hour when it jams the exit is never idle.
        jam = times[(times > turnout.end_s + 1200) & (times <= turnout.end_s + 3000)]
        assert len(jam) >= veh_h * 0.5 - 1


def test_a_match_ends_when_matches_end_and_a_knockout_goes_on_at_times() -> None:
    ends = np.array([t.end_s for t in draws("sports")]) / 60
    assert abs(ends.mean() - 112) < 3.5 * 4 / np.sqrt(DRAWS)
    assert 3 < ends.std() < 5
    knockouts = draws("knockout")
    assert 0.15 < np.mean([t.extended for t in knockouts]) < 0.35
    extended = np.mean([t.end_s for t in knockouts if t.extended]) / 60
    assert abs(extended - 147) < 3


def test_a_concert_ends_around_what_its_calendar_says() -> None:
    ends = np.array([t.end_s for t in draws("concert")]) / 60
    assert abs(ends.mean() - 120) < 3.5 * 10 / np.sqrt(DRAWS)


def test_trips_are_in_the_order_of_departure_and_nobody_leaves_before_coming() -> None:
    for kind in sorted(KINDS):
        turnout = draws(kind, number=1)[0]
        for trips in (turnout.arrivals, turnout.departures):
            assert (np.diff(trips.depart_s) >= 0).all()
        for number in range(0, len(turnout.arrivals), 100):
            came = turnout.arrivals.depart_s[number]
            assert (turnout.departures.depart_s <= came).sum() <= number


def peak(times_s: np.ndarray, window_s: float) -> int:
    """Return the most vehicles within a window of this length."""
    later = np.searchsorted(times_s, times_s + window_s, side="left")
    return int((later - np.arange(len(times_s))).max())


@pytest.mark.parametrize(("minutes", "least", "most"), [(60, 1.15, 1.35), (15, 1.7, 2.0)])
def test_egress_of_a_match_is_sharper_than_its_ingress(
    minutes: int, least: float, most: float
) -> None:
    parks = {"p": {"spaces": 20_000, "entrances": ["in"], "exits": {"out": 1e7}}}
    ratios = [
        peak(t.departures.depart_s, minutes * 60) / peak(t.arrivals.depart_s, minutes * 60)
        for t in draws(number=20, car_parks=parks)
    ]
    assert least < np.mean(ratios) < most


def test_one_state_of_chance_gives_one_turnout() -> None:
    one, two = (draw_turnout(np.random.default_rng(7), event(), registry()) for _ in range(2))
    assert one.people == two.people
    for a, b in ((one.arrivals, two.arrivals), (one.departures, two.departures)):
        assert (a.depart_s == b.depart_s).all()
        assert (a.origin == b.origin).all()
        assert (a.destination == b.destination).all()


def test_a_match_behind_closed_doors_brings_nobody() -> None:
    turnout = draw_turnout(np.random.default_rng(1), event(attendance=0), registry())
    assert turnout.people == turnout.vehicles == 0
    assert len(turnout.arrivals) == len(turnout.departures) == 0


def test_people_are_those_of_the_calendar_else_the_usual_else_a_full_house() -> None:
    assert expected_people(event(attendance=7000), registry().venue("arena")) == 7000
    assert expected_people(event(), registry().venue("arena")) == 20_000
    assert expected_people(event(), registry(attendance=None).venue("arena")) == 30_000


def test_a_venue_without_roads_is_an_error_that_says_what_to_add() -> None:
    with pytest.raises(ConfigError, match="expected gates and car_parks"):
        draw_turnout(np.random.default_rng(1), event(), registry(gates={}))
