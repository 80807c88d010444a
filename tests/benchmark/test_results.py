"""What the stored results of the RESCO maps allow to say, and what they don't."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import yaml

from signalrl.benchmark.controllers import BOUNDS
from signalrl.benchmark.statistics import compare
from signalrl.benchmark.suite import load_suite
from signalrl.benchmark.summary import ESTIMATED

ROOT = Path(__file__).parents[2]
STORED = ROOT / "benchmarks" / "results" / "suites" / "resco"
MAPS = [case.env for case in load_suite("resco").environments]
Delays = dict[str, dict[str, dict[int, float]]]


@pytest.fixture(scope="module")
def delays() -> Delays:
    """Mean delay by map, controller and seed."""
    found: Delays = defaultdict(lambda: defaultdict(dict))
    with (STORED / "episodes.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            assert set(ESTIMATED) <= set(row)
            found[row["env"]][row["controller"]][int(row["seed"])] = float(row["mean_delay_s"])
    return found


def test_every_controller_met_every_map_on_the_same_ten_seeds(delays: Delays) -> None:
    controllers = set(load_suite("resco").controllers)
    for name in MAPS:
        assert set(delays[name]) == controllers
        assert all(sorted(values) == list(range(101, 111)) for values in delays[name].values())


def test_one_controller_under_two_names_is_not_told_apart(delays: Delays) -> None:
    rng = np.random.default_rng(5)
    told_apart = 0
    for shuffle in range(100):
        values = np.array(list(delays[MAPS[shuffle % len(MAPS)]]["greedy"].values()))
        a, b = (dict(enumerate(rng.permutation(values))) for _ in range(2))
        found = compare("greedy again", a, b)
        told_apart += found is not None and found.verdict != "no difference"
    assert told_apart <= 5


def test_fixed_and_greedy_are_told_apart_wherever_they_differ(delays: Delays) -> None:
    differ = []
    for name in MAPS:
        fixed, greedy = delays[name]["fixed"], delays[name]["greedy"]
        if all(fixed[seed] > greedy[seed] for seed in fixed):
            differ.append(name)
            found = compare("greedy", fixed, greedy)
            assert found is not None
            assert found.verdict == "higher", name
    assert len(differ) >= 6


def test_our_best_classical_controller_keeps_up_with_the_published_ones(delays: Delays) -> None:
    text = (ROOT / "benchmarks" / "suites" / "resco.yaml").read_text(encoding="utf-8")
    (theirs,) = yaml.safe_load(text)["published"]
    kept_up = 0
    for name in MAPS:
        means = {
            controller: sum(values.values()) / len(values)
            for controller, values in delays[name].items()
            if controller not in BOUNDS
        }
        figures = theirs["mean_delay_s"][name]
        bar = min(figures[c] for c in ("FIXED", "MaxWave", "MaxPressure") if c in figures)
        kept_up += min(means.values()) <= bar
    assert kept_up >= 6
