"""Trains a policy with PPO: configuration in, run folder out."""

from __future__ import annotations

import csv
import importlib.metadata
import json
import math
import platform
import sys
import time
from pathlib import Path

import numpy as np
import torch
import yaml
from rich.console import Console
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure

from signalrl.control.observation import feature_names
from signalrl.env.pool import EpisodeEnd, WorkerPool
from signalrl.errors import ConfigError
from signalrl.learning.checkpoint import (
    Progress,
    checkpoints,
    latest_checkpoint,
    load_policy,
    read_progress,
    restore_random_state,
    save_checkpoint,
    sound,
)
from signalrl.learning.config import TrainConfig, load_config
from signalrl.learning.policy import STRUCTURE, PhaseScoringPolicy
from signalrl.learning.progress import TrainingProgress
from signalrl.learning.vec_env import SignalVecEnv
from signalrl.scenario.catalog import scenario_names
from signalrl.scenario.schema import Scenario

CURVE = ("episode", "worker", "timesteps", "wall_s", "mean_delay_s", "vetoes", "dropped")


def train(
    config: TrainConfig, out: Path, resume: bool = False, console: Console | None = None
) -> Path:
    """Train a policy and leave its run in ``out``.

    The folder holds ``config.yaml``, ``versions.json``, ``curve.csv`` (one row per episode), the
    checkpoints and the log for TensorBoard. Checkpoints are taken where all workers begin a new
    episode, so that a resumed run goes on exactly as the interrupted one would have.

    Args:
        config: What to train.
        out: The run folder; must be new unless ``resume``.
        resume: Go on from the last checkpoint in ``out``.
        console: Where progress is shown.

    Returns:
        The run folder.

    Raises:
        ConfigError: The folder already holds a run, or the configuration is not its; or the run to
            start from has another kind of network; or episodes are too short.
        TrainingError: There is nothing to resume, or to start from.
    """
    scenario = config.load_scenario()
    if scenario.name not in scenario_names():  # found again from another folder
        config = config.model_copy(update={"scenario": str(scenario.folder)})
    if _decisions(scenario) < 2:
        raise ConfigError(
            f"{scenario.name}: expected episodes of two decisions or more to learn from, got one "
            f"of {scenario.decision_interval_s:g} s; let them end later (end_s)"
        )
    begun = resume and checkpoints(out / "checkpoints")
    earlier = None if begun else _policy_to_start_from(config, scenario)
    started = _open_run(config, out, resume)
    torch.set_num_threads(1)
    pool = WorkerPool(scenario, config.workers, config.seed)
    env = SignalVecEnv(pool, config.reward_scale, config.neighbours, config.policy.central)
    try:
        steps = _steps_per_update(config, scenario, pool.rows)
        progress = Progress(0, [0] * config.workers, 0, 0, 0.0)
        if started is None:
            model = _new_model(config, env, steps)
            if earlier is not None:
                assert isinstance(model.policy, PhaseScoringPolicy)
                model.policy.begin_as(earlier)
        else:
            with sound(started):
                progress = read_progress(started)
                model = PPO.load(started / "model.zip", env=env, device="cpu")
                restore_random_state(started)
            pool.episodes, pool.dropped = list(progress.episodes), progress.dropped
        model.set_logger(configure(str(out / "tensorboard"), ["tensorboard"]))
        left = config.timesteps - progress.timesteps
        if left > 0:
            with TrainingProgress(config.timesteps, console or Console(stderr=True)) as shown:
                keeper = _Keeper(config, out, progress, shown, _episode_rows(scenario, pool.rows))
                model.learn(left, callback=keeper, reset_num_timesteps=False)
                keeper.save()
    finally:
        env.close()
    return out


def _policy_to_start_from(config: TrainConfig, scenario: Scenario) -> PhaseScoringPolicy | None:
    if config.start_from is None:
        return None
    _, _, policy = load_policy(Path(config.start_from))
    sees = len(feature_names(scenario.forecast.inflow))
    wanted = {**{key: getattr(config.policy, key) for key in STRUCTURE}, "features": sees}
    got = {**policy.structure, "features": policy.scorer.features}
    if wanted != got:
        raise ConfigError(
            f"start_from: expected a run whose network has {_listed(wanted)}, got one with "
            f"{_listed(got)} in {config.start_from}; make `policy` and the scenario's `forecast` "
            "like those of that run"
        )
    return policy


