"""A training run: what it leaves, that it goes on after a kill, and that it learns."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from stable_baselines3 import PPO

from signalrl.errors import ConfigError, TrainingError, WorkerError
from signalrl.learning.checkpoint import (
    checkpoints,
    latest_checkpoint,
    load_policy,
    read_progress,
)
from signalrl.learning.config import TrainConfig, load_config
from signalrl.learning.train import train
from tests.scenarios import short_folder

ROOT = Path(__file__).parents[2]
ROWS = 2 * 60  # two workers, five minutes, one signal


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return TrainConfig.model_validate(
        {
            "scenario": str(short_folder(tmp_path_factory.mktemp("scenario") / "short")),
            "timesteps": 4 * ROWS,
            "workers": 2,
            "policy": {"averaging": 0.9},
            "ppo": {"rows_per_update": 60, "batch_size": 30},
        }
    )


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    """A run that nobody changes."""
    return train(config, tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(scope="module")
def _brief(config, tmp_path_factory):
    once = config.model_copy(update={"timesteps": ROWS})
    return train(once, tmp_path_factory.mktemp("brief") / "run")


@pytest.fixture
def brief(_brief, tmp_path):
    """A run of one episode for each worker, to do with as one likes."""
    return shutil.copytree(_brief, tmp_path / "brief")


def curve(run):
    with (run / "curve.csv").open(newline="") as file:
        return [(r["worker"], r["timesteps"], r["mean_delay_s"]) for r in csv.DictReader(file)]


def weights(run):
    policy = PPO.load(latest_checkpoint(run) / "model.zip", device="cpu").policy
    return torch.cat([p.detach().flatten() for p in policy.parameters()])


def test_a_run_leaves_all_that_it_was_made_of(config, whole):
    assert TrainConfig.model_validate(yaml.safe_load((whole / "config.yaml").read_text())) == config
    assert "torch" in (whole / "versions.json").read_text()
    assert len(curve(whole)) == 8
    assert read_progress(latest_checkpoint(whole)).timesteps == 4 * ROWS
    assert list((whole / "tensorboard").glob("events*"))


def test_a_resumed_run_goes_on_as_if_it_had_never_stopped(config, whole, tmp_path):
    script = (
        "import sys, yaml\nfrom pathlib import Path\n"
        "from signalrl.learning.config import TrainConfig\n"
        "from signalrl.learning.train import train\n"
        "config = TrainConfig.model_validate(yaml.safe_load(sys.stdin))\n"
        "train(config, Path(sys.argv[1]))\n"
    )
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(killed)],
        stdin=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    process.stdin.write(yaml.safe_dump(config.model_dump()))
    process.stdin.close()
    deadline = time.monotonic() + 120
    while not checkpoints(killed / "checkpoints") and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert read_progress(latest_checkpoint(killed)).timesteps < config.timesteps

    train(config, killed, resume=True)
    assert curve(killed) == curve(whole)
    assert torch.equal(weights(killed), weights(whole))
    train(config, killed, resume=True)  # nothing is left to do
    assert curve(killed) == curve(whole)


def test_a_training_starts_from_what_another_one_has_learned(config, whole, tmp_path):
    learned = load_policy(whole)[2]
    still = {"learning_rate": 1e-12, "final_learning_rate": 1e-12}
    ppo = config.ppo.model_copy(update=still)
    on = config.model_copy(update={"start_from": str(whole), "ppo": ppo, "timesteps": ROWS})
    second = load_policy(train(on, tmp_path / "second"))[2]
    for part in ("learned", "critic"):
        a, b = (getattr(policy, part).state_dict() for policy in (learned, second))
        assert all(torch.allclose(a[key], b[key], atol=1e-6) for key in a)
    fresh = config.model_copy(update={"ppo": ppo, "timesteps": ROWS})
    other = load_policy(train(fresh, tmp_path / "fresh"))[2]
    assert not torch.allclose(other.critic.value[0].weight, learned.critic.value[0].weight)


def test_a_run_that_was_killed_before_its_first_checkpoint_still_starts_from_the_other(
    config, whole, tmp_path
):
    on = config.model_copy(update={"start_from": str(whole)})
    second = train(on, tmp_path / "second")
    killed = tmp_path / "killed"
    killed.mkdir()
    (killed / "config.yaml").write_text((second / "config.yaml").read_text())
    assert torch.equal(weights(train(on, killed, resume=True)), weights(second))


def test_a_run_to_start_from_has_the_same_kind_of_network(config, brief, tmp_path):
    wide = config.policy.model_copy(update={"hidden": 32})
    on = config.model_copy(update={"start_from": str(brief), "policy": wide})
    with pytest.raises(ConfigError, match=r"network has hidden 32, .* got one with hidden 64, "):
        train(on, tmp_path / "second")
    with pytest.raises(ConfigError, match=r"expected a run folder of signalrl train"):
        train(config.model_copy(update={"start_from": "nowhere"}), tmp_path / "second")
    assert not (tmp_path / "second").exists()


def test_what_leaves_a_training_is_the_average_of_its_last_weights(config, whole, tmp_path):
    def learned(run):
        policy = PPO.load(latest_checkpoint(run) / "model.zip", device="cpu").policy
        return [
            torch.cat([p.flatten() for p in m.parameters()]).detach()
            for m in (policy.scorer, policy.learned)
        ]

    as_they_are = config.policy.model_copy(update={"averaging": 0.0})
    last, plain = learned(
        train(config.model_copy(update={"policy": as_they_are}), tmp_path / "run")
    )
    now, mean = learned(whole)
    assert torch.equal(last, plain)
    assert torch.equal(last, now), "averaging changes nothing in the training"
    assert 0 < (mean - now).norm() < now.norm()


def test_settings_take_the_place_of_the_scenario_s_own(config, tmp_path):
    scenario = config.model_copy(update={"settings": {"end_s": 25350.0}}).load_scenario()
    assert scenario.horizon_s == config.load_scenario().horizon_s / 2
    wrong = config.model_copy(update={"settings": {"ends_s": 25350.0}})
    with pytest.raises(ConfigError, match="did you mean 'end_s'"):
        train(wrong, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_one_decision_is_no_episode_to_learn_from(config, tmp_path):
    brief = config.model_copy(update={"settings": {"end_s": 25205.0}})
    with pytest.raises(ConfigError, match=r"two decisions or more .* got one of 5 s"):
        train(brief, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_is_never_overwritten_nor_resumed_with_another_configuration(config, brief, tmp_path):
    with pytest.raises(ConfigError, match="--resume"):
        train(config, brief)
    with pytest.raises(ConfigError, match=r"seed \(1, now 9\); only timesteps may change"):
        train(config.model_copy(update={"seed": 9}), brief, resume=True)
    with pytest.raises(ConfigError, match="to resume"):
        train(config, tmp_path / "nowhere", resume=True)


@pytest.mark.parametrize("name", ["model.zip", "random.pt", "progress.json"])
def test_a_damaged_checkpoint_is_named(config, brief, name):
    (latest_checkpoint(brief) / name).write_bytes(b"")
    with pytest.raises(TrainingError, match=r"whole checkpoint in .*remove that folder"):
        train(config, brief, resume=True)


def test_an_hour_in_which_nobody_drives_is_an_episode(tmp_path):
    folder = short_folder(tmp_path / "short")
    text = re.sub(r"(?m)^routes:.*\n", "", (folder / "scenario.yaml").read_text())
    surge = "from: '28198821#1', to: '28198821#1', vehicles: [1, 2], start_s: [25200, 25210]"
    demand = f"demand: {{surges: [{{{surge}, probability: 0}}]}}\n"
    (folder / "scenario.yaml").write_text(text + demand)
    config = TrainConfig(scenario=str(folder), timesteps=8 * ROWS, workers=2)
    rows = curve(train(config, tmp_path / "run"))
    assert len(rows) == 16  # more than may fail in a row
    assert {delay for _, _, delay in rows} == {""}


def test_a_longer_run_has_checkpoints_where_episodes_begin(config, tmp_path):
    uneven = config.model_copy(update={"timesteps": ROWS + ROWS // 2})
    run = train(uneven, tmp_path / "run")
    saved = read_progress(latest_checkpoint(run)).timesteps
    more = config.model_copy(update={"timesteps": saved + 2 * ROWS + ROWS // 2})
    train(more, run, resume=True)
    first, last = (read_progress(path).timesteps for path in checkpoints(run / "checkpoints"))
    assert (first - saved) % ROWS == 0
    assert last >= more.timesteps


def test_a_training_whose_every_episode_fails_ends_with_the_reason(tmp_path):
    folder = short_folder(tmp_path / "short")
    text = (folder / "scenario.yaml").read_text()
    demand = "demand: {flows: [{from: nowhere, to: '28198821#1', veh_h: 100}]}\n"
    (folder / "scenario.yaml").write_text(text + demand)
    config = TrainConfig(scenario=str(folder), timesteps=100 * ROWS, workers=2)
    with pytest.raises(WorkerError, match=r"failed 6 times in a row.*nowhere"):
        train(config, tmp_path / "run")


def test_a_broken_checkpoint_of_a_killed_save_is_passed_over(brief):
    (brief / "checkpoints" / "999999999999").mkdir()
    assert read_progress(latest_checkpoint(brief)).timesteps == ROWS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scenario: single\ntimestep: 5\n", "did you mean 'timesteps'"),
        ("scenario: single\ntimesteps: 5\nppo: {gama: 0.9}\n", "did you mean 'gamma'"),
        ("scenario: single\ntimesteps: many\n", 'timesteps: .*got "many"'),
        ("scenario: single\ntimesteps: 5\nppo: {gamma: 1.5}\n", "ppo.gamma"),
        ("- a\n- b\n", "expected lines such as"),
        ("{", "expected YAML"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path, text, message):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_numbers_may_be_written_as_the_documentation_prints_them(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("scenario: single\ntimesteps: 5\nppo: {final_learning_rate: 5e-05}\n")
    assert load_config(path).ppo.final_learning_rate == 5e-05


def test_overrides_replace_what_is_given_and_keep_the_rest(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("scenario: single\ntimesteps: 5\n")
    config = load_config(path, timesteps=7, seed=None)
    assert (config.timesteps, config.seed) == (7, 1)
    with pytest.raises(ConfigError, match="look at the path"):
        load_config(tmp_path / "nothing.yaml")
    with pytest.raises(ConfigError, match="timesteps"):
        load_config(path, timesteps=0)


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_configuration_loads(path):
    assert load_config(path).scenario == path.stem


def test_training_from_chance_learns_to_serve_the_queue(tmp_path):
    """Without the greedy prior, PPO has to find out by itself that queues want green."""
    config = TrainConfig.model_validate(
        {
            "scenario": str(short_folder(tmp_path / "short", minutes=15)),
            "timesteps": 12 * 2 * 180,
            "workers": 2,
            "policy": {"prior": 0.0},
            "ppo": {"rows_per_update": 180, "batch_size": 60},
        }
    )
    delays = np.array([float(delay) for *_, delay in curve(train(config, tmp_path / "run"))])
    assert delays[-6:].mean() < 0.8 * delays[:4].mean()
