"""What is compared: how each side trains for a time, and drives an episode that we measure.

A training leaves for each checkpoint ``NN.json``, its second and its rows, beside the policy.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from signalrl.benchmark.episode import EpisodeSpec
from signalrl.cli_train import find_config
from signalrl.learning.checkpoint import checkpoints, read_progress
from signalrl.learning.config import load_config
from signalrl.learning.export import checkpoint_to_onnx
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.demand import draw_episode
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import Outputs, scenario_network
from signalrl.sumo.outputs import read_metrics
from signalrl.sumo.process import die_with_parent

HERE = Path(__file__).resolve().parent
SIGNALRL = [sys.executable, "-c", "import sys; from signalrl.cli import main; sys.exit(main())"]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""The networks are small: more threads wait for each other, and do so badly on a busy machine."""
POLL_S = 0.2
ROUNDS = 2
"""Rounds of episodes that the rate is measured over; the first, which starts SUMO, is left out."""


class Side(Protocol):
    """Somebody that drives, with checkpoints if it learns."""

    @property
    def label(self) -> str:
        """What it is called."""

    @property
    def modes(self) -> tuple[str, ...]:
        """How its actions can be chosen: ``greedy`` (the likeliest), ``sampled``."""

    def train(self, scenario: Scenario, folder: Path, marks_s: Sequence[float]) -> None:
        """Train, and leave a checkpoint for each mark."""

    def drive(self, scenario: Scenario, folder: Path, number: int, mode: str, seed: int) -> Any:
        """Drive an episode with a checkpoint in a process of its own; return its metrics."""


@dataclass(frozen=True, slots=True)
class Ours:
    """``signalrl train`` with the shipped configuration, for as many rows as fit the time."""

    label: str = "signalrl PPO"
    modes: tuple[str, ...] = ("greedy",)

    def train(self, scenario: Scenario, folder: Path, marks_s: Sequence[float]) -> None:
        """Measure the rate on two rounds of episodes, then train for the rows of that time."""
        config = load_config(find_config(scenario.name))
        network = scenario_network(scenario)
        decisions = round(scenario.horizon_s / scenario.decision_interval_s)
        rows = decisions * len(network.signals) * config.workers
        words = [*SIGNALRL, "train", scenario.name, "--timesteps"]
        rate = folder / "rate"
        run_logged([*words, str(ROUNDS * rows), "--out", str(rate)], folder / "rate.log")
        ends_s = [
            float(line.split(",")[3]) for line in (rate / "curve.csv").open() if line[0] != "e"
        ]
        round_s = (max(ends_s) - ends_s[config.workers - 1]) / (ROUNDS - 1)
        rounds = max(1, round(marks_s[-1] / round_s))
        run, left_s = folder / "run", list(marks_s)
        with start([*words, str(rounds * rows), "--out", str(run)], folder / "run.log") as process:
            running = True
            while running and left_s:
                running = process.poll() is None
                keep_newest(run, folder, left_s, last=not running)
                time.sleep(POLL_S)
            if running:  # it takes longer than it should
                process.terminate()
        copies = sorted(path for path in folder.glob("[0-9][0-9]") if path.is_dir())
        if not copies or (process.returncode and not running):
            raise SystemExit(f"the training failed, see {folder / 'run.log'}")
        for copy in copies:
            checkpoint_to_onnx(copy, copy.with_suffix(".onnx"))

    def drive(self, scenario: Scenario, folder: Path, number: int, mode: str, seed: int) -> Any:
        """Drive an episode as ``signalrl benchmark`` does."""
        return drive_ours(scenario, "policy", seed, folder / f"{number:02d}.onnx")


