from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from signalrl.errors import ConfigError
from signalrl.events.calendar import read_calendars
from signalrl.events.event_days import Detector, EventDay, Seen, event_days
from signalrl.events.fitting import fit_arrivals, fit_departures
from signalrl.events.history import Counts, Series
from signalrl.events.learning import Profile, before_learning, learn, was_full
from signalrl.events.minimum import minimum
from signalrl.events.shapes import Egress, Ingress
from signalrl.events.skill import Skill, bins_of, counted, held_out
from signalrl.events.turnout import draw_turnout, mean_people, mean_vehicles
from signalrl.events.venues import read_venues
from signalrl.events.writing import write_venues
from tests.events.histories import changed, days_of, history, registry, weekly

PRIOR = registry()
SLOW = changed(PRIOR, mean_s=40 * 60.0)
NARROW = registry(exit_veh_h=400.0)
"""Two exits that need an hour and a half for the cars of a match."""


def learned(days: tuple[EventDay, ...], prior_events: float = 3.0) -> Profile:
    (profile,) = learn(days, PRIOR, prior_events, min_events=1).profiles
    return profile


def egress(profile: Profile) -> Egress:
    assert isinstance(profile.kind.departures, Egress)
    return profile.kind.departures


@cache
def of_the_slow(number: int) -> Profile:
    return learned(days_of(SLOW, number, PRIOR))


def test_the_minimum_of_a_bent_valley_is_found() -> None:
    def valley(x: np.ndarray) -> float:
        return float((1 - x[0]) ** 2 + 5 * (x[1] - x[0] ** 2) ** 2)

    np.testing.assert_allclose(minimum(valley, np.array([-1.0, 1.0])), [1, 1], atol=0.02)


def test_no_event_leaves_the_prior_exactly() -> None:
    kind = PRIOR.kind("sports")
    assert fit_arrivals(kind.arrivals, [], 3.0) is kind.arrivals
    shape, ends = fit_departures(kind.departures, kind, [], 3.0)
    assert shape is kind.departures
    assert (ends.shift_s, ends.sd_s) == (0.0, kind.end_sd_s)
    assert learn([], PRIOR).registry == PRIOR


def test_the_error_falls_with_every_further_event() -> None:
    means = [egress(of_the_slow(number)).mean_s / 60 for number in (1, 5, 30)]
    errors = [40 - mean for mean in means]
    assert 15 > errors[0] > errors[1] > errors[2]
    assert errors[0] > 8  # one event is not believed
    assert errors[1] < 7
    assert abs(errors[2]) < 2.5


def test_a_shape_is_found_without_a_prior_worth_mentioning() -> None:
    profile = learned(days_of(SLOW, 8, PRIOR), prior_events=0.01)
    assert egress(profile).mean_s == pytest.approx(40 * 60, rel=0.05)
    assert egress(profile).k == pytest.approx(2.0, rel=0.1)
    assert profile.kind.arrivals.a == pytest.approx(5, rel=0.1)
    assert profile.kind.arrivals.b == pytest.approx(2, rel=0.1)
    assert profile.kind.end_sd_s == pytest.approx(240, rel=0.6)


def test_a_prior_of_many_events_holds() -> None:
    profile = learned(days_of(SLOW, 2, PRIOR), prior_events=1000.0)
    assert egress(profile).mean_s == pytest.approx(25 * 60, rel=0.02)


def test_a_queue_at_the_exits_is_not_taken_for_visitors_who_take_their_time() -> None:
    days = days_of(NARROW, 8, NARROW)
    (profile,) = learn(days, NARROW, 0.5).profiles
    assert egress(profile).mean_s == pytest.approx(25 * 60, rel=0.15)
    # The same counts, were the exits wide: the queue would have to be their own wish.
    wide = days_of(NARROW, 8, PRIOR)
    before = [day.departures for day in wide]
    times = [seen.begin_s @ seen.counts.sum(axis=0) / seen.counts.sum() for seen in before if seen]
    assert np.mean(times) > 1.4 * (5 + 25) * 60


def test_streets_that_hold_exits_back_at_some_events_do_not_make_visitors_slow() -> None:
    events = weekly(8, PRIOR)
    free, held = history(PRIOR, events[:4]), history(NARROW, events[4:], seed=2)
    series = {}
    for edge, one in free.series.items():
        other = held.series[edge]
        series[edge] = Series(
            np.append(one.begin_s, other.begin_s), np.append(one.vehicles, other.vehicles)
        )
    days, _ = event_days(Counts(free.interval_s, series, ()), PRIOR, events)
    assert len(days) == 8
    assert egress(learned(days, 0.5)).mean_s == pytest.approx(25 * 60, rel=0.1)


