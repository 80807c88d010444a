"""Keeps the results of a suite: every episode, and the summary with command, commit and versions.

signalrl benchmark resco --seeds 10
python benchmarks/keep.py runs/resco

A long study can be run in parts, of further seeds, environments or controllers, each in a folder of
the same name and by the same code:

python benchmarks/keep.py elsewhere/resco --join
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from signalrl.benchmark.controllers import parse_controllers
from signalrl.benchmark.store import COLUMNS, Key, Row
from signalrl.benchmark.suite import Suite
from signalrl.benchmark.summary import summarize

RESULTS = Path(__file__).parent / "results" / "suites"
SUMMARY, EPISODES, MADE_FROM = "summary.json", "episodes.csv", "benchmark.json"


def keep(run: Path, join: bool = False, results: Path = RESULTS) -> Path:
    """Copy what is to be kept, or join it to what is kept of the same study; return the folder.

    Everybody against everybody stays out of the kept summary: it follows from the episodes. What
    else the folder held was made from older episodes, and goes.
    """
    summary = _load(run / SUMMARY)
    if summary["failures"]:
        raise SystemExit(f"{run}: expected no failures, got {len(summary['failures'])}")
    kept = results / run.name
    rows, specs = _episodes(run, summary), _load(run / MADE_FROM)["specs"]
    if join:
        before = _load(kept / SUMMARY)
        earlier = _load(kept / MADE_FROM)["specs"]
        _check_same(kept, before, earlier, run, summary, specs)
        rows = {**_episodes(kept, before), **rows}
        specs = {env: {**earlier.get(env, {}), **specs.get(env, {})} for env in earlier | specs}
        summary = _summary_of_both(before, summary, rows, kept)
    kept.mkdir(parents=True, exist_ok=True)
    for older in kept.iterdir():
        older.unlink()
    with (kept / EPISODES).open("w", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(asdict(row).values() for row in rows.values())
    for env in summary["environments"].values():
        for controller in env["controllers"].values():
            controller.pop("against", None)
    (kept / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n")
    (kept / MADE_FROM).write_text(json.dumps({"specs": specs}, indent=1) + "\n")
    return kept


def _load(path: Path) -> Any:
    if not path.is_file():
        raise SystemExit(f"expected {path}, found none: run the whole study in one folder instead")
    return json.loads(path.read_text())


def _episodes(folder: Path, summary: dict[str, Any]) -> dict[Key, Row]:
    """Return the episodes that a summary is made from, in the order of the file."""
    with (folder / EPISODES).open(newline="") as file:
        rows = [Row.from_text(line) for line in csv.DictReader(file)]
    controllers = {env: found["controllers"] for env, found in summary["environments"].items()}
    return {
        row.key: row
        for row in rows
        if row.seed in summary["seeds"] and row.controller in controllers.get(row.env, {})
    }


def _check_same(
    kept: Path, before: dict[str, Any], earlier: Any, run: Path, summary: dict[str, Any], specs: Any
) -> None:
    """Make sure that two parts are of one study and of the same code."""
    for what in ("measure", "settings"):
        if before["suite"][what] != summary["suite"][what]:
            raise SystemExit(
                f"{run}: expected the {what} of {kept}, {before['suite'][what]}, got "
                f"{summary['suite'][what]}; keep it under another name"
            )
    if before["commit"] != summary["commit"]:  # parts may have no controller in common
        raise SystemExit(
            f"{run}: expected results of commit {before['commit']}, as in {kept}, got "
            f"{summary['commit']}; run it from that commit"
        )
    for env in earlier.keys() & specs.keys():
        for name in earlier[env].keys() & specs[env].keys():
            if earlier[env][name] != specs[env][name]:
                raise SystemExit(
                    f"{run}: expected {name} on {env} made from the same code and files as in "
                    f"{kept} (commit {before['commit'][:8]}), got others; run it from that commit"
                )


def _summary_of_both(
    before: dict[str, Any], summary: dict[str, Any], rows: dict[Key, Row], kept: Path
) -> dict[str, Any]:
    suite = Suite.model_validate(before["suite"])
    more = Suite.model_validate(summary["suite"])
    cases = {case.name or case.env: case for case in (*suite.environments, *more.environments)}
    controllers = tuple(dict.fromkeys((*suite.controllers, *more.controllers)))
    titles = {
        name: env["title"]
        for part in (before, summary)
        for name, env in part["environments"].items()
    }
    about = {
        "command": f"{before['command']}; {summary['command']}",
        "commit": before["commit"],
        "versions": before["versions"],
    }
    both = summarize(
        list(rows.values()),
        list(titles.items()),
        parse_controllers(controllers),
        sorted({*before["seeds"], *summary["seeds"]}),
        [],
        out=kept,
        about=about,
        suite=suite.model_copy(
            update={"environments": tuple(cases.values()), "controllers": controllers}
        ),
    )
    return both.to_dict()


def main() -> None:
    """Keep the results of the folders that are given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--join", action="store_true", help="add to what is kept of the same name")
    arguments = parser.parse_args()
    for run in arguments.runs:
        print(keep(run, arguments.join))


if __name__ == "__main__":
    main()
