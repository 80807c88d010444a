"""Work in fresh processes: what fails is told, and the rest ends with it."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from functools import partial
from multiprocessing import active_children
from pathlib import Path

import pytest

from signalrl.errors import SimulationError
from signalrl.sumo.fresh import run_fresh


def test_each_task_is_done_once_whatever_its_order(tmp_path: Path) -> None:
    folders = [tmp_path / str(i) for i in range(4)]
    assert sorted(run_fresh(os.mkdir, folders, 2)) == folders
    assert all(folder.is_dir() for folder in folders)


def test_a_task_that_fails_is_told() -> None:
    with pytest.raises(SimulationError, match="task 0: it failed, as told above; the same command"):
        list(run_fresh(partial(divmod, 1), [0], 1))


def test_a_task_that_is_killed_is_told() -> None:
    with pytest.raises(SimulationError, match="task 6: its process was killed; the same command"):
        list(run_fresh(signal.raise_signal, [6], 1))


def test_what_can_be_done_is_done_where_a_task_fails(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "missing/c", "d", "missing/e", "f")]
    done = run_fresh(os.mkdir, folders, 1)
    with pytest.raises(SimulationError, match=r"missing/c: it failed.*missing/e: it failed"):
        list(done)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "d", "f"]


def _leave_a_folder(told: Path) -> None:
    folder = tempfile.mkdtemp()
    told.write_text(folder)
    time.sleep(60.0)


def test_what_was_killed_leaves_no_folder_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "tmp"
    ours.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(ours))
    tasks = [tmp_path / "told", tmp_path / "missing" / "told"]
    with pytest.raises(SimulationError, match="it failed"):
        list(run_fresh(_leave_a_folder, tasks, 2))
    if tasks[0].is_file():  # else it was killed before it had a folder
        assert not Path(tasks[0].read_text()).exists()
    assert not list(ours.iterdir())


def test_what_still_runs_ends_with_the_caller() -> None:
    first = next(iter(done := run_fresh(time.sleep, [0.0, 60.0], 2)))
    assert first == 0.0
    done.close()
    assert not active_children()