def test_vehicles_per_person_are_learned() -> None:
    kind = PRIOR.kind("sports")
    truth = PRIOR.model_copy(
        update={
            "kinds": {
                "sports": kind.model_copy(update={"auto_share": {"urban": 0.7, "suburban": 0.85}})
            }
        }
    )
    profile = learned(days_of(truth, 12, PRIOR))
    assert profile.kind.auto_share["urban"] == pytest.approx(0.66, abs=0.05)
    assert profile.kind.auto_share["suburban"] == 1.0
    own = PRIOR.venues["arena"].model_copy(update={"auto_share": 0.5})
    with_own = PRIOR.model_copy(update={"venues": {"arena": own}})
    (profile,) = learn(days_of(truth, 12, PRIOR), with_own).profiles
    assert profile.kind.occupancy == pytest.approx(2.5 * 0.5 / 0.66, abs=0.15)


@pytest.mark.parametrize("attendance", [8_000, 19_500])
@pytest.mark.parametrize("kind", ["sports", "concert", "parade"])
def test_the_mean_of_people_is_that_of_the_draws(kind: str, attendance: int) -> None:
    venue = PRIOR.venues["arena"].model_copy(update={"attendance": attendance})
    known = PRIOR.model_copy(update={"venues": {"arena": venue}})
    event = weekly(1, known, kind)[0]
    people = [draw_turnout(np.random.default_rng(i), event, known).people for i in range(300)]
    assert mean_people(event, known) == pytest.approx(
        np.mean(people), abs=3.5 * np.std(people) / np.sqrt(300)
    )


def test_the_spread_of_attendances_is_learned() -> None:
    wild = PRIOR.uncertainty.model_copy(update={"attendance_cv_ticketed": 0.3})
    truth = PRIOR.model_copy(update={"uncertainty": wild})
    found = learn(days_of(truth, 30, PRIOR), PRIOR).registry.uncertainty
    assert found.attendance_cv_ticketed == pytest.approx(0.28, abs=0.08)
    assert found.attendance_cv_free == PRIOR.uncertainty.attendance_cv_free


def fairs(vehicles: Sequence[float]) -> tuple[EventDay, ...]:
    """Fairs, of whose shapes nothing is learned, with so many vehicles each."""
    detector = Detector("n_in", "destination", 1.0, np.inf, shared=False)
    begin_s, none, all_ = np.zeros(1), np.zeros((1, 1)), np.ones(1)
    return tuple(
        EventDay(event, 7200.0, Seen((detector,), begin_s, 7200.0, none + n, none, all_), None)
        for event, n in zip(weekly(len(vehicles), PRIOR, "fair"), vehicles, strict=True)
    )


def test_a_true_prior_is_what_is_learned_in_the_mean() -> None:
    """Attendances differ by 35 % and are lognormal: their median is 6 % below their mean."""
    event = weekly(1, PRIOR, "fair")[0]
    draws = [draw_turnout(np.random.default_rng(seed), event, PRIOR) for seed in range(600)]
    vehicles = [float(turnout.vehicles) for turnout in draws]
    assert learned(fairs(vehicles)).vehicles == pytest.approx(1.0, abs=0.03)
    found = [
        learn(fairs(vehicles[i : i + 3]), PRIOR).registry.uncertainty for i in range(0, 600, 3)
    ]
    squares = [one.attendance_cv_free**2 for one in found]
    assert np.mean(squares) == pytest.approx(0.35**2, rel=0.08)


@pytest.mark.parametrize("share", [0.4, 2.0])
def test_vehicles_per_person_are_no_spread_of_attendances(share: float) -> None:
    """Three events are not believed that fewer come by car, but they agree on it."""
    vehicles = mean_vehicles(weekly(1, PRIOR, "fair")[0], PRIOR) * np.array([0.75, 1.0, 1.25])
    as_said, other = (
        learn(fairs(times * vehicles), PRIOR).registry.uncertainty.attendance_cv_free
        for times in (1.0, share)
    )
    assert other == pytest.approx(as_said, abs=0.005)


def test_a_crowd_without_tickets_is_never_sold_out() -> None:
    days = fairs(mean_vehicles(weekly(1, PRIOR, "fair")[0], PRIOR) * np.array([0.3, 1.0, 2.0]))
    full = tuple(replace(day, event=replace(day.event, attendance=20_000)) for day in days)
    usual, found = (learn(of, PRIOR).registry.uncertainty for of in (days, full))
    assert found.attendance_cv_free == pytest.approx(usual.attendance_cv_free, abs=0.005)
    assert found.attendance_cv_free > PRIOR.uncertainty.attendance_cv_free


