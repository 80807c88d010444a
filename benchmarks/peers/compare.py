"""Trains sumo-rl's examples and ours for the same time on the same maps, and measures both alike.

What is finished is not repeated: run the same command again after a stop. A training that was
interrupted begins anew.

    python benchmarks/peers/compare.py --budget-s 600
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curves import draw
from sides import HERE, Classical, Ours, Peer, Side, load

from signalrl.benchmark.provenance import commit, versions
from signalrl.benchmark.seeds import parse_seeds
from signalrl.benchmark.statistics import bootstrap_mean
from signalrl.files import replace_text
from signalrl.scenario.schema import Scenario

MAPS = ("resco-cologne8", "resco-grid4x4")
MARKS = (0.0, 0.025, 0.05, *(n / 10 for n in range(1, 11)))
"""Parts of the budget after which a checkpoint is kept."""
PEER_PACKAGES = ("sumo-rl", "stable_baselines3", "SuperSuit", "pettingzoo", "torch", "libsumo")
CLOCK = (
    "starts with the learning: imports and the start of processes do not count, SUMO's starts and "
    "saving checkpoints do; each checkpoint is the first at or after its mark"
)


@dataclass(frozen=True, slots=True)
class Task:
    """An episode to measure."""

    key: str
    number: int
    mode: str
    seed: int

    def file(self, work: Path) -> Path:
        """Return where its metrics lie."""
        return work / self.key / "episodes" / f"{self.number:02d}-{self.mode}-{self.seed}.json"


def install(work: Path) -> Path:
    """Make the peer's virtual environment where it is missing or old; return its Python."""
    wanted, folder = HERE / "sumo-rl.txt", work / "venv-sumo-rl"
    stamp, digest = folder / "installed", hashlib.sha256(wanted.read_bytes()).hexdigest()
    python = folder / "bin" / "python"
    if not stamp.is_file() or stamp.read_text() != digest:
        print(f"installing {wanted.name} in {folder}", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", wanted], check=True)
        stamp.write_text(digest)
    return python.absolute()


def train(sides: dict[str, Side], scenario: Scenario, work: Path, budget_s: float) -> None:
    """Train each side that has not finished, one after the other."""
    for key, side in sides.items():
        folder, done = work / key, work / key / "training.json"
        if done.is_file():
            continue
        print(f"{scenario.name}: {side.label} trains", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        side.train(scenario, folder, [part * budget_s for part in MARKS])
        replace_text(done, json.dumps({"commit": commit()}) + "\n")


def tasks(
    sides: dict[str, Side], work: Path, curve: Sequence[int], report: Sequence[int]
) -> Iterator[Task]:
    """Yield the episodes: each checkpoint on the curve's seeds, the last on the others too."""
    for key, side in sides.items():
        last = len(kept(work / key)) - 1
        for mode in side.modes:
            for number in range(last + 1):
                seeds = [*curve, *report] if number == last else curve
                yield from (Task(key, number, mode, seed) for seed in seeds)


def kept(folder: Path) -> list[dict[str, Any]]:
    """Return second and rows of each checkpoint."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("[0-9][0-9].json"))]


def measure(
    sides: dict[str, Side], scenario: Scenario, work: Path, todo: Sequence[Task], jobs: int
) -> dict[Task, Any]:
    """Drive what is missing; return the metrics of all."""

    def drive(task: Task) -> None:
        side, file = sides[task.key], task.file(work)
        found = side.drive(scenario, work / task.key, task.number, task.mode, task.seed)
        file.parent.mkdir(exist_ok=True)
        replace_text(file, json.dumps(found) + "\n")

    missing = [task for task in todo if not task.file(work).is_file()]
    print(f"{scenario.name}: {len(missing)} of {len(todo)} episodes to drive", flush=True)
    with ThreadPoolExecutor(jobs) as pool:
        try:
            list(pool.map(drive, missing))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return {task: json.loads(task.file(work).read_text()) for task in todo}


def summarize(
    key: str,
    side: Side,
    work: Path,
    found: dict[Task, Any],
    curve: Sequence[int],
    report: Sequence[int],
) -> dict[str, Any]:
    """Return a side's curve and its report, with the way to choose actions that suits it best."""

    def delays(number: int, mode: str, seeds: Sequence[int]) -> list[float]:
        return [float(found[Task(key, number, mode, s)]["mean_delay_s"]) for s in seeds]

    points = kept(work / key)
    last = len(points) - 1
    mode = min(side.modes, key=lambda m: statistics.mean(delays(last, m, curve)))
    lowest = min(statistics.mean(delays(n, mode, curve)) for n in range(last + 1))
    for number, point in enumerate(points):
        for m in side.modes:
            point[f"delay_s_{m}"] = dict(zip(curve, delays(number, m, curve), strict=True))
    reports = {}
    for m in side.modes:
        values = delays(last, m, report)
        estimate = bootstrap_mean(values)
        episodes = [found[Task(key, last, m, seed)] for seed in report]
        reports[m] = {
            "mean_delay_s": estimate.mean,
            "interval95": [estimate.low, estimate.high],
            "delay_s": dict(zip(report, values, strict=True)),
            "median_delay_s": statistics.mean(e["median_delay_s"] for e in episodes),
            "stuck": statistics.mean(e["unfinished"] + e["undeparted"] for e in episodes),
        }
    trained = json.loads((work / key / "training.json").read_text())
    return {
        "label": side.label,
        "mode": mode,
        **trained,
        "checkpoints": points,
        "lowest_on_curve_s": lowest,
        "report": reports,
    }


def write_episodes(path: Path, found: dict[Task, Any]) -> None:
    """Write every episode, a row each."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["side", "checkpoint", "mode", "seed", *next(iter(found.values()))])
        for task, metrics in found.items():
            writer.writerow([task.key, task.number, task.mode, task.seed, *metrics.values()])


def peer_versions(python: Path) -> dict[str, str]:
    """Return the versions of what the peer runs on."""
    code = (
        "import json, sys; from importlib.metadata import version; "
        "print(json.dumps({n: version(n) for n in sys.argv[1:]}))"
    )
    done = subprocess.run([python, "-c", code, *PEER_PACKAGES], capture_output=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def processor() -> str:
    """Return the name of the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((x.partition(": ")[2] for x in lines if x.startswith("model name")), "unknown")


def main() -> None:
    """Train, measure, store, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--map", action="append", choices=MAPS, help="all by default")
    parser.add_argument("--budget-s", type=float, default=600.0, help="of training, for each side")
    parser.add_argument("--curve-seeds", default="201:204", help="for every checkpoint")
    parser.add_argument("--seeds", default="101:111", help="for the last checkpoint")
    parser.add_argument("--cores", type=int, default=2, help="for training and for episodes")
    parser.add_argument("--work", type=Path, default=Path("runs/peers"))
    parser.add_argument("--out", type=Path, default=HERE.parent / "results" / "peers")
    args = parser.parse_args()
    curve, report = parse_seeds(args.curve_seeds), parse_seeds(args.seeds)
    cores = sorted(os.sched_getaffinity(0))[: args.cores]
    os.sched_setaffinity(0, cores)  # what it starts inherits that
    python = install(args.work)
    sides: dict[str, Side] = {
        "sumo-rl-ppo": Peer("ppo", python, "sumo-rl PPO", ("greedy", "sampled")),
        "sumo-rl-dqn": Peer("dqn", python, "sumo-rl DQN", ("greedy",)),
        "signalrl-ppo": Ours(),
        "fixed": Classical("fixed"),
        "greedy": Classical("greedy"),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.map or MAPS:
        scenario, work = load(name), args.work / f"{name}-{args.budget_s:g}s"
        train(sides, scenario, work, args.budget_s)
        todo = list(tasks(sides, work, curve, report))
        found = measure(sides, scenario, work, todo, len(cores))
        stored = {
            "map": name,
            "command": " ".join(["python", *sys.argv]),
            "commit": commit(),
            "versions": {"ours": versions(), "peer": peer_versions(python)},
            "machine": {"cores": len(cores), "processor": processor()},
            "budget_s": args.budget_s,
            "clock": CLOCK,
            "sides": {k: summarize(k, s, work, found, curve, report) for k, s in sides.items()},
        }
        replace_text(args.out / f"{name}.json", json.dumps(stored, indent=2) + "\n")
        write_episodes(args.out / f"{name}.csv", found)
        for side in stored["sides"].values():
            best = side["report"][side["mode"]]
            low, high = best["interval95"]
            print(
                f"  {side['label']}, {side['mode']}: {best['mean_delay_s']:.1f} s "
                f"[{low:.1f}, {high:.1f}]; lowest on its curve {side['lowest_on_curve_s']:.1f} s"
            )
    draw(args.out)


if __name__ == "__main__":
    main()
