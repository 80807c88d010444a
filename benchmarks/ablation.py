"""What a forecast in the observation is good for: policies trained with it and without.

Both are trained by one configuration, once per training seed, and drive the same held-out evenings:
without, with the calendar's forecast, and with one that is half an hour late and expects half as
many people again (as many as there are tickets and spaces, so after events hardly more cars).
Differences are paired: by training seed, of the means over the evenings, which says what another
training on these evenings would do; and by evening, of the means over the trainings, which says
what these trainings would do on another evening. Run from the root of the project; what is there is
not run again:

    python benchmarks/ablation.py --timesteps 432000 --episodes 4 --out runs/ablation
"""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from scipy.stats import t as student

from signalrl.benchmark import provenance
from signalrl.benchmark.episode import EpisodeSpec
from signalrl.benchmark.figures import STYLE, Look
from signalrl.benchmark.processes import EpisodePool
from signalrl.benchmark.progress import BenchmarkProgress
from signalrl.cli_train import find_config
from signalrl.errors import SignalRLError
from signalrl.files import merged
from signalrl.learning.config import TrainConfig, load_config
from signalrl.learning.export import checkpoint_to_onnx
from signalrl.learning.train import train

NONE = {"inflow": False}
RIGHT = {"inflow": True, "late_s": 0.0, "attendance_factor": 1.0}
WRONG = {"inflow": True, "late_s": 1800.0, "attendance_factor": 1.5}
TRAINED: dict[str, dict[str, Any]] = {"without": NONE, "with": RIGHT}
"""What policies are told in training."""
DRIVEN: dict[str, tuple[str, dict[str, Any]]] = {
    "without": ("without", NONE),
    "with": ("with", RIGHT),
    "wrong": ("with", WRONG),
}
"""Which policy drives, and what it is told."""
PAIRS = (("with", "without"), ("wrong", "without"), ("wrong", "with"))
CASES: dict[str, dict[str, Any]] = {
    f"{size}-{phase}": {
        "calendars": [f"held-out-{size}.ics"],
        "phases": [phase],
        "probability": 1.0,
    }
    for size in ("m", "l")
    for phase in ("ingress", "egress")
}
ALL = "all"
"""The mean of the cases."""


class Key(NamedTuple):
    """An episode of the evaluation."""

    driven: str
    case: str
    training_seed: int
    seed: int

    def result(self, out: Path) -> Path:
        """Return where its result lies."""
        name = f"{self.training_seed}-{self.seed}.json"
        return out / "episodes" / self.driven / self.case / name


def policy_of(out: Path, trained: str, seed: int) -> Path:
    """Return where a policy lies when its training is done."""
    return out / "policies" / f"{trained}-{seed}.onnx"


def run_of(out: Path, trained: str, seed: int) -> Path:
    """Return the folder of a training."""
    return out / "training" / f"{trained}-{seed}"


def dropped_episodes(out: Path, seeds: Sequence[int]) -> int:
    """Return how many episodes were lost in all trainings; after one, two no longer drive alike."""
    dropped = 0
    for path in (run_of(out, trained, seed) / "curve.csv" for trained in TRAINED for seed in seeds):
        with path.open(newline="") as file:
            dropped += sum(int(row["dropped"]) for row in csv.DictReader(file))
    return dropped


def train_all(config: TrainConfig, seeds: Sequence[int], out: Path, console: Console) -> None:
    """Train what is missing, one after the other."""
    for seed in seeds:
        for trained, told in TRAINED.items():
            policy = policy_of(out, trained, seed)
            if policy.is_file():
                continue
            check_plan(config, out)  # each of them reads the code that is there when it begins
            settings = merged(config.settings, {"forecast": told})
            own = config.model_copy(update={"settings": settings, "seed": seed})
            run = run_of(out, trained, seed)
            console.print(f"training {run}", highlight=False)
            train(own, run, resume=(run / "config.yaml").is_file(), console=console)
            checkpoint_to_onnx(run, policy)