@pytest.mark.parametrize("spaces", [700, 1150, 1300])
def test_full_car_parks_do_not_hide_who_would_have_come(spaces: int) -> None:
    """Of 1,400 vehicles, as the prior says, so many find a space; fewer came to some events."""
    venue = PRIOR.venue("arena")
    park = venue.car_parks["park"].model_copy(update={"spaces": spaces})
    small = venue.model_copy(update={"car_parks": {"park": park}})
    prior = PRIOR.model_copy(update={"venues": {"arena": small}})
    for seed in (1, 2):
        days = days_of(prior, 8, prior, seed=seed)
        assert max(day.vehicles for day in days) <= 1.01 * spaces
        assert any(was_full(day, prior) for day in days)
        found = learn(days, prior)
        assert found.profiles[0].vehicles == pytest.approx(1.0, abs=0.05)
        assert found.registry.uncertainty == prior.uncertainty


def test_a_fair_fills_its_spaces_more_than_once() -> None:
    days = fairs([9_000.0 * f for f in (1.1, 1.2, 1.3)])
    assert not any(was_full(day, PRIOR) for day in days)


def test_one_event_tells_no_spread_of_attendances() -> None:
    assert learn(fairs([100.0]), PRIOR, min_events=1).registry.uncertainty == PRIOR.uncertainty


def test_kinds_of_thin_data_stay_as_they_were() -> None:
    assert learn(days_of(SLOW, 2, PRIOR), PRIOR).registry.kinds == {}


def test_what_is_written_is_read_again_and_used_at_its_venue(tmp_path: Path) -> None:
    found = learn(days_of(SLOW, 4, PRIOR), PRIOR)
    path = tmp_path / "venues.yaml"
    write_venues(path, found, "counts.csv")
    again = read_venues(path)
    assert again == found.registry
    assert again.kind_at("arena", "sports") == "arena.sports"
    assert again.kind_at("arena", "concert") == "concert"
    assert "4 events" in path.read_text()
    assert before_learning(again).kinds == {}
    with pytest.raises(ConfigError, match="sports"):
        again.kind("arena.sport")


