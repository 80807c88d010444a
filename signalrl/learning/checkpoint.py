"""Checkpoints: everything that a training needs to go on as if it had never stopped."""

from __future__ import annotations

import contextlib
import json
import pickle
import random
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from stable_baselines3 import PPO

from signalrl.errors import ConfigError, TrainingError
from signalrl.learning.config import TrainConfig, load_config
from signalrl.learning.policy import PhaseScoringPolicy

KEEP = 2


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training was.

    Attributes:
        timesteps: Rows learned from.
        episodes: Episodes begun, per worker.
        curve_rows: Rows of the learning curve.
        dropped: Episodes lost with their worker.
        wall_s: Time spent.
    """

    timesteps: int
    episodes: list[int]
    curve_rows: int
    dropped: int
    wall_s: float


def save_checkpoint(folder: Path, model: PPO, progress: Progress) -> Path:
    """Write a checkpoint under ``folder`` and drop the oldest; a kill leaves a whole one."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{progress.timesteps:012d}"
    draft = folder / f".{target.name}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    model.save(draft / "model.zip")
    state = {
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state(),  # noqa: NPY002  (what stable-baselines3 draws from)
        "python": random.getstate(),
    }
    torch.save(state, draft / "random.pt")
    (draft / "progress.json").write_text(json.dumps(asdict(progress)))
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    for old in checkpoints(folder)[:-KEEP]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def checkpoints(folder: Path) -> list[Path]:
    """Return the whole checkpoints in a folder, oldest first."""
    return sorted(p.parent for p in folder.glob("[0-9]*/progress.json"))


def latest_checkpoint(run: Path) -> Path:
    """Return the last checkpoint of a run.

    Raises:
        TrainingError: There is none.
    """
    found = checkpoints(run / "checkpoints")
    if not found:
        raise TrainingError(
            f"expected a run folder with checkpoints/, got none in {run}; "
            "train first: signalrl train CONFIG --out RUN"
        )
    return found[-1]


def load_policy(run: Path) -> tuple[TrainConfig, Path, PhaseScoringPolicy]:
    """Return the configuration of a run, its last checkpoint, and the policy in it.

    Raises:
        ConfigError: The folder is no run.
        TrainingError: It holds no checkpoint, or a damaged one.
    """
    stored = run / "config.yaml"
    if not stored.is_file():
        raise ConfigError(f"expected a run folder of signalrl train, got no config.yaml in {run}")
    config, checkpoint = load_config(stored), latest_checkpoint(run)
    with sound(checkpoint):
        policy = PPO.load(checkpoint / "model.zip", device="cpu").policy
    assert isinstance(policy, PhaseScoringPolicy)
    return config, checkpoint, policy


@contextlib.contextmanager
def sound(checkpoint: Path) -> Iterator[None]:
    """Say which checkpoint it is that can't be read.

    Raises:
        TrainingError: What is done inside failed.
    """
    try:
        yield
    except (
        ArithmeticError,
        LookupError,
        OSError,
        EOFError,
        RuntimeError,
        TypeError,
        ValueError,
        AttributeError,
        ImportError,
        zipfile.BadZipFile,
        pickle.UnpicklingError,
    ) as error:
        raise TrainingError(
            f"expected a whole checkpoint in {checkpoint}, got {type(error).__name__}: {error}; "
            "remove that folder to go on from the one before"
        ) from error


def read_progress(checkpoint: Path) -> Progress:
    """Return where a checkpoint's training was."""
    return Progress(**json.loads((checkpoint / "progress.json").read_text()))


def restore_random_state(checkpoint: Path) -> None:
    """Set every generator to where it was at the checkpoint."""
    state = torch.load(checkpoint / "random.pt", weights_only=False)
    torch.set_rng_state(state["torch"])
    np.random.set_state(state["numpy"])  # noqa: NPY002  (what stable-baselines3 draws from)
    random.setstate(state["python"])
