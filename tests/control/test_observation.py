"""What controllers see: numbers worked out by hand on a small network, and laws on random ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.control import observation as module
from signalrl.control.interlock import Interlock
from signalrl.control.layout import Layout
from signalrl.control.loop import ControlLoop
from signalrl.control.measurement import COLUMNS, Column, FloatArray, Measurement
from signalrl.control.observation import (
    FEATURES,
    LIMIT,
    SCALES,
    Encoder,
    Feature,
    Observation,
    schema_hash,
)
from signalrl.control.scripted import ScriptedPlant
from signalrl.errors import ConfigError
from signalrl.network.model import Network, Phase, Signal
from signalrl.network.timing import TimingRules
from tests.control import driving
from tests.networks import crosswalk, make_network, make_signal, networks, timing_rules, way

RULES = TimingRules(yellow_s=3.0, red_clearance_s=2.0, min_green_s=5.0)


def town() -> Network:
    """Two signals, of which the first feeds the second.

    Signal A: lane ``n``, shared by a way ahead to ``x`` and a turn to ``y``; lane ``w`` to ``y``; a
    crosswalk. Half of what is on ``u`` heads for ``n``. Signal B: lane ``x`` and lane ``v``, to
    ``z``.
    """
    links = [way(0, "n", "x"), way(1, "n", "y"), way(2, "w", "y"), crosswalk(3)]
    a = make_signal("A", ["Ggrr", "rrGG", "rGGr"], links, foes=[(0, 2), (1, 3)])
    b = make_signal("B", ["Gr", "rG"], [way(0, "x", "z"), way(1, "v", "z")], foes=[(0, 1)])
    return make_network([a, b], {"n": {"u": 0.5}})


TRAFFIC: dict[str, dict[Column, float]] = {
    "n": {
        Column.QUEUED: 4,
        Column.APPROACHING: 2,
        Column.PRESENT: 6,
        Column.NEAR: 5,
        Column.QUEUE_25: 3,
        Column.QUEUE_60: 1,
        Column.ARRIVAL_5: 1,
        Column.OCCUPANCY: 0.4,
        Column.DELAY: 4.5,
        Column.WAIT: 30,
    },
    "u": {
        Column.QUEUED: 2,
        Column.APPROACHING: 6,
        Column.PRESENT: 8,
        Column.QUEUE_FAR: 2,
        Column.ARRIVAL_10: 2,
        Column.ARRIVAL_20: 4,
        Column.DELAY: 3.0,
        Column.WAIT: 99,
    },
    "w": {
        Column.QUEUED: 3,
        Column.APPROACHING: 1,
        Column.PRESENT: 4,
        Column.NEAR: 4,
        Column.QUEUE_25: 3,
        Column.ARRIVAL_5: 1,
        Column.DELAY: 3.25,
        Column.WAIT: 50,
    },
    "x": {Column.QUEUED: 8, Column.PRESENT: 8, Column.OCCUPANCY: 0.8, Column.WAIT: 12},
    "y": {Column.QUEUED: 6, Column.OCCUPANCY: 0.2},
    "z": {Column.QUEUED: 1, Column.OCCUPANCY: 0.1},
}


def measure(
    network: Network, traffic: Mapping[str, Mapping[Column, float]], time_s: float = 0.0
) -> Measurement:
    measurement = Measurement.empty(len(network.lanes), time_s)
    for lane, columns in traffic.items():
        for column, value in columns.items():
            measurement[column][network.lane_index[lane]] = value
    return measurement


def observe(
    network: Network, measurement: Measurement, interlock: Interlock | None = None
) -> Observation:
    if interlock is None:
        interlock = Interlock(network, RULES)
        interlock.advance(0.0)
    return Encoder(network).observe(measurement, interlock)


@pytest.fixture
def seen() -> Observation:
    return observe(town(), measure(town(), TRAFFIC))


@pytest.mark.parametrize(
    ("feature", "of_a"),
    [
        (Feature.EXISTS, [1, 1, 1]),
        (Feature.PHASES, [3, 3, 3]),
        # Lane n with half of u; lane w; half of the links of n, and w.
        (Feature.QUEUED, [4 + 0.5 * 2, 3, 2.5 + 3]),
        (Feature.APPROACHING, [2 + 0.5 * 6, 1, 2.5 + 1]),
        (Feature.NEAR, [5, 4, 2.5 + 4]),
        (Feature.QUEUE_25, [3, 3, 1.5 + 3]),
        (Feature.QUEUE_60, [1, 0, 0.5]),
        (Feature.QUEUE_FAR, [0.5 * 2, 0, 0.5]),
        (Feature.ARRIVAL_5, [1, 1, 0.5 + 1]),
        (Feature.ARRIVAL_10, [0.5 * 2, 0, 0.5]),
        (Feature.ARRIVAL_20, [0.5 * 4, 0, 1]),
        # The turn is one of the two links of n.
        (Feature.QUEUED_PERMISSIVE, [2.5, 0, 0]),
        (Feature.APPROACHING_PERMISSIVE, [2.5, 0, 0]),
        # Behind n is the mean of x and y.
        (Feature.DOWNSTREAM_QUEUE, [(8 + 6) / 2, 6, 0.5 * (8 + 6) / 2 + 6]),
        (Feature.DOWNSTREAM_OCCUPANCY, [(0.8 + 0.2) / 2, 0.2, 0.25 + 0.2]),
        # At the heads of n and w only.
        (Feature.WAIT, [30, 50, 50]),
        (Feature.TOTAL_QUEUED, [8, 8, 8]),
        (Feature.TOTAL_APPROACHING, [6, 6, 6]),
        # The first phase is shown: it serves n with its 10 vehicles, the last one half of them.
        (Feature.CURRENT_DEMAND, [10, 10, 10]),
        (Feature.LOST, [0, 10, 10 - 5]),
        (Feature.LOST_SHARE, [0, 1, 0.5]),
    ],
)
def test_what_is_seen_of_traffic(seen: Observation, feature: Feature, of_a: list[float]) -> None:
    np.testing.assert_allclose(seen.features[0, :, feature], of_a, rtol=1e-6)


def test_a_link_that_may_go_at_red_after_a_stop_is_served_and_yields() -> None:
    links = [way(0, "n", "x"), way(1, "n", "y"), way(2, "w", "y")]
    signal = make_signal("A", ["Gsr", "rsG"], links, foes=[(0, 2)])
    network = make_network([signal], {"n": {"u": 0.5}})
    traffic = {lane: columns for lane, columns in TRAFFIC.items() if lane != "z"}
    of_a = observe(network, measure(network, traffic)).features[0]
    assert of_a[:, Feature.QUEUED].tolist() == [5, 2.5 + 3]
    assert of_a[:, Feature.QUEUED_PERMISSIVE].tolist() == [2.5, 2.5]
    assert of_a[:, Feature.LOST].tolist() == [0, 5]  # half of the 10 on n may go all the time


def test_a_lane_behind_one_signal_is_before_the_next(seen: Observation) -> None:
    of_b = seen.features[1]
    assert of_b[:, Feature.QUEUED].tolist() == [8, 0, 0]
    assert of_b[:, Feature.WAIT].tolist() == [12, 0, 0]
    assert of_b[:, Feature.DOWNSTREAM_QUEUE].tolist() == [1, 1, 0]
    assert of_b[:, Feature.LOST].tolist() == [0, 8, 0]


def test_the_delay_rate_adds_up_the_approaches(seen: Observation) -> None:
    assert seen.delay_rate.tolist() == [4.5 + 0.5 * 3.0 + 3.25, 0.0]


def test_what_is_seen_of_the_signal_while_it_is_green_and_while_it_changes() -> None:
    network = town()
    interlock, encoder = Interlock(network, RULES), Encoder(network)
    interlock.advance(0.0)

    def look(time_s: float) -> Observation:
        return encoder.observe(Measurement.empty(len(network.lanes), time_s), interlock)

    green = look(6.0)
    of_a = green.features[0]
    assert green.time_s == 6.0
    assert green.current.tolist() == [0, 0]
    assert of_a[:, Feature.CURRENT].tolist() == [1, 0, 0]
    assert of_a[:, Feature.REQUESTABLE].tolist() == [1, 1, 1]
    assert of_a[:, Feature.MOVING].tolist() == [0, 0, 0]
    assert of_a[:, Feature.GREEN].tolist() == [6, 6, 6]
    assert of_a[:, Feature.UNSERVED].tolist() == [0, 6, 6]
    assert of_a[:, Feature.CLEARANCE].tolist() == [0, 5, 5]

    interlock.request([1, 0], 10.0)
    interlock.advance(10.0)
    moving = look(12.0)
    of_a = moving.features[0]
    assert moving.current.tolist() == [1, 0]
    assert of_a[:, Feature.CURRENT].tolist() == [0, 1, 0]
    assert of_a[:, Feature.REQUESTABLE].tolist() == [0, 1, 0]
    assert of_a[:, Feature.MOVING].tolist() == [1, 1, 1]
    assert of_a[:, Feature.GREEN].tolist() == [0, 0, 0]
    assert of_a[:, Feature.UNSERVED].tolist() == [2, 12, 12]
    assert of_a[:, Feature.CLEARANCE].tolist() == [15, 0, 10]
    of_b = moving.features[1, :2]
    assert of_b[:, Feature.MOVING].tolist() == [0, 0]
    assert of_b[:, Feature.GREEN].tolist() == [12, 12]

    interlock.advance(13.0)
    interlock.advance(15.0)
    of_a = look(18.0).features[0]
    assert of_a[:, Feature.CURRENT].tolist() == [0, 1, 0]
    assert of_a[:, Feature.REQUESTABLE].tolist() == [0, 1, 0]
    assert of_a[:, Feature.MOVING].tolist() == [0, 0, 0]
    assert of_a[:, Feature.GREEN].tolist() == [3, 3, 3]
    assert of_a[:, Feature.UNSERVED].tolist() == [8, 0, 18]
    assert of_a[:, Feature.CLEARANCE].tolist() == [15, 0, 10]


def test_an_observation_is_not_changed_by_what_happens_later() -> None:
    network = town()
    loop = ControlLoop(network, RULES)
    plant = ScriptedPlant(network, lambda measurement: measurement.values.fill(measurement.time_s))
    first = loop.reset(plant)
    copies = [np.copy(x) for x in (first.features, first.requestable, first.current)]
    copies.append(np.copy(first.delay_rate))
    for phases in ([1, 1], [2, 0], [0, 1]):
        loop.step(phases)
    now = (first.features, first.requestable, first.current, first.delay_rate)
    for before, after in zip(copies, now, strict=True):
        np.testing.assert_array_equal(before, after)


def test_scaled_features_are_divided_by_their_scales_and_cut_off(seen: Observation) -> None:
    scaled = seen.scaled()
    assert scaled.dtype == np.float32
    assert scaled[0, 0, Feature.QUEUED] == pytest.approx(5 / 10)
    assert scaled[0, 1, Feature.WAIT] == pytest.approx(50 / 60)
    crowd = observe(town(), measure(town(), {"n": {Column.QUEUED: 1000}}))
    assert crowd.scaled()[0, 0, Feature.QUEUED] == LIMIT
    assert crowd.features[0, 0, Feature.QUEUED] == 1000


def test_a_layout_knows_the_phases_of_each_signal() -> None:
    layout = Layout(town())
    assert layout.phases.tolist() == [3, 2]
    assert layout.exists.tolist() == [[True, True, True], [True, True, False]]


# Laws


def random_traffic(
    network: Network, rng: np.random.Generator, time_s: float = 0.0, most: float = 30.0
) -> Measurement:
    values = rng.uniform(0.0, most, (len(network.lanes), COLUMNS)) * rng.integers(0, 2, COLUMNS)
    values[:, Column.PRESENT] = values[:, Column.QUEUED] + values[:, Column.APPROACHING]
    return Measurement(time_s, values.astype(np.float32))


@st.composite
def moments(draw: st.DrawFn) -> tuple[Network, Observation]:
    """Draw a network, and what is seen of it some time after it was taken over."""
    network, rng = draw(networks()), np.random.default_rng(draw(st.integers(0, 999)))
    most = draw(st.sampled_from([1.0, 30.0, 1e4]))

    def script(measurement: Measurement) -> None:
        measurement.values[:] = random_traffic(network, rng, most=most).values

    loop = ControlLoop(network, draw(timing_rules()))
    seen = loop.reset(ScriptedPlant(network, script))
    for _ in range(draw(st.integers(0, 5))):
        seen = loop.step(driving.at_random(loop.interlock, seen.requestable, rng)).observation
    return network, seen


@given(moments())
def test_scaled_features_lie_between_zero_and_the_limit(
    moment: tuple[Network, Observation],
) -> None:
    scaled = moment[1].scaled()
    assert np.isfinite(scaled).all()
    assert scaled.min() >= 0.0
    assert scaled.max() <= LIMIT


@given(moments())
def test_rows_of_phases_that_a_signal_does_not_have_are_zero(
    moment: tuple[Network, Observation],
) -> None:
    network, seen = moment
    assert seen.features.shape == (len(network.signals), network.max_phases, FEATURES)
    assert seen.features.dtype == np.float32
    for signal, rows in zip(network.signals, seen.features, strict=True):
        assert (rows[: len(signal.phases), Feature.EXISTS] == 1.0).all()
        assert not rows[len(signal.phases) :].any()


@given(moments())
def test_the_first_two_columns_are_the_phases_and_the_mask(
    moment: tuple[Network, Observation],
) -> None:
    seen = moment[1]
    np.testing.assert_array_equal(seen.features[:, :, 1], seen.requestable)
    assert (seen.features[:, :, 1] <= seen.features[:, :, 0]).all()


@given(moments())
def test_a_change_cuts_off_at_most_what_is_served_and_at_least_what_the_other_phase_lacks(
    moment: tuple[Network, Observation],
) -> None:
    f = moment[1].features
    demand = f[:, :, Feature.QUEUED] + f[:, :, Feature.APPROACHING]
    here, lost = f[:, :, Feature.CURRENT_DEMAND], f[:, :, Feature.LOST]
    rounding = 1e-5 * here
    assert (lost <= here + rounding).all()
    assert (lost >= here - demand * f[:, :, Feature.EXISTS] - rounding).all()
    assert (lost[f[:, :, Feature.CURRENT] > 0] == 0.0).all()


@given(networks(), st.integers(0, 999))
def test_the_order_of_the_lanes_does_not_matter(network: Network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    traffic = random_traffic(network, rng)
    order = rng.permutation(len(network.lanes))
    shuffled = replace(network, lanes=tuple(network.lanes[k] for k in order))
    close(
        observe(shuffled, Measurement(0.0, traffic.values[order])).features,
        observe(network, traffic).features,
    )


@given(networks(), st.integers(0, 999))
def test_each_signal_is_seen_as_if_it_were_alone(network: Network, seed: int) -> None:
    traffic = random_traffic(network, np.random.default_rng(seed))
    together = observe(network, traffic)
    for i, signal in enumerate(network.signals):
        zones = tuple(zone for zone in network.zones if zone.signal == signal.id)
        alone = observe(replace(network, signals=(signal,), zones=zones), traffic)
        close(alone.features[0], together.features[i, : len(signal.phases)])
        close(alone.delay_rate[0], together.delay_rate[i])


@given(networks(), st.integers(0, 999))
def test_phases_in_another_order_are_rows_in_another_order(network: Network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    traffic = random_traffic(network, rng)
    orders = [[0, *(1 + rng.permutation(len(s.phases) - 1))] for s in network.signals]
    shuffled = tuple(map(reordered, network.signals, orders))
    rows = observe(replace(network, signals=shuffled), traffic).features
    for i, order in enumerate(orders):
        close(rows[i, : len(order)], observe(network, traffic).features[i, order])


def reordered(signal: Signal, order: list[int]) -> Signal:
    states = [signal.phases[k].state for k in order]
    return replace(signal, phases=tuple(Phase(k, state) for k, state in enumerate(states)))


def close(actual: npt.ArrayLike, expected: npt.ArrayLike) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-3)


def test_no_feature_stays_constant_in_a_random_run() -> None:
    network, rng = town(), np.random.default_rng(0)

    def script(measurement: Measurement) -> None:
        measurement.values[:] = random_traffic(network, rng).values

    loop = ControlLoop(network, RULES)
    seen = loop.reset(ScriptedPlant(network, script))
    rows: list[FloatArray] = []
    for _ in range(50):
        seen = loop.step(driving.at_random(loop.interlock, seen.requestable, rng)).observation
        rows.append(seen.scaled()[seen.features[:, :, Feature.EXISTS] > 0])
    spread = np.ptp(np.concatenate(rows), axis=0)
    assert [Feature(k).name for k in np.flatnonzero(spread == 0.0)] == ["EXISTS"]


# The schema


@pytest.mark.parametrize("feature", Feature)
def test_the_schema_hash_changes_with_every_scale(
    monkeypatch: pytest.MonkeyPatch, feature: Feature
) -> None:
    before = schema_hash()
    scales = SCALES.copy()
    scales[feature] *= 2
    monkeypatch.setattr(module, "SCALES", scales)
    assert schema_hash() != before


@pytest.mark.parametrize("name", ["LIMIT", "SCHEMA_VERSION"])
def test_the_schema_hash_changes_with_limit_and_version(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = schema_hash()
    monkeypatch.setattr(module, name, getattr(module, name) + 1)
    assert schema_hash() != before


def test_every_feature_has_a_scale_above_zero() -> None:
    assert SCALES.shape == (FEATURES,)
    assert (SCALES > 0).all()
    assert sorted(Feature) == list(range(FEATURES))


# The compiled encoder

compiled = pytest.mark.skipif(not module.COMPILED, reason="it was not compiled")


@compiled
@given(networks(), timing_rules(), st.integers(0, 999))
def test_c_and_numpy_encode_the_same(network: Network, rules: TimingRules, seed: int) -> None:
    rng = np.random.default_rng(seed)
    interlock = Interlock(network, rules)
    encoders = [Encoder(network, native) for native in (False, True)]
    for time_s in range(0, 60, 5):
        interlock.advance(float(time_s))
        traffic = random_traffic(network, rng, float(time_s))
        ours, theirs = (encoder.observe(traffic, interlock) for encoder in encoders)
        np.testing.assert_allclose(theirs.features, ours.features, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(theirs.delay_rate, ours.delay_rate, rtol=1e-6)
        interlock.request(driving.at_random(interlock, ours.requestable, rng), float(time_s))


@compiled
def test_c_scales_as_numpy_does(monkeypatch: pytest.MonkeyPatch, seen: Observation) -> None:
    native = seen.scaled()
    monkeypatch.setattr(module, "COMPILED", False)
    np.testing.assert_array_equal(native, seen.scaled())


@compiled
def test_c_refuses_arrays_that_do_not_fit() -> None:
    network = town()
    interlock, traffic = Interlock(network, RULES), measure(network, TRAFFIC)
    interlock.target[0] = 3
    with pytest.raises(ValueError, match="shape"):
        Encoder(network, native=True).observe(traffic, interlock)


BOTH = [False, True] if module.COMPILED else [False]


@pytest.mark.parametrize("native", BOTH)
def test_a_measurement_of_other_lanes_or_numbers_is_refused(native: bool) -> None:
    network = town()
    values = measure(network, TRAFFIC).values
    for wrong in (values[:-1], values[:, :-1], values.astype(np.float64), values[:, ::-1]):
        with pytest.raises(ConfigError, match=r"expected a measurement of 7 lanes"):
            Encoder(network, native).observe(Measurement(0.0, wrong), Interlock(network, RULES))


@pytest.mark.parametrize("column", [Column.QUEUED, Column.APPROACHING, Column.PRESENT, Column.WAIT])
@pytest.mark.parametrize("native", BOTH)
def test_a_reading_that_is_no_number_makes_features_that_are_none(
    native: bool, column: Column
) -> None:
    network = town()
    traffic = measure(network, {"w": {column: np.nan}})
    seen = Encoder(network, native).observe(traffic, Interlock(network, RULES))
    assert np.isnan(seen.features[0, 1]).any()  # the phase that serves w
    assert np.isnan(seen.scaled()[0, 1]).any()
    assert not np.isnan(seen.features[1]).any()  # the other signal sees nothing of it
