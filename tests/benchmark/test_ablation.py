"""The script of the ablation: what is compared, and with which intervals."""

from __future__ import annotations

import csv
import json
import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from signalrl.learning.config import TrainConfig
from signalrl.scenario.catalog import load_scenario

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "benchmarks" / "ablation.py"))


def keys_of(
    script: dict[str, Any],
    training_seeds: Sequence[int] = (1, 2, 3),
    seeds: Sequence[int] = (101, 102),
) -> list[Any]:
    return [
        script["Key"](driven, case, training_seed, seed)
        for driven in script["DRIVEN"]
        for case in script["CASES"]
        for training_seed in training_seeds
        for seed in seeds
    ]


def test_differences_are_paired_by_training_and_by_evening(script: Any, tmp_path: Path) -> None:
    """Evenings differ by 50 s, trainings by 1 s, and the wrong forecast costs 7 s."""
    delays = {}
    for key in keys_of(script):
        delays[key] = 100.0 + 50.0 * (key.seed - 101) + key.training_seed
        delays[key] += 7.0 * (key.driven == "wrong")
        delays[key] -= 2.0 * (key.driven == "with") * (key.training_seed == 1)
    found = script["summarize"](delays)
    wrong = found["differences_s"]["wrong - without"]["all"]
    assert (wrong["mean"], wrong["low"], wrong["high"]) == (7.0, 7.0, 7.0)
    right = found["differences_s"]["with - without"]["l-egress"]
    assert right["by_training_seed"] == {"1": -2.0, "2": 0.0, "3": 0.0}
    assert right["mean"] == pytest.approx(-2 / 3, abs=1e-3)
    assert right["low"] < right["mean"] < right["high"]
    assert right["over_evenings"] == pytest.approx((right["mean"], right["mean"]), abs=2e-3)
    delay = found["mean_delay_s"]["without"]["m-ingress"]
    assert delay["mean"] == 127.0
    low, high = delay["over_evenings"]
    assert high - low > 100.0
    assert "over trainings [+7.0, +7.0], over evenings [+7.0, +7.0]" in "\n".join(
        script["tell"](found)
    )
    script["draw"](found, tmp_path / "ablation.svg")
    assert "<svg" in (tmp_path / "ablation.svg").read_text()


def test_the_stored_figures_are_those_of_the_stored_episodes(script: Any, tmp_path: Path) -> None:
    """The episodes are read back as they were written, and give what the docs tell."""
    stored = ROOT / "benchmarks" / "results" / "ablation"
    with (stored / "episodes.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    delays = {
        script["Key"](driven, case, int(training_seed), int(seed)): float(delay_s)
        for driven, case, training_seed, seed, delay_s in rows
    }
    told = json.loads((stored / "ablation.json").read_text())
    told_keys = keys_of(script, told["training_seeds"], told["evaluation_seeds"])
    assert set(delays) == set(told_keys)
    script["write_episodes"](delays, tmp_path / "episodes.csv")
    assert (tmp_path / "episodes.csv").read_bytes() == (stored / "episodes.csv").read_bytes()
    for what, of in script["summarize"](delays).items():
        for name, by_case in of.items():
            for case, found in by_case.items():
                assert found["mean"] == pytest.approx(told[what][name][case]["mean"], abs=2e-3)
                assert (found["low"], found["high"]) == pytest.approx(
                    (told[what][name][case]["low"], told[what][name][case]["high"]), abs=5e-3
                )


def test_every_case_has_an_event_whatever_the_training_had(script: Any, tmp_path: Path) -> None:
    config = TrainConfig(
        scenario="arena", timesteps=1, settings={"events": {"probability": 0.0}, "end_s": 600}
    )
    for key in keys_of(script, [1], [101]):
        spec = script["_episode"](config, key, tmp_path)
        scenario = load_scenario(spec.scenario, settings=spec.settings)
        assert scenario.events is not None
        assert scenario.events.probability == 1.0
        assert scenario.end_s == 600
        assert scenario.forecast.inflow == (key.driven != "without")


def test_a_folder_of_another_plan_is_refused(script: Any, tmp_path: Path) -> None:
    for timesteps in (1, 1):
        script["check_plan"](TrainConfig(scenario="arena", timesteps=timesteps), tmp_path)
    with pytest.raises(SystemExit, match="expected the configuration"):
        script["check_plan"](TrainConfig(scenario="arena", timesteps=2), tmp_path)
