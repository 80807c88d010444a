"""Laws of metering: bounded, monotone, fair, and open whenever something is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.control.metering import (
    OPEN,
    YELLOW_S,
    GateSignal,
    Light,
    Meter,
    MeteringRules,
    Reading,
    share,
)
from signalrl.errors import ConfigError

RULES = MeteringRules(setpoint_veh=500.0)
INTERVAL_S = RULES.interval_s

gate_lanes = st.lists(st.integers(1, 3), min_size=1, max_size=6)
counts = st.floats(0.0, 2000.0)


def reading(time_s: float, veh: float, waiting: list[float], passed: list[float]) -> Reading:
    return Reading(time_s, veh, np.array(waiting), np.array(passed))


def drive(
    lanes: list[int],
    accumulations: list[float],
    waiting: float = 50.0,
    rules: MeteringRules = RULES,
    arrivals: float = 5.0,
) -> Iterator[Meter]:
    """Run a meter over a series of accumulations, with queues at all gates; yield it each time."""
    meter = Meter(lanes, rules)
    passed = np.zeros(len(lanes))
    for i, veh in enumerate(accumulations):
        meter.update(
            i * INTERVAL_S, Reading(i * INTERVAL_S, veh, np.full(len(lanes), waiting), passed)
        )
        yield meter
        passed = passed + arrivals


@given(gate_lanes, st.lists(counts, min_size=2, max_size=20), counts)
def test_rates_keep_to_their_bounds(
    lanes: list[int], accumulations: list[float], waiting: float
) -> None:
    most = RULES.most_veh_h * np.array(lanes)
    for meter in drive(lanes, accumulations, waiting):
        rates = meter.rates_veh_h
        holding = np.isfinite(rates)
        assert (rates >= RULES.least_veh_h * np.array(lanes) - 1e-6).all()
        assert (rates[holding] <= most[holding] + 1e-6).all()


@given(
    st.lists(
        st.tuples(st.floats(0, 500), st.floats(0, 500), st.floats(0, 500)), min_size=1, max_size=9
    ),
    st.floats(0, 5000),
)
def test_a_split_gives_all_of_its_total_within_the_bounds(
    parts: list[tuple[float, float, float]], total: float
) -> None:
    weights, low, more = np.array(parts).T
    found = share(total, weights, low, low + more)
    assert (found >= low).all()
    assert (found <= low + more).all()
    possible = float(np.clip(total, low.sum(), (low + more).sum()))
    assert found.sum() == pytest.approx(possible, rel=1e-6, abs=1e-3)


@given(st.lists(st.floats(1, 500), min_size=2, max_size=9))
def test_queues_wait_equally_long_where_no_bound_is_met(queues: list[float]) -> None:
    rates = share(1000.0, queues, np.zeros(len(queues)), np.full(len(queues), 1e6))
    waits = np.array(queues) / rates
    assert waits == pytest.approx(waits[0])


@given(gate_lanes, st.lists(counts, min_size=1, max_size=10), counts, counts)
def test_more_vehicles_inside_never_let_more_in(
    lanes: list[int], before: list[float], fewer: float, more: float
) -> None:
    fewer, more = sorted((fewer, more))
    allowed = []
    for last in (fewer, more):
        *_, meter = drive(lanes, [*before, last])
        allowed.append(meter.allowed_veh_h)
    assert allowed[1] <= allowed[0]


@given(gate_lanes, st.sampled_from([math.nan, math.inf, -1.0]))
def test_gates_open_where_a_detector_fails(lanes: list[int], broken: float) -> None:
    full = [2000.0] * 5
    for position in range(3):
        *_, meter = drive(lanes, full)
        assert meter.holds
        values = [2000.0, 50.0, 25.0]
        values[position] = broken
        meter.update(
            5 * INTERVAL_S,
            reading(5 * INTERVAL_S, values[0], [values[1]] * len(lanes), [values[2]] * len(lanes)),
        )
        assert not meter.holds
        assert (meter.rates_veh_h == OPEN).all()


def test_gates_open_where_readings_are_missing_or_old() -> None:
    for late in (None, reading(4 * INTERVAL_S, 2000.0, [50.0], [25.0])):
        *_, meter = drive([2], [2000.0] * 5)
        now_s = 4 * INTERVAL_S + RULES.stale_s + 1.0
        meter.update(now_s, late)
        assert not meter.holds
        # What came in between is not known, so nothing is decided by the next reading alone.
        for held in (False, True):
            now_s += INTERVAL_S
            meter.update(now_s, reading(now_s, 2000.0, [50.0], [now_s / 12.0]))
            assert meter.holds == held


@pytest.mark.parametrize("missing", [False, True])
def test_gates_open_where_a_counter_begins_anew(missing: bool) -> None:
    """It would look as if nobody had passed for hours, and hardly anybody be let in."""
    meters = drive([2, 2], [480.0] * 10, arrivals=25.0)
    *_, meter = meters
    before = meter.allowed_veh_h
    waiting, time_s = [50.0, 50.0], 10 * INTERVAL_S
    if missing:  # while it does
        meter.update(time_s, None)
        time_s += INTERVAL_S
    meter.update(time_s, reading(time_s, 480.0, waiting, [0.0, 250.0]))
    assert not meter.holds
    assert meter.hold_s.tolist() == [0.0, 0.0]
    meter.update(time_s + INTERVAL_S, reading(time_s + INTERVAL_S, 480.0, waiting, [25.0, 275.0]))
    assert meter.holds
    assert meter.allowed_veh_h >= 0.8 * before
    assert meter.hold_s.tolist() == [INTERVAL_S, INTERVAL_S]


def test_gates_begin_to_hold_in_the_armed_times_and_end_with_their_queues() -> None:
    meter = Meter([2], RULES, armed_s=[(120.0, 300.0)])
    held = []
    for i, waiting in enumerate([50, 50, 50, 50, 50, 50, 50, 5, 50]):
        veh = 2000.0 if waiting == 50 else 100.0
        meter.update(i * 60.0, reading(i * 60.0, veh, [waiting], [5.0 * i]))
        held.append(meter.holds)
    assert held == [False, False, True, True, True, True, True, False, False]


def test_a_full_district_is_held_though_nobody_waits() -> None:
    *_, meter = drive([2, 2], [2000.0] * 5, waiting=0.0)
    assert meter.holds


def test_gates_to_which_nobody_comes_are_let_in_by_no_decision() -> None:
    """They keep to the lowest rate, for whoever comes next; it is no part of what is allowed."""
    meter = Meter([1, 2], RULES)
    for i in range(5):
        meter.update(i * 60.0, reading(i * 60.0, 2000.0, [50.0, 0.0], [5.0 * i, 0.0]))
    assert meter.allowed_veh_h == RULES.least_veh_h
    assert meter.rates_veh_h.tolist() == [RULES.least_veh_h, 2 * RULES.least_veh_h]


def test_rates_are_in_proportion_to_those_who_came_and_wait() -> None:
    meter = Meter([2, 2], RULES)
    for i in range(2):
        meter.update(i * 60.0, reading(i * 60.0, 500.0, [10.0, 10.0], [20.0 * i, 5.0 * i]))
    assert meter.allowed_veh_h == pytest.approx(25 * 60.0)
    assert meter.rates_veh_h.tolist() == pytest.approx([1000.0, 500.0])


def test_a_gate_opens_where_more_are_due_than_may_pass() -> None:
    """A hundred came within a minute; the last minute of the longest hold is too short for them."""
    rules = MeteringRules(setpoint_veh=500.0, longest_hold_s=300.0)
    meter, passed, opens_s = Meter([2], rules), 0.0, []
    for i in range(12):
        waiting = (100.0 if i else 0.0) - passed
        meter.update(i * 60.0, reading(i * 60.0, 3000.0, [waiting], [passed]))
        if meter.rates_veh_h[0] == OPEN:
            opens_s.append(i * 60.0)
        passed += min(waiting, float(meter.rates_veh_h[0]) / 60.0) if i else 0.0
    assert opens_s == [0.0, 300.0]


def test_gates_are_open_while_the_district_is_far_from_full() -> None:
    for meter in drive([2, 2], [0.84 * RULES.setpoint_veh] * 10):
        assert not meter.holds


def test_what_is_allowed_follows_the_law() -> None:
    meters = drive([2, 2], [450.0, 450.0, 470.0], arrivals=25.0)
    next(meters)
    meter = next(meters)  # begins at the flow of the last interval: 2 gates, 25 in a minute
    assert meter.allowed_veh_h == pytest.approx(3000.0 + 5.0 * 50.0)
    next(meters)
    assert meter.allowed_veh_h == pytest.approx(3250.0 + 5.0 * 30.0 - 20.0 * 20.0)


def test_what_is_allowed_does_not_run_ahead_of_those_who_come() -> None:
    """A district below its set point for an hour, and then one that fills."""
    meter, passed = Meter([2] * 7, RULES), np.zeros(7)
    waiting = np.array([12.0, *[0.0] * 6])
    allowed = []
    for i in range(80):
        veh = 450.0 if i < 60 else 450.0 + 20.0 * (i - 59)
        meter.update(i * 60.0, Reading(i * 60.0, veh, waiting, passed))
        allowed.append(meter.allowed_veh_h)
        passed = passed + 14.0  # 5,880 per hour
    assert max(allowed[1:60]) <= 5880.0 + 12 * 60.0 + 7 * 120.0 + 5.0 * 50.0
    least = 7 * 2 * RULES.least_veh_h
    assert allowed[70] == least  # at 670 vehicles, where it would have let in all 5,880 and more


@given(st.floats(100.0, 1300.0), st.integers(1, 3), st.floats(0.0, 18.0))
def test_gates_open_soon_where_the_district_has_emptied(
    veh_h: float, lanes: int, road_s: float
) -> None:
    """Any traffic that open lanes bear; some of those who count as waiting only drive up."""
    meter, came, passed, held_min = Meter([lanes, lanes], RULES), 0.0, 0.0, 0
    for i in range(60):
        driving = veh_h * lanes * road_s / 3600.0
        waiting = came - passed + driving
        veh = 600.0 if i < 10 else 0.0
        meter.update(i * 60.0, reading(i * 60.0, veh, [waiting] * 2, [passed] * 2))
        held_min += meter.holds and i >= 10
        most = min(float(meter.rates_veh_h[0]), 1800.0 * lanes) / 60.0
        came += veh_h * lanes / 60.0
        passed = min(came, passed + most)
    assert held_min <= 20
    assert meter.longest_s[0] < 1200.0


def test_what_was_read_before_decides_nothing_anew() -> None:
    *_, meter = drive([2], [450.0] * 5, arrivals=20.0)
    before = meter.allowed_veh_h, meter.rates_veh_h.tolist()
    meter.update(4 * INTERVAL_S + 60.0, reading(4 * INTERVAL_S, 450.0, [50.0], [80.0]))
    assert (meter.allowed_veh_h, meter.rates_veh_h.tolist()) == before


@given(st.integers(1, 3), st.integers(0, 40), st.integers(0, 2**31))
def test_nobody_waits_longer_than_the_longest_hold(lanes: int, arrivals: int, seed: int) -> None:
    """Arrivals that the lanes can serve at all, in a district that stays full for ever."""
    random = np.random.default_rng(seed)
    rules = MeteringRules(setpoint_veh=500.0, longest_hold_s=300.0)
    meter = Meter([lanes], rules)
    came: list[float] = []
    passed = 0
    for i in range(40):
        now = i * INTERVAL_S
        meter.update(now, reading(now, 3000.0, [len(came) - passed], [passed]))
        rate = float(meter.rates_veh_h[0])
        room = lanes * 1800.0 * INTERVAL_S / 3600.0 if math.isinf(rate) else rate / 60.0
        for k in range(math.ceil(room)):
            if passed < len(came):
                leaves_s = now + (k + 1) * INTERVAL_S / math.ceil(room)
                assert leaves_s - came[passed] <= rules.longest_hold_s + INTERVAL_S
                passed += 1
        number = random.integers(0, min(arrivals, 12 * lanes) + 1)
        came += sorted(now + random.uniform(0.0, INTERVAL_S, number))


def test_holds_are_told_by_counts() -> None:
    meter = Meter([1], RULES)
    for i, (waiting, passed) in enumerate([(0, 0), (10, 0), (20, 0), (20, 5), (10, 15)]):
        meter.update(i * 60.0, reading(i * 60.0, 0.0, [waiting], [passed]))
    # The sixteenth came between the first minute and the second.
    assert meter.hold_s[0] == pytest.approx(180.0)
    assert meter.longest_s[0] == pytest.approx(180.0)


@pytest.mark.parametrize(
    "wrong",
    [{"setpoint_veh": 0.0}, {"least_veh_h": 1000.0}, {"interval_s": 0.0}, {"longest_hold_s": 30.0}],
)
def test_rules_that_cant_be_kept_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        MeteringRules(**{"setpoint_veh": 500.0, **wrong})


def lights(signal: GateSignal, begin_s: int, end_s: int) -> str:
    """Return what a gate shows in each second."""
    shown = ""
    for second in range(begin_s, end_s):
        signal.advance(float(second))
        shown += signal.light.value
    return shown


@given(st.integers(1, 3), st.floats(240.0, 900.0))
def test_a_gate_shows_one_green_per_vehicle_and_lane(lanes: int, rate: float) -> None:
    signal = GateSignal(lanes)
    signal.set_rate(rate * lanes, 0.0)
    shown = lights(signal, 0, 3600)
    assert shown.startswith("y" * int(YELLOW_S) + "r")
    assert "Gr" in shown
    assert "GGG" not in shown
    assert shown.count("rG") == pytest.approx(rate, abs=2)


def test_a_higher_rate_does_not_wait_for_the_green_of_a_lower_one() -> None:
    signal = GateSignal(1)
    signal.set_rate(60.0, 0.0)
    assert lights(signal, 0, 20).endswith("r")
    signal.set_rate(900.0, 20.0)
    assert lights(signal, 20, 28).startswith("GGr")


def test_an_open_gate_stays_green() -> None:
    signal = GateSignal(2)
    assert set(lights(signal, 0, 100)) == {"G"}
    signal.set_rate(600.0, 100.0)
    assert "r" in lights(signal, 100, 160)
    signal.set_rate(OPEN, 160.0)
    assert signal.light is Light.GREEN
    assert set(lights(signal, 160, 260)) == {"G"}