def evaluate(
    config: TrainConfig, keys: Sequence[Key], out: Path, jobs: int, console: Console
) -> int:
    """Drive the episodes that are missing; return how many failed."""
    missing = [key for key in keys if not key.result(out).is_file()]
    failed = 0
    with BenchmarkProgress(len(missing), console) as progress, EpisodePool[Key](jobs) as pool:
        for ended in pool.run([(key, _episode(config, key, out)) for key in missing]):
            if ended is not None:
                name = " ".join(map(str, ended.key))
                failed += ended.error is not None
                progress.ended(name, failed=ended.error is not None)
                if ended.error is not None:
                    console.print(f"{name} failed: {ended.error}", highlight=False, markup=False)
            progress.show(pool.running)
    return failed


def _episode(config: TrainConfig, key: Key, out: Path) -> EpisodeSpec:
    trained, told = DRIVEN[key.driven]
    case = {"events": CASES[key.case], "forecast": told}
    return EpisodeSpec(
        scenario=config.scenario,
        controller="policy",
        seed=key.seed,
        result=str(key.result(out)),
        policy=str(policy_of(out, trained, key.training_seed)),
        settings=merged(config.settings, case),
    )


def delays_s(keys: Sequence[Key], out: Path) -> dict[Key, float]:
    """Return the mean delay of each episode that was driven."""
    return {key: json.loads(key.result(out).read_text())["metrics"]["mean_delay_s"] for key in keys}


def write_episodes(episodes: Mapping[Key, float], path: Path) -> None:
    """Write every episode with its mean delay in s."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*Key._fields, "mean_delay_s"])
        writer.writerows([*key, round(delay_s, 3)] for key, delay_s in sorted(episodes.items()))


def summarize(episodes: Mapping[Key, float]) -> dict[str, Any]:
    """Return mean delays by training seed, and the paired differences with their intervals.

    Args:
        episodes: Mean delay of each, in s.
    """
    delays: dict[tuple[str, str], dict[tuple[int, int], float]] = {}
    for key, delay_s in episodes.items():
        delays.setdefault((key.driven, key.case), {})[key.training_seed, key.seed] = delay_s
    cases = list(CASES)
    for driven in DRIVEN:
        of = [delays[driven, case] for case in cases]
        delays[driven, ALL] = {pair: float(np.mean([one[pair] for one in of])) for pair in of[0]}

    def less(a: str, b: str, case: str) -> dict[tuple[int, int], float]:
        return {pair: delay_s - delays[b, case][pair] for pair, delay_s in delays[a, case].items()}

    cases.append(ALL)
    return {
        "mean_delay_s": {
            driven: {case: _estimate(delays[driven, case]) for case in cases} for driven in DRIVEN
        },
        "differences_s": {
            f"{a} - {b}": {case: _estimate(less(a, b, case)) for case in cases} for a, b in PAIRS
        },
    }


def _estimate(values: Mapping[tuple[int, int], float]) -> dict[str, Any]:
    """Return the mean of values by training seed and evening, and its intervals.

    Student's, since resampling so few is too narrow: ``low`` and ``high`` over the trainings, and
    ``over_evenings`` over the evenings.
    """
    by_training, by_evening = (_grouped(values, part) for part in (0, 1))
    low, high = _interval(by_training)
    return {
        "by_training_seed": {str(seed): round(value, 3) for seed, value in by_training.items()},
        "mean": round(float(np.mean(list(values.values()))), 3),
        "low": low,
        "high": high,
        "over_evenings": _interval(by_evening),
    }


def _grouped(values: Mapping[tuple[int, int], float], part: int) -> dict[int, float]:
    groups: dict[int, list[float]] = {}
    for key, value in values.items():
        groups.setdefault(key[part], []).append(value)
    return {seed: float(np.mean(group)) for seed, group in sorted(groups.items())}


def _interval(values: Mapping[int, float]) -> tuple[float | None, float | None]:
    x = np.array(list(values.values()))
    if len(x) < 2:
        return None, None
    half = float(student.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))
    return round(float(x.mean()) - half, 3), round(float(x.mean()) + half, 3)


def draw(summary: Mapping[str, Any], path: Path) -> None:
    """Draw the paired differences: a small mark per training seed, the mean and its interval."""
    cases = [*CASES, ALL]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 3.6))
        axes = figure.add_subplot()
        axes.axvline(0.0, color="black", linewidth=0.8)
        for number, (name, by_case) in enumerate(summary["differences_s"].items()):
            look = Look.number(number)
            for row, case in enumerate(cases):
                found, y = by_case[case], row + 0.22 * (number - 1)
                values = list(found["by_training_seed"].values())
                axes.plot(
                    values, [y] * len(values), look.marker, color=look.colour, alpha=0.35, ms=3
                )
                if found["low"] is not None:
                    ends = [found["low"], found["high"]]
                    axes.plot(ends, [y, y], "-", color=look.colour, linewidth=1.2)
                label = name.replace(" - ", " less ") if row == 0 else None
                axes.plot(found["mean"], y, look.marker, color=look.colour, ms=6, label=label)
        axes.set_yticks(range(len(cases)), cases)
        axes.invert_yaxis()
        axes.set_xlabel("difference of the mean delay, s per vehicle (below 0 is better)")
        figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=9)
        figure.savefig(path, facecolor="white", metadata={"Date": None})


def tell(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line per case: mean delays, and differences with their intervals."""
    for case in (*CASES, ALL):
        delays = "  ".join(
            f"{driven} {by_case[case]['mean']:.1f} s"
            for driven, by_case in summary["mean_delay_s"].items()
        )
        yield f"{case}: {delays}"
        for name, by_case in summary["differences_s"].items():
            found = by_case[case]
            by = {"trainings": (found["low"], found["high"]), "evenings": found["over_evenings"]}
            ends = "".join(
                f", over {what} [{low:+.1f}, {high:+.1f}]"
                for what, (low, high) in by.items()
                if low is not None
            )
            yield f"    {name}: {found['mean']:+.1f} s{ends}"