@dataclass(frozen=True, slots=True)
class Peer:
    """An example of sumo-rl, in its own virtual environment."""

    algorithm: str
    python: Path
    label: str
    modes: tuple[str, ...]

    def train(self, scenario: Scenario, folder: Path, marks_s: Sequence[float]) -> None:
        """Train as the example does, until the last mark."""
        words = ["--map", str(self._about(scenario, folder)), "--algorithm", self.algorithm]
        words += ["--out", str(folder), "--marks-s", *map(str, marks_s)]
        run_logged([str(self.python), str(HERE / "sumo_rl_train.py"), *words], folder / "run.log")

    def drive(self, scenario: Scenario, folder: Path, number: int, mode: str, seed: int) -> Any:
        """Let its script drive, and measure what SUMO wrote."""
        with tempfile.TemporaryDirectory(prefix="peers-") as out:
            demand = draw_episode(scenario, seed, Path(out))
            words = ["--map", str(self._about(scenario, folder)), "--policy", self.algorithm]
            words += ["--checkpoint", str(folder / f"{number:02d}.zip"), "--out", out]
            words += ["--sumo-seed", str(demand.sumo_seed)]
            words += ["--sampled"] if mode == "sampled" else []
            call([str(self.python), str(HERE / "sumo_rl_drive.py"), *words])
            return asdict(read_metrics(Outputs(Path(out))))

    @staticmethod
    def _about(scenario: Scenario, folder: Path) -> Path:
        """Write what its scripts have to know about the map."""
        sumo, path = scenario.sumo, folder / "map.json"
        if not path.is_file():
            about = {
                "network": str(scenario.network_file),
                "routes": [str(file) for file in scenario.route_files],
                "begin_s": int(scenario.begin_s),
                "end_s": int(scenario.end_s),
                "yellow_s": int(float(scenario.timing.yellow_s)),
                "options": f"--ignore-junction-blocker {sumo.ignore_junction_blocker_s} "
                "--no-step-log --duration-log.disable",
            }
            path.write_text(json.dumps(about, indent=2) + "\n")
        return path


@dataclass(frozen=True, slots=True)
class Classical:
    """A controller that does not learn, for scale."""

    label: str
    modes: tuple[str, ...] = ("greedy",)

    def train(self, scenario: Scenario, folder: Path, marks_s: Sequence[float]) -> None:
        """Note that there is one thing to measure, from the beginning."""
        (folder / "00.json").write_text(json.dumps({"wall_s": 0.0, "rows": 0}) + "\n")

    def drive(self, scenario: Scenario, folder: Path, number: int, mode: str, seed: int) -> Any:
        """Drive an episode as ``signalrl benchmark`` does."""
        return drive_ours(scenario, self.label, seed)


def keep_newest(run: Path, folder: Path, left_s: list[float], last: bool) -> None:
    """Copy the newest checkpoint of a run as a run where a mark is passed, and the last anyway."""
    newest = checkpoints(run / "checkpoints")[-1:]
    if not newest:
        return
    progress = read_progress(newest[0])
    kept = [json.loads(path.read_text())["rows"] for path in sorted(folder.glob("[0-9]*.json"))]
    if progress.timesteps in kept or (progress.wall_s < left_s[0] and not last):
        return
    copy = folder / f"{len(kept):02d}"
    shutil.copytree(newest[0], copy / "checkpoints" / newest[0].name)
    shutil.copy(run / "config.yaml", copy)
    about = {"wall_s": round(progress.wall_s, 2), "rows": progress.timesteps}
    copy.with_suffix(".json").write_text(json.dumps(about) + "\n")
    left_s[:] = [mark for mark in left_s if mark > progress.wall_s]


def drive_ours(scenario: Scenario, controller: str, seed: int, policy: Path | None = None) -> Any:
    """Run an episode of our benchmark; return its metrics."""
    with tempfile.TemporaryDirectory(prefix="peers-") as out:
        result = Path(out, "result.json")
        spec = EpisodeSpec(
            scenario=scenario.name,
            controller=controller,
            seed=seed,
            result=str(result),
            policy=None if policy is None else str(policy),
        )
        call([sys.executable, "-m", "signalrl.benchmark.episode"], json.dumps(asdict(spec)))
        return json.loads(result.read_text())["metrics"]


def call(words: Sequence[str], text: str = "") -> None:
    """Run a command; raise RuntimeError with what it said where it fails."""
    done = subprocess.run(
        words, input=text, capture_output=True, text=True, env={**os.environ, **ONE_THREAD}
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")


def start(words: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command that ends with this process, and that writes to a file."""
    with log.open("w") as file:
        return subprocess.Popen(
            words,
            stdout=file,
            stderr=file,
            env={**os.environ, **ONE_THREAD},
            preexec_fn=die_with_parent,
        )


def run_logged(words: Sequence[str], log: Path) -> None:
    """Run a command to its end; leave what it said in a file."""
    with start(words, log) as process:
        status = process.wait()
    if status:
        raise SystemExit(f"{' '.join(words)} failed, see {log}")


def load(name: str) -> Scenario:
    """Return a map on which both can be compared: fixed routes, no drawn demand."""
    scenario = load_scenario(name)
    if scenario.demand is not None or scenario.scale_range is not None:
        raise SystemExit(f"{name}: expected traffic from fixed route files alone")
    return scenario
