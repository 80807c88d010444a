from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.benchmark.statistics import (
    Estimate,
    bootstrap_mean,
    compare,
    expanded_tail,
    paired_difference,
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


@given(samples)
def test_a_difference_turns_with_its_sides(x: np.ndarray) -> None:
    a = dict(enumerate(x.tolist()))
    b = dict.fromkeys(a, 0.0)
    one, other = paired_difference(a, b), paired_difference(b, a)
    assert one is not None
    assert other is not None
    assert (one.mean, one.low, one.high) == pytest.approx(
        (-other.mean, -other.high, -other.low), abs=1e-9
    )


def test_pairing_takes_out_what_the_seed_does() -> None:
    rng = np.random.default_rng(1)
    traffic = rng.normal(50, 20, 10)
    fast = dict(enumerate(traffic))
    slow = {seed: delay + 1.0 for seed, delay in fast.items()}
    difference = paired_difference(slow, fast)
    assert difference is not None
    assert difference.low == pytest.approx(1.0)
    assert difference.high == pytest.approx(1.0)


def test_only_shared_seeds_are_paired() -> None:
    shared = paired_difference({1: 5.0, 2: 7.0}, {2: 3.0, 9: 1.0})
    assert shared is not None
    assert (shared.mean, shared.n) == (4.0, 1)
    assert paired_difference({1: 5.0}, {2: 3.0}) is None


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(300):
        estimate = bootstrap_mean(rng.normal(0.0, 1.0, 10))
        hits += estimate.low <= 0.0 <= estimate.high
    assert 0.92 <= hits / 300 <= 0.98


def test_the_same_controller_under_two_names_is_told_apart_in_one_of_twenty() -> None:
    rng = np.random.default_rng(11)
    told_apart = 0
    for _ in range(400):
        a, b = rng.gamma(9.0, 2.0, (2, 10))
        found = compare("b", dict(enumerate(a)), dict(enumerate(b)))
        told_apart += found is not None and found.verdict != "no difference"
    assert told_apart <= 0.075 * 400  # 5 % and twice its standard error


def test_verdicts_follow_the_interval() -> None:
    base = {seed: 20.0 + seed % 3 for seed in range(10)}
    verdict = {
        shift: compare("base", {s: v + shift + 0.1 * (s % 2) for s, v in base.items()}, base)
        for shift in (-1.0, -0.05, 1.0)
    }
    assert [c.verdict for c in verdict.values() if c] == ["lower", "no difference", "higher"]


def test_few_seeds_tell_nothing() -> None:
    found = compare("b", dict.fromkeys(range(5), 1.0), dict.fromkeys(range(5), 9.0))
    assert found is not None
    assert found.verdict == "too few seeds"