def _listed(values: dict[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _open_run(config: TrainConfig, out: Path, resume: bool) -> Path | None:
    """Make or check the run folder; return the checkpoint to go on from, if any."""
    stored = out / "config.yaml"
    if resume:
        if not stored.is_file():
            raise ConfigError(f"expected a run to resume in {out}, got no config.yaml there")
        before = load_config(stored)
        wanted = config.model_dump()
        if changed := [
            f"{key} ({value!r}, now {wanted[key]!r})"
            for key, value in before.model_dump().items()
            if key != "timesteps" and value != wanted[key]
        ]:
            raise ConfigError(
                f"{out}: expected the configuration that the run began with (config.yaml there), "
                f"got another {', '.join(changed)}; only timesteps may change; train to a new "
                "folder instead"
            )
        return latest_checkpoint(out) if checkpoints(out / "checkpoints") else None
    if stored.exists():
        raise ConfigError(
            f"expected a new folder, got {out}, which holds a run; "
            "add --resume to go on with it or choose another --out"
        )
    out.mkdir(parents=True, exist_ok=True)
    stored.write_text(yaml.safe_dump(config.model_dump(), sort_keys=False))
    (out / "versions.json").write_text(json.dumps(_versions(), indent=2) + "\n")
    return None


def _versions() -> dict[str, str]:
    names = ("signalrl", "eclipse-sumo", "libsumo", "gymnasium", "stable-baselines3", "torch")
    found = {name: importlib.metadata.version(name) for name in (*names, "numpy")}
    return {"python": sys.version.split()[0], "platform": platform.platform(), **found}


def _steps_per_update(config: TrainConfig, scenario: Scenario, rows: int) -> int:
    """Return decisions per update: the divisor of an episode that fits best."""
    return _divisor(_decisions(scenario), config.ppo.rows_per_update / rows)


def _divisor(number: int, wanted: float) -> int:
    """Return the divisor of a number, 2 or more, that is closest to what is wanted."""
    divisors = [n for n in range(2, number + 1) if number % n == 0]
    return min(divisors, key=lambda n: abs(np.log(n / wanted)))


def _episode_rows(scenario: Scenario, rows: int) -> int:
    return _decisions(scenario) * rows


def _decisions(scenario: Scenario) -> int:
    return round(scenario.horizon_s / scenario.decision_interval_s)


def _new_model(config: TrainConfig, env: SignalVecEnv, steps: int) -> PPO:
    ppo = config.ppo
    first, last = ppo.learning_rate, ppo.final_learning_rate
    return PPO(
        PhaseScoringPolicy,  # type: ignore[arg-type]  # PPO needs what it calls, not the base class
        env,
        learning_rate=lambda left: last + (first - last) * left,
        n_steps=steps,
        batch_size=_divisor(steps * env.num_envs, ppo.batch_size),
        n_epochs=ppo.n_epochs,
        gamma=ppo.gamma,
        gae_lambda=ppo.gae_lambda,
        clip_range=ppo.clip_range,
        ent_coef=ppo.ent_coef,
        vf_coef=ppo.vf_coef,
        max_grad_norm=ppo.max_grad_norm,
        policy_kwargs=config.policy.model_dump(),
        seed=config.seed,
        device="cpu",
    )


class _Keeper(BaseCallback):
    """Keeps the learning curve and the checkpoints, and shows progress."""

    def __init__(
        self,
        config: TrainConfig,
        out: Path,
        progress: Progress,
        shown: TrainingProgress,
        episode_rows: int,
    ) -> None:
        super().__init__()
        self._out, self._shown = out, shown
        self._every = episode_rows * config.checkpoint_every
        self._before_s, self._began = progress.wall_s, time.monotonic()
        self._first = self._saved = progress.timesteps  # where all workers began an episode
        self._rows = _CurveFile(out / "curve.csv", progress.curve_rows)
        shown.advance(progress.timesteps)

    def _on_training_start(self) -> None:
        self._env: SignalVecEnv = self.training_env  # type: ignore[assignment]  # made by train()
        self._env.on_episode = self._on_episode

    def _on_rollout_start(self) -> None:
        since = self.num_timesteps - self._first
        if self.num_timesteps > self._saved and since % self._every == 0:
            self.save()

    def _on_step(self) -> bool:
        self._shown.advance(self.num_timesteps)
        return True

    def save(self) -> None:
        """Write a checkpoint of now."""
        pool = self._env.pool
        begun = [n - 1 for n in pool.episodes]
        progress = Progress(
            self.num_timesteps, begun, self._rows.count, pool.dropped, self._wall_s()
        )
        save_checkpoint(self._out / "checkpoints", self.model, progress)  # type: ignore[arg-type]
        self._saved = self.num_timesteps

    def _on_episode(self, end: EpisodeEnd) -> None:
        tells = not end.dropped and math.isfinite(end.mean_delay_s)
        delay = f"{end.mean_delay_s:.3f}" if tells else ""
        timesteps = self.num_timesteps + self._env.num_envs
        self._rows.append(
            end.worker, timesteps, f"{self._wall_s():.1f}", delay, end.vetoes, int(end.dropped)
        )
        if tells:
            self._shown.episode(end.mean_delay_s)
            self.logger.record("rollout/mean_delay_s", end.mean_delay_s)

    def _wall_s(self) -> float:
        return self._before_s + time.monotonic() - self._began


class _CurveFile:
    """The learning curve on disk; a resumed run drops what came after its checkpoint."""

    def __init__(self, path: Path, keep: int) -> None:
        self._path, self.count = path, keep
        kept: list[list[str]] = []
        if keep and path.is_file():
            with path.open(newline="") as file:
                kept = list(csv.reader(file))[1 : keep + 1]
        with path.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([CURVE, *kept])

    def append(self, *values: object) -> None:
        with self._path.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow((self.count, *values))
        self.count += 1