def in_intervals(counts: Counts, minutes: int) -> Counts:
    """The same counts in longer intervals, whole ones of an hour."""
    number, series = minutes // 5, {}
    for edge, one in counts.series.items():
        first = int(-(one.begin_s[0] // 300) % number)
        length = (len(one.begin_s) - first) // number * number
        begin_s = one.begin_s[first : first + length : number]
        vehicles = one.vehicles[first : first + length].reshape(-1, number).sum(axis=1)
        series[edge] = Series(begin_s, vehicles)
    return Counts(60.0 * minutes, series, ())


@pytest.mark.parametrize("minutes", [15, 20, 30, 60])
def test_long_intervals_tell_the_same(minutes: int) -> None:
    events = weekly(8, PRIOR)
    days, _ = event_days(in_intervals(history(PRIOR, events), minutes), PRIOR, events)
    (profile,) = learn(days, PRIOR, 0.01).profiles
    assert isinstance(profile.kind.arrivals, Ingress)
    assert profile.kind.arrivals.a == pytest.approx(5.0, rel=0.1)
    assert profile.kind.arrivals.b == pytest.approx(2.0, rel=0.1)
    assert profile.vehicles == pytest.approx(1.03, abs=0.05)


@pytest.mark.parametrize("kind", ["sports", "concert", "fireworks"])
def test_an_hour_in_which_an_exit_was_idle_at_times_is_not_its_limit(kind: str) -> None:
    """Else all shapes that are sharp enough to fill it would look alike."""
    events = weekly(5, PRIOR, kind)
    days, _ = event_days(in_intervals(history(PRIOR, events), 60), PRIOR, events)
    (profile,) = learn(days, PRIOR, 1.0).profiles
    prior = PRIOR.kind(kind).departures
    assert isinstance(prior, Egress)
    assert egress(profile).mean_s == pytest.approx(prior.mean_s, rel=0.1)
    assert egress(profile).delay_s == pytest.approx(prior.delay_s, abs=300.0)


def test_concerts_that_end_early_are_learned() -> None:
    """Their end is the calendar's: only the delay can tell."""
    early = changed(PRIOR, "concert", delay_s=-1200.0)
    events = weekly(8, PRIOR, "concert")
    days, _ = event_days(history(early, events), PRIOR, events)
    (profile,) = learn(days, PRIOR, 0.5).profiles
    assert isinstance(profile.kind.departures, Egress)
    assert profile.kind.departures.delay_s == pytest.approx(-1200.0, abs=300.0)


def test_a_group_is_held_out_by_itself() -> None:
    """Three matches, of which two are left to learn from, and one concert."""
    events = [*weekly(3, PRIOR), replace(weekly(5, PRIOR, "concert")[4], uid="c")]
    days, _ = event_days(history(SLOW, events), PRIOR, events)
    (sports,) = [one for one in held_out(days, PRIOR, draws=20) if one.name == "sports"]
    assert sports.pinball < sports.prior_pinball


@cache
def skill(truth: str, number: int) -> Skill:
    days = days_of({"slow": SLOW, "same": PRIOR}[truth], number, PRIOR)
    (found,) = held_out(days, PRIOR, draws=40)
    return found


def test_what_was_learned_foretells_days_better_than_a_prior_that_is_wrong() -> None:
    found = skill("slow", 15)
    assert found.events == 15
    assert found.pinball < 0.6 * found.prior_pinball
    assert 0.7 <= found.coverage <= 0.9
    assert found.prior_coverage < 0.6


def test_what_was_learned_is_hardly_worse_than_a_prior_that_is_right() -> None:
    found = skill("same", 12)
    assert found.pinball < 1.05 * found.prior_pinball
    assert 0.7 <= found.coverage <= 0.9


@pytest.mark.parametrize(
    ("minutes", "together"), [(1, 15), (3, 5), (4, 1), (5, 3), (6, 1), (7, 1), (10, 1), (20, 1)]
)
def test_intervals_are_put_together_where_fifteen_minutes_hold_a_whole_number(
    minutes: int, together: int
) -> None:
    begin_s, counts = 60.0 * minutes * np.arange(30), np.arange(30.0)
    seen = Seen((), begin_s, 60.0 * minutes, counts[None], np.zeros((1, 30)), np.ones(30))
    assert bins_of(seen).tolist() == begin_s[::together].tolist()
    assert counted(seen).tolist() == counts.reshape(-1, together).sum(axis=1).tolist()


@pytest.mark.parametrize("name", ["arena", "arena.derby", "derby"])
def test_a_kind_that_stands_for_no_usual_one_was_not_learned(name: str) -> None:
    """It may have the name of its venue, or be that of one venue and of no other."""
    own = registry(**{name: PRIOR.kind("sports").model_copy(update={"occupancy": 2.0})})
    assert before_learning(own) == own
    found = learn(days_of(own, 4, own, kind=name), own)
    (profile,) = found.profiles
    assert profile.prior.occupancy == 2.0
    assert before_learning(found.registry).kinds == own.kinds


def test_one_day_can_not_be_held_out() -> None:
    assert held_out(days_of(PRIOR, 1, PRIOR), PRIOR) == ()


def test_a_calendar_is_read_with_the_kinds_of_its_venue(tmp_path: Path) -> None:
    found = learn(days_of(SLOW, 4, PRIOR), PRIOR).registry
    path = tmp_path / "season.csv"
    path.write_text("venue,begin,kind\narena,2026-05-09T18:30,sports\narena,2026-05-16T18:30,\n")
    first, last = (datetime(2026, month, 1, tzinfo=UTC) for month in (5, 6))
    for registry_of, kind in ((PRIOR, "sports"), (found, "arena.sports")):
        events = read_calendars([path], registry_of, first, last).events
        assert [event.kind for event in events] == [kind, kind]


def test_shapes_are_learned_at_gates_among_other_traffic() -> None:
    profile = learned(days_of(SLOW, 8, PRIOR, street_veh_h=300), prior_events=0.5)
    assert egress(profile).mean_s == pytest.approx(40 * 60, rel=0.15)
    assert profile.vehicles == pytest.approx(1.0, abs=0.1)


def test_fairs_keep_their_shapes() -> None:
    events = [replace(e, end=e.begin + timedelta(hours=6)) for e in weekly(4, PRIOR, "fair")]
    days, _ = event_days(history(PRIOR, events), PRIOR, events)
    profile = learned(days)
    assert profile.events == 4
    assert profile.kind.arrivals == profile.prior.arrivals
    assert profile.kind.departures == profile.prior.departures
    assert profile.vehicles == pytest.approx(1.0, abs=0.35)
