from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.benchmark.seeds import parse_seeds
from signalrl.env.pool import FIRST_TRAINING_SEED
from signalrl.errors import ConfigError


def test_ranges_are_half_open_as_in_python() -> None:
    assert parse_seeds("101:111") == tuple(range(101, 111))


def test_lists_and_ranges_mix() -> None:
    assert parse_seeds("1, 2,10:13") == (1, 2, 10, 11, 12)


@given(st.lists(st.integers(0, 10_000), min_size=1, unique=True))
def test_a_list_reads_as_it_is_written(seeds: list[int]) -> None:
    assert parse_seeds("".join(f"{seed}," for seed in seeds)) == tuple(seeds)


def test_a_number_alone_says_how_many() -> None:
    assert parse_seeds("10") == tuple(range(101, 111))
    assert parse_seeds("7,") == (7,)


def test_no_seed_of_a_training_is_reported() -> None:
    assert parse_seeds(f"{FIRST_TRAINING_SEED - 1},") == (FIRST_TRAINING_SEED - 1,)
    with pytest.raises(ConfigError, match="trainings draw theirs"):
        parse_seeds(f"{FIRST_TRAINING_SEED},")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "such as 10 "),
        ("a", "such as 10 "),
        ("1:2:3", "such as 10 "),
        ("-1", "such as 10 "),
        ("1:", "such as 10 "),
        ("5:5", "ends above its start"),
        ("9:3", "ends above its start"),
        ("1,1", "got 1 twice"),
        ("1:4,3", "got 3 twice"),
        ("0", "at least one seed"),
        ("20000", "at most 10000"),
        ("3000000000,", "below 1000000"),
    ],
)
def test_what_is_no_seed_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_seeds(text)
