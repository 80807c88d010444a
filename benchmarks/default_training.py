"""Trains shipped configurations and compares the last checkpoints with classical controllers.

python benchmarks/default_training.py resco-cologne1 resco-cologne8 resco-grid4x4
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "training"
CONTROLLERS = (
    *("fixed", "actuated", "nema", "max-pressure-all"),
    *("greedy", "greedy-switching", "schedule"),
)
SEEDS = "101:111"


def study(name: str) -> None:
    """Train, benchmark, and keep the episodes, the summary, the curve and the wall time."""
    run, out = Path("runs", "default-training", name), Path("runs", "default-benchmark", name)
    for folder in (run, out):
        shutil.rmtree(folder, ignore_errors=True)
    began = time.perf_counter()
    signalrl("train", name, "--out", str(run))
    training_s = time.perf_counter() - began
    words = [word for c in CONTROLLERS for word in ("--controller", c)]
    words += ["--controller", f"policy={run}", "--seeds", SEEDS, "--out", str(out)]
    signalrl("benchmark", "--env", name, *words)
    kept = RESULTS / name
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for file in ("episodes.csv", "summary.json"):
        shutil.copy(out / file, kept)
    for file in ("curve.csv", "config.yaml", "versions.json"):
        shutil.copy(run / file, kept)
    with (run / "curve.csv").open(newline="") as file:
        episodes = sum(1 for _ in csv.DictReader(file))
    told = {"training_wall_s": round(training_s, 1), "training_episodes": episodes}
    (kept / "training.json").write_text(json.dumps(told) + "\n")


def signalrl(*words: str) -> None:
    """Run a command of the library."""
    command = "import sys; from signalrl.cli import main; sys.exit(main())"
    subprocess.run([sys.executable, "-c", command, *words], check=True)


def main() -> None:
    """Run the studies that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", metavar="CONFIGURATION")
    for name in parser.parse_args().names:
        study(name)


if __name__ == "__main__":
    main()
