"""Keeps the results of a suite: every episode, and the summary with command, commit and versions.

signalrl benchmark resco --seeds 10
python benchmarks/keep.py runs/resco
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "suites"


def keep(run: Path) -> Path:
    """Copy what is to be kept; return the folder.

    Everybody against everybody stays out of the kept summary: it follows from the episodes. What
    else the folder held was made from older episodes, and goes.
    """
    summary = json.loads((run / "summary.json").read_text())
    if summary["failures"]:
        raise SystemExit(f"{run}: expected no failures, got {len(summary['failures'])}")
    kept = RESULTS / run.name
    kept.mkdir(parents=True, exist_ok=True)
    for older in kept.iterdir():
        older.unlink()
    seeds = {str(seed) for seed in summary["seeds"]}
    episodes = "episodes.csv"
    with (run / episodes).open(newline="") as source, (kept / episodes).open("w") as target:
        reader = csv.DictReader(source)
        writer = csv.DictWriter(target, reader.fieldnames or [], lineterminator="\n")
        writer.writeheader()
        for row in reader:
            env = summary["environments"].get(row["env"], {"controllers": {}})
            if row["seed"] in seeds and row["controller"] in env["controllers"]:
                writer.writerow(row)
    for env in summary["environments"].values():
        for controller in env["controllers"].values():
            del controller["against"]
    (kept / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return kept


def main() -> None:
    """Keep the results of the folders that are given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    for run in parser.parse_args().runs:
        print(keep(run))


if __name__ == "__main__":
    main()
