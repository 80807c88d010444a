"""Runs a suite: environments x controllers x seeds; and reports on it."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from signalrl.benchmark import provenance
from signalrl.benchmark.controllers import Entry, is_run_folder, parse_controllers
from signalrl.benchmark.episode import EpisodeSpec
from signalrl.benchmark.processes import EpisodePool
from signalrl.benchmark.progress import BenchmarkProgress
from signalrl.benchmark.store import Failure, Key, Row, Store
from signalrl.benchmark.suite import Case, Suite
from signalrl.benchmark.summary import LEGEND, Summary, summarize
from signalrl.errors import ConfigError
from signalrl.files import replace_text
from signalrl.scenario.schema import Scenario

__all__ = ["run_benchmark"]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be run, checked: each case with its scenario, by the name of the latter."""

    suite: Suite
    cases: dict[str, tuple[Case, Scenario]]
    entries: tuple[Entry, ...]
    seeds: tuple[int, ...]

    @property
    def keys(self) -> Iterator[Key]:
        """Every episode; seeds first, so that an interrupted benchmark has whole pairs."""
        for name in self.cases:
            for seed in self.seeds:
                for entry in self.entries:
                    yield name, entry.label, seed

    def digests(self) -> dict[tuple[str, str], str]:
        """Hash what the episodes of each environment and controller are made from."""
        return {
            (name, entry.label): provenance.spec_digest(digest, entry)
            for name, (_, scenario) in self.cases.items()
            for digest in [provenance.scenario_digest(scenario)]
            for entry in self.entries
        }


def run_benchmark(
    suite: Suite,
    seeds: Sequence[int],
    out: Path,
    *,
    jobs: int = 2,
    command: str = "",
    console: Console | None = None,
) -> Summary:
    """Benchmark controllers, each episode in a fresh process; write results and a report.

    Episodes that ``out`` already holds are not repeated, unless what they are made from has
    changed: the scenario, the policy, the code or SUMO. An episode that fails is listed, and the
    rest goes on.

    Args:
        suite: Environments and controllers; ``Suite.of(environments, controllers)`` makes one of
            names, ``load_suite(name)`` loads one.
        seeds: The same for every controller, so that differences are paired.
        out: Folder for ``episodes.csv``, ``summary.json``, ``report.html`` and the details.
        jobs: Episodes at a time.
        command: The command line that makes the same results again, for the record.
        console: Where progress and the tables are shown; standard output by default.

    Returns:
        The summary; its ``exit_status`` is 1 where an episode failed.

    Raises:
        ConfigError: An argument is wrong.
        BenchmarkError: ``out`` belongs to something else.
        TrainingError: A run folder has no checkpoint.
        KeyboardInterrupt: It was stopped; what is finished stays.
    """
    console = console or Console()
    plan = _plan(suite, seeds, jobs)
    about = {
        "command": command,
        "commit": provenance.commit(),
        "versions": provenance.versions(),
    }
    digests = plan.digests()
    with Store(out) as store:
        forgotten = store.open(digests, about)
        finished = {row.key for row in store.rows if _is_whole(row.key, plan, store)}
        missing = [key for key in plan.keys if key not in finished]
        total = len(plan.cases) * len(plan.entries) * len(plan.seeds)
        _say(console, _opening(total, total - len(missing), forgotten, out))
        failures = _run(plan, missing, store, jobs, console)
        store.finish(plan.keys, failures)
        summary = summarize(
            store.rows,
            [(name, case.title or s.title) for name, (case, s) in plan.cases.items()],
            plan.entries,
            plan.seeds,
            failures,
            out=out,
            about=about,
            suite=plan.suite,
        )
        replace_text(out / "summary.json", json.dumps(summary.to_dict(), indent=2) + "\n")
        _say(console, "drawing the report")
        from signalrl.benchmark.report import write_report

        write_report(summary, store, {name: s for name, (_, s) in plan.cases.items()})
    for table in summary.tables():
        console.print(table)
    _say(console, LEGEND)
    for failure in failures:
        _say(console, f"failed: {failure.env} {failure.controller} {failure.seed}: {failure.error}")
    _say(console, f"report: {summary.report}")
    return summary


def _is_whole(key: Key, plan: _Plan, store: Store) -> bool:
    """Return whether nothing is missing of an episode: of the first seed, a signal's record."""
    return key[2] != plan.seeds[0] or store.read_details(key)["signal"] is not None


def _plan(suite: Suite, seeds: Sequence[int], jobs: int) -> _Plan:
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise ConfigError(
            f"expected distinct seeds of at least 0, got {list(seeds)}; give some such as 101:111"
        )
    if jobs < 1:
        raise ConfigError(f"expected at least one job, got {jobs}")
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigError(
            "the report needs the package matplotlib, found none; pip install matplotlib"
        )
    cases: dict[str, tuple[Case, Scenario]] = {}
    for case in suite.cases():
        scenario = case.load()
        if scenario.name in cases:
            raise ConfigError(
                f"expected environments with distinct names, got {scenario.name!r} twice; "
                "rename one of the folders"
            )
        cases[scenario.name] = case, scenario
    return _Plan(suite, cases, parse_controllers(suite.controllers), tuple(seeds))


def _run(
    plan: _Plan, missing: Sequence[Key], store: Store, jobs: int, console: Console
) -> list[Failure]:
    """Run what is missing; return what failed."""
    if not missing:
        return []
    entries = {entry.label: entry for entry in plan.entries}
    policies = {
        label: str(_loadable(entry, store.folder, console))
        for label, entry in entries.items()
        if entry.path is not None and any(label == other for _, other, _ in missing)
    }
    specs = [
        (
            key,
            EpisodeSpec(
                scenario=str(scenario.folder),
                controller=entries[label].kind,
                seed=seed,
                result=str(store.details(key)),
                policy=policies.get(label),
                parameters=dict(entries[label].parameters),
                settings=case.settings,
                metered=entries[label].metered,
                watch=seed == plan.seeds[0],
            ),
        )
        for key in missing
        for name, label, seed in [key]
        for case, scenario in [plan.cases[name]]
    ]
    failures = []
    try:
        with BenchmarkProgress(len(specs), console) as progress, EpisodePool[Key](jobs) as pool:
            for ended in pool.run(specs):
                if ended is not None:
                    name = " ".join(map(str, ended.key))
                    if ended.error is None:
                        row = Row.from_result(ended.key, store.read_details(ended.key))
                        store.add(row)
                        progress.ended(f"{name}: {row.mean_delay_s:.1f} s")
                    else:
                        failures.append(Failure(*ended.key, ended.error))
                        progress.ended(f"{name} failed", failed=True)
                progress.show(pool.running)
    except KeyboardInterrupt:
        _say(
            console,
            f"stopped; {len(store.rows)} finished episodes are kept in {store.csv}, "
            "the same command goes on from there",
        )
        raise
    return failures


def _loadable(entry: Entry, out: Path, console: Console) -> Path:
    """Return what an episode can load: a run's checkpoint is exported once, here."""
    path = Path(entry.path or "")
    if not is_run_folder(path):
        return path
    target = out / "policies" / f"{entry.label.removeprefix('policy=')}.onnx"
    _say(console, f"exporting the last checkpoint of {path}")
    from signalrl.learning.export import checkpoint_to_onnx

    return checkpoint_to_onnx(path, target)


def _opening(total: int, finished: int, forgotten: int, out: Path) -> str:
    text = f"benchmark of {total} episodes in {out}"
    if finished:
        text += f", {finished} of them finished before"
    if forgotten:
        text += f"; {forgotten} of an earlier run don't fit any more and are dropped"
    return text


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
