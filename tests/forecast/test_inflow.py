"""The expected inflow knows the calendar, and nothing of the traffic that an episode draws."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from signalrl.control.inflow import INFLOW_AHEAD_S, Inflow
from signalrl.control.measurement import FloatArray
from signalrl.errors import ConfigError
from signalrl.forecast.evening import as_expected
from signalrl.forecast.inflow import InflowForecast, served
from signalrl.network.capacity import Capacity, find_movements
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.demand import draw_episode
from signalrl.scenario.event_demand import draw_occasion, load_season
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import scenario_network

STEP_S = 30.0
LATE_S = 600.0


def _scenario(forecast: dict[str, Any] | None = None, **events: Any) -> Scenario:
    """The end of a large event of the arena, from ten minutes before to forty after it."""
    settings = {"calendars": ["held-out-l.ics"], "phases": ["egress"], **events}
    told = {"inflow": True, **(forecast or {})}
    return load_scenario("arena", settings={"events": settings, "forecast": told, "end_s": 3000})


SCENARIO = _scenario()
NETWORK = scenario_network(SCENARIO)


def _expect(scenario: Scenario, seed: int = 1) -> FloatArray:
    with TemporaryDirectory() as folder:
        return InflowForecast(scenario, NETWORK, Path(folder)).of(seed).values


@cache
def _usual() -> FloatArray:
    return _expect(SCENARIO)


def _seeds_of_one_occasion() -> tuple[int, int]:
    season, traffic = load_season(SCENARIO), SCENARIO.events
    assert traffic is not None
    mine = draw_occasion(SCENARIO, season, 1)
    return 1, next(s for s in range(2, 99) if draw_occasion(SCENARIO, season, s) == mine)


def test_seeds_of_one_occasion_have_one_expectation_and_traffic_of_their_own(
    tmp_path: Path,
) -> None:
    one, other = _seeds_of_one_occasion()
    assert np.array_equal(_usual(), _expect(SCENARIO, other))
    drawn = []
    for seed in (one, other):
        folder = tmp_path / str(seed)
        folder.mkdir()
        files = draw_episode(SCENARIO, seed, folder).route_files
        drawn.append(b"".join(path.read_bytes() for path in files))
    assert drawn[0] != drawn[1]


def test_how_an_evening_is_drawn_does_not_matter() -> None:
    assert np.array_equal(_usual(), _expect(_scenario(attendance_factor=[1.5, 2.0])))


def test_a_day_without_an_event_has_none() -> None:
    none = _expect(_scenario(probability=0))
    assert none.shape == (*none.shape[:1], *_usual().shape[1:])
    assert not none.any()


def test_a_calendar_that_is_late_expects_the_same_later() -> None:
    late, steps = _expect(_scenario({"late_s": LATE_S})), round(LATE_S / STEP_S)
    usual, later = (
        values[:, :, :, Inflow.INFLOW_5].sum(axis=(1, 2)) for values in (_usual(), late)
    )
    lasting = 100  # of the window's steps, up to the end of the episode
    assert later[steps : steps + 20] == pytest.approx(usual[:20], rel=0.05, abs=1.0)
    assert np.corrcoef(later[steps:lasting], usual[: lasting - steps])[0, 1] > 0.99
    assert usual[:steps].max() > 10 * later[:steps].max()


def test_a_calendar_is_late_by_the_time_that_passes_on_a_night_that_sets_the_clocks_back() -> None:
    registry, zone = load_season(SCENARIO).registry, ZoneInfo("Europe/Berlin")
    begin = datetime(2026, 10, 25, 2, 45, tzinfo=zone)
    event = replace(load_season(SCENARIO).events[0], begin=begin, end=begin + timedelta(hours=3))
    (late,) = as_expected(registry, [event], 1800.0, 1.0)
    assert late.begin.timestamp() - event.begin.timestamp() == 1800.0
    assert late.end.timestamp() - event.end.timestamp() == 1800.0


def test_a_calendar_that_expects_more_people_expects_more_of_them_at_the_signals() -> None:
    # Before the beginning: after the end, the exits of the car park are what limits them.
    before: dict[str, Any] = {"calendars": ["held-out-m.ics"], "phases": ["ingress"]}
    usual, many = (
        _expect(_scenario({"attendance_factor": factor}, **before)) for factor in (1.0, 1.3)
    )
    assert many.sum() / usual.sum() == pytest.approx(1.3, rel=0.05)


def test_who_comes_in_5_min_comes_in_15() -> None:
    soon, later = (_usual()[..., k] * ahead_s for k, ahead_s in enumerate(INFLOW_AHEAD_S))
    assert (_usual() >= 0).all()
    assert (soon <= later + 1e-3 * later.max()).all()
    assert _usual().any(axis=(0, 2, 3)).sum() > len(NETWORK.signals) / 2
    exists = np.array([[p < len(s.phases) for p in range(4)] for s in NETWORK.signals])
    assert not _usual()[:, ~exists].any()


def test_phases_serve_movements_of_their_own_signal_and_every_movement_is_served() -> None:
    capacity = Capacity(find_movements(NETWORK))
    shares = served(NETWORK, capacity)
    assert ((shares >= 0) & (shares <= 1)).all()
    assert (shares.max(axis=(0, 1)) == 1).all()
    for movement, column in zip(capacity.movements, shares.transpose(2, 0, 1), strict=True):
        assert {NETWORK.signals[s].id for s in np.flatnonzero(column.any(axis=1))} == {
            movement.signal
        }


def test_what_is_in_the_folder_is_not_computed_again(tmp_path: Path) -> None:
    one, other = _seeds_of_one_occasion()
    InflowForecast(SCENARIO, NETWORK, tmp_path).of(one)
    (file,) = tmp_path.iterdir()
    marked = np.full_like(np.load(file), 7.0)
    np.save(file, marked)
    assert np.array_equal(InflowForecast(SCENARIO, NETWORK, tmp_path).of(other).values, marked)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_without_events_there_is_nothing_to_expect() -> None:
    with pytest.raises(ConfigError, match=r"forecast\.inflow: expected an environment with events"):
        load_scenario("resco-cologne1", settings={"forecast": {"inflow": True}})
