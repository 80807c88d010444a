"""Workers: rows, restarts, and that nothing outlives the trainer."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from signalrl.env.pool import WorkerPool
from signalrl.errors import NetworkError, WorkerError
from tests.scenarios import short

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pool():
    pool = WorkerPool(short("resco-cologne8", 2), workers=2, seed=1)
    yield pool
    pool.close()


def step(pool):
    pool.send(np.zeros(pool.rows, dtype=np.int64))
    return pool.receive()


def children(pid):
    """Return the processes below one, as Linux lists them."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += [int(child), *children(child)]
    return found


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for_the_end_of(pids):
    """A kill takes its time on a busy machine; wait for it, but not for ever."""
    deadline = time.monotonic() + 10
    while (left := [pid for pid in pids if alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert left == []


def test_rows_are_workers_times_signals_and_episodes_follow_each_other(pool):
    first = pool.reset()
    assert first.shape[0] == 16
    for i in range(1, 25):
        rows, delay_rates, ends = step(pool)
        assert rows.shape == first.shape
        assert delay_rates.shape == (16,)
        assert [end.worker for end in ends] == ([0, 1] if i == 24 else [])
    assert not np.array_equal(ends[0].final, rows[:8])
    assert ends[0].mean_delay_s > 0
    assert pool.episodes == [2, 2]
    step(pool)


@pytest.mark.parametrize("victim", ["simulator", "worker"])
def test_a_killed_process_costs_its_episode_and_nothing_else(pool, victim):
    pool.reset()
    step(pool)
    workers = sorted(p for p in children(os.getpid()) if b"signalrl.env.worker" in cmdline(p))
    simulators = [p for p in workers if parent(p) in workers]
    supervisors = [p for p in workers if p not in simulators]
    supervisor = supervisors[0]
    simulator = next(p for p in simulators if parent(p) == supervisor)
    os.kill(simulator if victim == "simulator" else supervisor, signal.SIGKILL)
    wait_for_the_end_of([simulator] if victim == "simulator" else [supervisor, simulator])
    ends = []
    for _ in range(3):
        rows, _, ended = step(pool)
        ends += ended
        assert np.isfinite(rows).all()
    assert [end.dropped for end in ends] == [True]
    assert pool.dropped == 1


def test_a_reset_forgets_what_a_dead_simulator_said(pool):
    pool.reset()
    workers = [p for p in children(os.getpid()) if b"signalrl.env.worker" in cmdline(p)]
    simulator = next(p for p in workers if parent(p) in workers)
    os.kill(simulator, signal.SIGKILL)
    wait_for_the_end_of([simulator])
    pool.reset()
    assert pool.episodes == [2, 2]
    for i in range(1, 25):
        _, _, ends = step(pool)
        assert [end.worker for end in ends] == ([0, 1] if i == 24 else [])


def test_a_reset_forgets_what_is_said_of_a_dead_simulator_after_it(pool):
    pool.reset()
    workers = [p for p in children(os.getpid()) if b"signalrl.env.worker" in cmdline(p)]
    simulator = next(p for p in workers if parent(p) in workers)
    supervisor = parent(simulator)
    os.kill(supervisor, signal.SIGSTOP)  # so that it notices the death only after the reset
    os.kill(simulator, signal.SIGKILL)
    threading.Timer(0.5, os.kill, (supervisor, signal.SIGCONT)).start()
    pool.reset()
    assert pool.episodes == [2, 2]
    for i in range(1, 25):
        _, _, ends = step(pool)
        assert [end.worker for end in ends] == ([0, 1] if i == 24 else [])


def test_a_closed_pool_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    pool = WorkerPool(short("resco-cologne1", 2), workers=2)
    pool.reset()
    step(pool)
    assert list(tmp_path.iterdir())
    pool.close()
    assert list(tmp_path.iterdir()) == []


def cmdline(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def test_a_worker_that_keeps_dying_ends_the_run_with_its_reason():
    scenario = short("resco-cologne1", 2)
    pool = WorkerPool(scenario, workers=1)
    broken = scenario.sumo.model_copy(update={"options": ("--no-such-option", "1")})
    pool.close()
    with pytest.raises(WorkerError, match=r"failed 6 times in a row.*No option with the name"):
        WorkerPool(scenario.model_copy(update={"sumo": broken}), workers=1).reset()


def test_an_unknown_signal_is_refused_before_a_worker_starts():
    scenario = short("resco-cologne1", 2).model_copy(update={"signals": ("nowhere",)})
    with pytest.raises(NetworkError, match="nowhere"):
        WorkerPool(scenario, workers=1)


def test_nothing_outlives_a_killed_trainer():
    script = (
        "import numpy as np\nfrom signalrl.env.pool import WorkerPool\n"
        "from tests.scenarios import short\n"
        "pool = WorkerPool(short('resco-cologne1', 60), workers=2)\npool.reset()\n"
        "print('running', flush=True)\n"
        "while True:\n    pool.send(np.zeros(2, dtype=np.int64)); pool.receive()\n"
    )
    trainer = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert trainer.stdout.readline() == b"running\n"
    below = children(trainer.pid)
    assert len(below) >= 4
    trainer.kill()
    trainer.wait()
    wait_for_the_end_of(below)
