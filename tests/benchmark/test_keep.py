"""The script that keeps results: parts of a study, joined, are the study."""

from __future__ import annotations

import csv
import json
import runpy
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from signalrl.benchmark.controllers import parse_controllers
from signalrl.benchmark.store import COLUMNS, Row
from signalrl.benchmark.suite import Suite
from signalrl.benchmark.summary import summarize

ROOT = Path(__file__).resolve().parents[2]
STORED = ROOT / "benchmarks" / "results" / "suites" / "resco"
Keep = Callable[[Path, bool, Path], Path]


@pytest.fixture(scope="module")
def keep() -> Keep:
    script: Keep = runpy.run_path(str(ROOT / "benchmarks" / "keep.py"))["keep"]
    return script


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with (STORED / "episodes.csv").open(newline="") as file:
        return [Row.from_text(line) for line in csv.DictReader(file)]


def write_run(
    run: Path,
    rows: Sequence[Row],
    controllers: Sequence[str],
    seeds: Sequence[int],
    code: str = "1",
    commit: str = "f" * 40,
) -> Path:
    """Write the folder of a run as ``signalrl benchmark`` does."""
    stored = json.loads((STORED / "summary.json").read_text())
    names = list(stored["environments"])
    suite = Suite.of(names, controllers).model_copy(update={"settings": {}})
    run.mkdir(parents=True)
    with (run / "episodes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(asdict(row).values() for row in rows)
    about = {"command": f"signalrl benchmark {seeds}", "commit": commit, "versions": {}}
    summary = summarize(
        rows,
        [(name, "") for name in names],
        parse_controllers(controllers),
        seeds,
        [],
        out=run,
        about=about,
        suite=suite,
    )
    (run / "summary.json").write_text(json.dumps(summary.to_dict()))
    specs = {name: dict.fromkeys(controllers, code) for name in names}
    (run / "benchmark.json").write_text(json.dumps({"specs": specs}))
    return run


def kept(folder: Path) -> tuple[dict[str, Any], set[str]]:
    summary = json.loads((folder / "summary.json").read_text())
    summary.pop("command")
    return summary, set((folder / "episodes.csv").read_text().splitlines())


def test_parts_of_a_study_joined_are_the_study(keep: Keep, rows: list[Row], tmp_path: Path) -> None:
    names, seeds = ["fixed", "greedy", "actuated"], list(range(101, 111))
    parts = [
        (["fixed", "greedy"], seeds[:4]),
        (["fixed", "greedy"], seeds[4:]),
        (["actuated"], seeds),
    ]
    whole = keep(write_run(tmp_path / "whole" / "study", rows, names, seeds), False, tmp_path / "a")
    for number, (controllers, of) in enumerate(parts):
        run = write_run(tmp_path / f"part{number}" / "study", rows, controllers, of)
        joined = keep(run, number > 0, tmp_path / "b")
    assert kept(joined) == kept(whole)


def test_a_part_of_other_code_is_refused_and_nothing_is_lost(
    keep: Keep, rows: list[Row], tmp_path: Path
) -> None:
    first = keep(write_run(tmp_path / "1" / "study", rows, ["fixed"], [101]), False, tmp_path / "a")
    before = kept(first)
    other = write_run(tmp_path / "2" / "study", rows, ["fixed"], [102], code="2")
    with pytest.raises(SystemExit, match="made from the same code"):
        keep(other, True, tmp_path / "a")
    # Controllers that no other part has: no digest tells.
    third = write_run(tmp_path / "3" / "study", rows, ["greedy"], [101], commit="e" * 40)
    with pytest.raises(SystemExit, match="expected results of commit ffff"):
        keep(third, True, tmp_path / "a")
    assert kept(first) == before


def test_a_study_that_was_kept_without_its_digests_takes_no_part(
    keep: Keep, rows: list[Row], tmp_path: Path
) -> None:
    first = keep(write_run(tmp_path / "1" / "study", rows, ["fixed"], [101]), False, tmp_path / "a")
    (first / "benchmark.json").unlink()
    other = write_run(tmp_path / "2" / "study", rows, ["fixed"], [102])
    with pytest.raises(SystemExit, match=r"expected .*benchmark\.json, found none"):
        keep(other, True, tmp_path / "a")