def check_plan(config: TrainConfig, out: Path) -> None:
    """Make sure that a folder holds the ablation of this configuration and code, or none yet."""
    path = out / "config.json"
    about = {
        "config": config.model_dump(mode="json", exclude={"seed"}),
        "driven": DRIVEN,
        "cases": CASES,
        "made_from": provenance.training_digest(config.load_scenario()),
    }
    plan = json.dumps(about, indent=1) + "\n"
    if path.is_file() and path.read_text() != plan:
        raise SystemExit(
            f"{out}: expected the configuration, environment and code of {path}, got others; give "
            "another --out"
        )
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(plan)


def main() -> int:
    """Train and drive what is missing, and write results and picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="arena", help="configuration of the trainings")
    parser.add_argument("--timesteps", type=int, help="rows of each training, instead of its own")
    parser.add_argument("--workers", type=int, help="simulations side by side in a training")
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each kind, from seed 1")
    parser.add_argument("--episodes", type=int, default=10, help="evenings of each case")
    parser.add_argument("--first", type=int, default=101, help="seed of the first evening")
    parser.add_argument("--jobs", type=int, default=2, help="evenings at a time")
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    arguments = parser.parse_args()
    out, console = arguments.out, Console(stderr=True)
    config = load_config(
        find_config(arguments.config), timesteps=arguments.timesteps, workers=arguments.workers
    )
    check_plan(config, out)
    training_seeds = range(1, arguments.seeds + 1)
    seeds = range(arguments.first, arguments.first + arguments.episodes)
    train_all(config, training_seeds, out, console)
    keys = [
        Key(driven, case, training_seed, seed)
        for seed in seeds
        for training_seed in training_seeds
        for case in CASES
        for driven in DRIVEN
    ]
    if failed := evaluate(config, keys, out, arguments.jobs, console):
        console.print(f"{failed} evenings failed; the same command tries them again")
        return 1
    check_plan(config, out)
    about = {
        "command": shlex.join(["python", *sys.argv]),
        "commit": provenance.commit(),
        "versions": provenance.versions(),
        "config": config.model_dump(mode="json", exclude={"seed"}),
        "told": {driven: told for driven, (_, told) in DRIVEN.items()},
        "training_seeds": list(training_seeds),
        "evaluation_seeds": list(seeds),
        "dropped_episodes": dropped_episodes(out, training_seeds),
    }
    delays = delays_s(keys, out)
    summary = {**about, **summarize(delays)}
    (out / "ablation.json").write_text(json.dumps(summary, indent=1) + "\n")
    write_episodes(delays, out / "episodes.csv")
    draw(summary, out / "ablation.svg")
    for line in tell(summary):
        print(line)
    print(f"written: {out / 'ablation.json'}, {out / 'episodes.csv'}, {out / 'ablation.svg'}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SignalRLError as error:
        sys.exit(f"error: {error}")
