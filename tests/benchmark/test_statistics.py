from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalrl.benchmark.statistics import (
    Comparison,
    Estimate,
    bootstrap_mean,
    compare,
    expanded_tail,
    signed_rank,
)

samples = st.lists(st.floats(-1e3, 1e3).map(lambda x: round(x, 3)), min_size=2, max_size=12).map(
    np.array
)


def test_a_hand_computed_mean_and_interval() -> None:
    # A resample of two has mean 0, 1 or 2 with 1/4, 1/2, 1/4: a tail under 1/4 is an end.
    assert bootstrap_mean([0.0, 2.0]) == Estimate(1.0, 0.0, 2.0, 2)


def test_one_value_has_no_interval() -> None:
    estimate = bootstrap_mean([3.0])
    assert estimate.mean == 3.0
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)
    assert str(estimate) == "3.0"


def test_no_value_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        bootstrap_mean([])


@pytest.mark.parametrize(
    ("n", "t"), [(2, 12.706205), (3, 4.302653), (10, 2.262157), (30, 2.045230)]
)
def test_the_tail_follows_students_table(n: int, t: float) -> None:
    z = math.sqrt(n / (n - 1)) * t
    assert expanded_tail(n) == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)), rel=1e-3, abs=1e-12)


def test_many_values_have_the_plain_percentiles() -> None:
    assert expanded_tail(100_000) == pytest.approx(0.025, rel=1e-3)


@given(samples)
def test_the_interval_holds_the_mean_within_the_values(x: np.ndarray) -> None:
    estimate = bootstrap_mean(x)
    assert x.min() - 1e-9 <= estimate.low <= estimate.mean + 1e-9
    assert estimate.mean - 1e-9 <= estimate.high <= x.max() + 1e-9


@given(samples, st.floats(-100, 100), st.floats(0.1, 10))
def test_shift_and_scale_carry_over(x: np.ndarray, shift: float, scale: float) -> None:
    plain, moved = bootstrap_mean(x), bootstrap_mean(scale * x + shift)
    for name in ("mean", "low", "high"):
        expected = scale * getattr(plain, name) + shift
        assert getattr(moved, name) == pytest.approx(expected, abs=1e-6)


def differ(values: Mapping[int, float], reference: Mapping[int, float]) -> Comparison:
    found = compare("reference", values, reference)
    assert found is not None
    return found


@settings(max_examples=30)
@given(samples)
def test_a_difference_turns_with_its_sides(x: np.ndarray) -> None:
    a = dict(enumerate(x.tolist()))
    b = dict.fromkeys(a, 0.0)
    one, other = differ(a, b), differ(b, a)
    assert (one.difference.mean, one.difference.low, one.difference.high) == pytest.approx(
        (-other.difference.mean, -other.difference.high, -other.difference.low), abs=1e-9
    )
    assert one.median == pytest.approx(-other.median)
    assert one.p_value == pytest.approx(other.p_value)
    turned = {"lower": "higher", "higher": "lower"}
    assert turned.get(one.verdict, one.verdict) == other.verdict


def test_pairing_takes_out_what_the_seed_does() -> None:
    rng = np.random.default_rng(1)
    traffic = rng.normal(50, 20, 10)
    fast = dict(enumerate(traffic))
    found = differ({seed: delay + 1.0 for seed, delay in fast.items()}, fast)
    assert (found.difference.low, found.difference.high) == pytest.approx((1.0, 1.0))
    assert found.median == pytest.approx(1.0)
    assert found.verdict == "higher"


def test_only_shared_seeds_are_paired() -> None:
    shared = differ({1: 5.0, 2: 7.0}, {2: 3.0, 9: 1.0})
    assert (shared.difference.mean, shared.difference.n) == (4.0, 1)
    assert compare("x", {1: 5.0}, {2: 3.0}) is None


def test_signed_ranks_are_those_of_the_tables() -> None:
    # All of six of one sign: 2 of the 64 patterns of signs are as extreme.
    assert signed_rank(np.array([1.0, 2, 3, 4, 5, 6])) == pytest.approx(2 / 64)
    # W = 3 of n = 8 (Wilcoxon 1945): 10 patterns of 256 are as extreme.
    assert signed_rank(np.array([-1.0, -2, 3, 4, 5, 6, 7, 8])) == pytest.approx(10 / 256)
    assert signed_rank(np.zeros(9)) == 1.0


def test_one_seed_far_off_makes_no_claim() -> None:
    locked = {seed: 20.0 + 0.3 * (-1) ** seed for seed in range(10)} | {3: 900.0}
    assert differ(locked, dict.fromkeys(range(10), 20.0)).verdict == "no difference"


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(300):
        estimate = bootstrap_mean(rng.normal(0.0, 1.0, 10))
        hits += estimate.low <= 0.0 <= estimate.high
    assert 0.92 <= hits / 300 <= 0.98


@pytest.mark.parametrize("name", ["normal", "gamma", "lognormal"])
def test_the_same_controller_under_two_names_is_seldom_told_apart(name: str) -> None:
    rng = np.random.default_rng(11)
    draw = {
        "normal": lambda: rng.normal(20.0, 2.0, (2, 10)),
        "gamma": lambda: rng.gamma(9.0, 2.0, (2, 10)),
        "lognormal": lambda: rng.lognormal(3.0, 1.0, (2, 10)),  # some seeds are far off
    }[name]
    told_apart = 0
    for _ in range(400):
        a, b = draw()
        found = differ(dict(enumerate(a)), dict(enumerate(b)))
        told_apart += found.verdict != "no difference"
    assert told_apart <= 0.02 * 400


def test_verdicts_follow_the_interval() -> None:
    base = {seed: 20.0 + seed % 3 for seed in range(10)}
    verdict = {
        shift: compare("base", {s: v + shift + 0.1 * (s % 2) for s, v in base.items()}, base)
        for shift in (-1.0, -0.05, 1.0)
    }
    assert [c.verdict for c in verdict.values() if c] == ["lower", "no difference", "higher"]


def test_few_seeds_tell_nothing() -> None:
    found = compare("b", dict.fromkeys(range(7), 1.0), dict.fromkeys(range(7), 9.0))
    assert found is not None
    assert found.verdict == "too few seeds"
