"""A forecast that is corrected by what came comes nearer to what will come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.forecast.rolling import FEWEST, Rolling, roll_forward
from signalrl.forecast.traffic import Crowd, Stream, Traffic, Window, draw_traffic
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import load_season, occasion_of

SCENARIO = load_scenario("arena")
SEASON = load_season(SCENARIO)
assert SCENARIO.events is not None
EVENT = next(event for event in SEASON.events if event.kind == "knockout")
OCCASION = occasion_of(SCENARIO, SEASON, EVENT, "egress")
WINDOW = Window(OCCASION.clock, 0.0, 9000.0)
EXITS = [f"park_{name}_out" for name in ("e2", "e3", "d4", "e4")]


def evenings(draws: int, seed: int) -> Traffic:
    return draw_traffic(SCENARIO, SEASON.registry, [EVENT], WINDOW, draws, seed)


def test_a_match_that_ends_late_shifts_the_forecast() -> None:
    """After half an hour of counts, the rest of the evening is foretold with half the error."""
    forecast, truths = evenings(200, 0), evenings(12, 1)
    seen_steps = 80  # 40 minutes
    before, after = [], []
    for truth in range(truths.draws):
        counts = {
            edge: truths.visitors(2, [edge])[:seen_steps, truth].reshape(-1, 10).sum(axis=1)
            for edge in EXITS
        }
        rolled = roll_forward(forecast, 2, counts, 300.0)
        rest = truths.visitors(2, EXITS)[seen_steps:, truth].reshape(-1, 20).sum(axis=1)
        for traffic, errors in ((forecast, before), (rolled, after)):
            said = traffic.visitors(2, EXITS)[seen_steps:].reshape(-1, 20, 200).sum(axis=1)
            errors.append(np.abs(np.median(said, axis=1) - rest).mean())
    assert np.mean(after) < 0.6 * np.mean(before), (np.mean(before), np.mean(after))


def test_a_count_that_is_missing_says_nothing() -> None:
    forecast, truths = evenings(100, 0), evenings(1, 1)
    counts = {
        edge: truths.visitors(2, [edge])[:80, 0].reshape(-1, 10).sum(axis=1) for edge in EXITS
    }
    counts[EXITS[1]][3] = np.nan
    rolled = roll_forward(forecast, 2, counts, 300.0)
    rest = rolled.visitors(2, EXITS)[80:].sum(axis=0)
    assert len(set(rest.tolist())) > 5  # not one draw a hundred times
    counts[EXITS[1]][3] = -1.0
    with pytest.raises(ValueError, match="expected 0 or more vehicles, got -1"):
        roll_forward(forecast, 2, counts, 300.0)


def test_gates_count_the_usual_traffic_too() -> None:
    """Else every evening would look like the largest one; they tell little, but nothing wrong."""
    assert SCENARIO.events is not None
    occasion = occasion_of(SCENARIO, SEASON, EVENT, "ingress")
    window = Window(occasion.clock, 0.0, 5400.0)
    forecast, truths = (
        draw_traffic(SCENARIO, SEASON.registry, [EVENT], window, n, n) for n in (200, 8)
    )
    gates = [gate.inbound for gate in SEASON.registry.venue(EVENT.venue).gates.values()]
    assert forecast.usual_on(gates[0]).sum() > 0
    before, after = [], []
    for truth in range(truths.draws):
        counts = {}
        for edge in gates:
            entries = [(kind, edge) for kind in range(3)]
            came = truths.entering(entries).sum(axis=1)[:80, truth]
            counts[edge] = came.reshape(-1, 10).sum(axis=1).astype(float)
        rest = truths.visitors(1, gates)[80:, truth].sum()
        rolled = roll_forward(forecast, 1, counts, 300.0)
        for traffic, errors in ((forecast, before), (rolled, after)):
            errors.append(np.median(traffic.visitors(1, gates)[80:].sum(axis=0)) - rest)
    assert np.abs(after).mean() < 1.05 * np.abs(before).mean(), (before, after)
    assert abs(np.mean(after)) < 150.0  # of some 2,400; with visitors alone it is 400


def test_more_counts_than_the_window_has_are_refused() -> None:
    forecast = evenings(10, 0)
    with pytest.raises(ValueError, match=r"expected at most 30 intervals of 300 s, .* got 31"):
        roll_forward(forecast, 2, {EXITS[0]: np.ones(31)}, 300.0)


def test_counts_that_do_not_fit_the_forecast_are_refused() -> None:
    forecast = evenings(10, 0)
    for interval_s in (10.0, 45.0):
        with pytest.raises(ValueError, match="expected a multiple of 30 s"):
            roll_forward(forecast, 2, {EXITS[0]: np.ones(2)}, interval_s)
    with pytest.raises(ValueError, match="counts of nowhere: expected an edge"):
        roll_forward(forecast, 2, {"nowhere": np.ones(2)}, 300.0)


def test_no_interval_that_is_over_changes_nothing() -> None:
    forecast = evenings(50, 0)
    same = roll_forward(forecast, 2, {EXITS[0]: np.array([])}, 300.0)
    assert (same.visitors(2, EXITS) == forecast.visitors(2, EXITS)).all()


def test_a_stream_that_no_chosen_draw_has_is_gone() -> None:
    key, other = Stream(2, "a", "b"), Stream(2, "a", "c")
    crowds = {
        key: Crowd(np.array([3, 4]), np.array([0, 1])),
        other: Crowd(np.array([5]), np.array([1])),
    }
    traffic = Traffic(WINDOW, 2, {}, {}, np.ones(2), np.ones(2), crowds, 0)
    assert traffic.chosen(np.array([0, 0])).streams == (key,)


def test_without_counts_nothing_changes() -> None:
    forecast = evenings(50, 0)
    same = roll_forward(forecast, 2, {}, 300.0)
    assert (same.visitors(2, EXITS) == forecast.visitors(2, EXITS)).all()
    assert (same.scale == forecast.scale).all()


def test_chosen_draws_are_those_of_before() -> None:
    forecast = evenings(6, 0)
    some = forecast.chosen(np.array([4, 4, 1]))
    assert (some.visitors(2, EXITS) == forecast.visitors(2, EXITS)[:, [4, 4, 1]]).all()
    entries = [(2, EXITS[0])]
    assert some.entering(entries).shape == (WINDOW.steps, 1, 3)


@given(
    expected=st.lists(st.floats(0, 1e4), min_size=2, max_size=50),
    counts=st.lists(st.floats(0, 1e5), max_size=20),
)
def test_weights_stay_a_distribution(expected: list[float], counts: list[float]) -> None:
    rolling = Rolling(len(expected))
    for count in counts:
        rolling.see(expected, count)
    weights = rolling.weights
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()
    assert 1.0 / (weights**2).sum() >= FEWEST * len(expected) * 0.999
    assert (np.diff(rolling.choose(30)) >= 0).all()


def test_the_draw_that_is_right_gains() -> None:
    rolling = Rolling(3)
    for _ in range(4):
        rolling.see([100.0, 50.0, 200.0], 100.0)
    assert rolling.weights.argmax() == 0
    assert rolling.weights[0] > 0.9


def test_draws_that_are_equally_far_off_are_equally_likely() -> None:
    """Those that say more are no surer, and no less sure, than those that say less."""
    rolling = Rolling(2)
    rolling.see([50.0, 150.0], 100.0)
    assert rolling.weights.tolist() == [0.5, 0.5]
