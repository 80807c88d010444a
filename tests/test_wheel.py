"""What is shipped works without the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hatch_build import compiled
from signalrl.scenario.catalog import scenario_names

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    built = subprocess.run([*build, str(ROOT)], capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed, *words, **options):
    """Run Python where the checkout is out of sight and the wheel comes first."""
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=installed.parent,
        capture_output=True,
        text=True,
        **options,
    )


COMMAND = ("-c", "import sys; from signalrl.cli import main; sys.exit(main())")


def test_the_wheel_lists_every_environment(installed):
    where = run(installed, "-c", "import signalrl; print(signalrl.__file__)").stdout
    assert where.startswith(str(installed))
    listed = json.loads(run(installed, *COMMAND, "envs", "--json").stdout)
    assert [env["name"] for env in listed] == list(scenario_names())


def test_the_wheel_carries_the_suites(installed):
    script = "from signalrl.benchmark.suite import load_suite, suite_names as n; "
    script += "print(*n(), len(load_suite('resco').controllers))"
    shown = run(installed, "-c", script).stdout.split()
    assert shown[:3] == ["event-plans", "events", "metering"]
    assert int(shown[-1]) > 10


def test_the_wheel_trains(installed):
    train = ("train", "single", "--timesteps", "2000", "--workers", "2", "--out", "run")
    done = run(installed, *COMMAND, *train)
    assert done.returncode == 0, done.stderr
    assert list((installed.parent / "run" / "checkpoints").glob("*/model.zip"))


def test_two_builds_at_a_time_do_not_meet(tmp_path, monkeypatch):
    source = tmp_path / "_nothing.c"
    source.write_text("int nothing;")
    run_once = subprocess.run

    def run_as_another_build_ends(*words, **options):
        monkeypatch.setattr(subprocess, "run", run_once)
        done = run_once(*words, **options)
        compiled(source)
        return done

    monkeypatch.setattr(subprocess, "run", run_as_another_build_ends)
    module = compiled(source)
    assert module.exists()
    assert {path.name for path in tmp_path.iterdir()} == {source.name, module.name}


def test_importing_the_package_is_quick_and_loads_neither_torch_nor_sumo(installed):
    script = (
        "import time; began = time.perf_counter(); import signalrl; "
        "took = time.perf_counter() - began; import sys; "
        "print(took, sorted({'torch', 'libsumo', 'traci', 'sumolib'} & set(sys.modules)))"
    )
    results = [run(installed, "-c", script).stdout.split(maxsplit=1) for _ in range(5)]
    assert {modules.strip() for _, modules in results} == {"[]"}
    assert min(float(took) for took, _ in results) < 0.3
