"""Says what results were made from: versions, commit, command, and hashes of all that matters."""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

import signalrl
from signalrl.benchmark.controllers import Entry, policy_digest
from signalrl.scenario.schema import Scenario

_PACKAGE = Path(signalrl.__file__).resolve().parent
_DISTRIBUTIONS = (
    *("eclipse-sumo", "libsumo", "sumo-rl"),
    *("numpy", "scipy", "onnxruntime", "matplotlib"),
)
_SHAPES_EPISODES = (
    *("control", "deploy", "env", "events", "forecast", "network", "scenario", "sumo"),
    *("benchmark/approaches.py", "benchmark/controllers.py", "benchmark/episode.py"),
    *("benchmark/holds.py", "benchmark/programs", "learning/export.py"),
)
"""The sources that decide what happens in an episode."""
_LEARNING = ("torch", "stable-baselines3", "gymnasium", "numpy")
"""What trainings run on, beside SUMO."""
_WATCHED = ("signalrl", "envs", "benchmarks/suites")
_PROSE = {".md", ".png", ".svg", ".jpg"}


def versions() -> dict[str, str]:
    """Return the versions of this library and of what episodes run on."""
    found = {"signalrl": signalrl.__version__, "python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str | None:
    """Return the commit of the checkout that runs, with ``+changes`` where it was edited.

    Returns:
        None where this is no checkout.
    """
    root = _PACKAGE.parent
    if not (root / ".git").exists():
        return None
    try:
        head = _git(root, "rev-parse", "HEAD")
        return head + ("+changes" if _git(root, "status", "--porcelain", *_WATCHED) else "")
    except (OSError, subprocess.SubprocessError):
        return None


def command(
    suite: str | None,
    environments: Sequence[str],
    controllers: Sequence[str],
    seeds: Sequence[int],
    out: Path,
    jobs: int,
    skipped: Sequence[str] = (),
) -> str:
    """Return the command line that makes the same results again."""
    words = ["signalrl", "benchmark", *([suite] if suite else [])]
    for environment in environments:
        words += ["--env", environment]
    for controller in controllers:
        words += ["--controller", controller]
    for controller in skipped:
        words += ["--skip", controller]
    ends = range(seeds[0], seeds[-1] + 1)
    text = ",".join(map(str, seeds)) if len(seeds) > 1 else f"{seeds[0]},"
    if len(seeds) > 1 and list(seeds) == list(ends):
        text = f"{ends.start}:{ends.stop}"
    return shlex.join([*words, "--seeds", text, "--jobs", str(jobs), "--out", str(out)])


def scenario_digest(scenario: Scenario) -> str:
    """Return a hash of everything that a scenario's episodes are made from."""
    own = (p for p in scenario.folder.rglob("*") if p.is_file() and p.suffix not in _PROSE)
    needed = (scenario.network_file, *scenario.route_files, *scenario.additional_files)
    content = scenario.model_dump_json(exclude={"folder"})
    return _digest([content, *map(_file_hash, [*sorted(own), *needed])])


def spec_digest(scenario_hash: str, entry: Entry) -> str:
    """Return a hash of what the episodes of a scenario and a controller are made from."""
    policy = "" if entry.path is None else policy_digest(entry.path)
    parameters = json.dumps(dict(entry.parameters), sort_keys=True)
    kind = f"{entry.kind} metered" if entry.metered else entry.kind
    libsumo = metadata.version("libsumo")
    return _digest([scenario_hash, kind, parameters, policy, libsumo, _code_hash()])


def training_digest(scenario: Scenario) -> str:
    """Return a hash of what trainings in a scenario are made from, beside their configuration."""
    learner = [_file_hash(file) for file in sorted(_sources(_PACKAGE / "learning"))]
    libraries = [f"{name} {metadata.version(name)}" for name in _LEARNING]
    return _digest([evening_digest(scenario), *learner, *libraries])


def evening_digest(scenario: Scenario) -> str:
    """Return a hash of what an evening is made from that runs under its stored programs."""
    return spec_digest(scenario_digest(scenario), Entry("fixed", "fixed"))


@cache
def _code_hash() -> str:
    files = []
    for part in _SHAPES_EPISODES:
        path = _PACKAGE / part
        files += [path] if path.suffix else sorted(_sources(path))
    return _digest([_file_hash(file) for file in files])


def _sources(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.suffix in {".py", ".c", ".cpp"})


def _file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()
