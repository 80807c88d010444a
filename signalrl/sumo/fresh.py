"""Runs tasks side by side, each in a fresh process: only there is a simulation bit-reproducible."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from tempfile import TemporaryDirectory
from typing import TypeVar

from signalrl.errors import SignalRLError, SimulationError
from signalrl.sumo.process import die_with_parent

Task = TypeVar("Task")


def run_fresh(work: Callable[[Task], None], tasks: Sequence[Task], jobs: int) -> Iterator[Task]:
    """Do some work for each task; yield the tasks in the order in which they are done.

    What is running ends at once where the caller stops or is interrupted, or where a task fails
    before any was done, as all would. After a later failure the others are done first.

    Args:
        work: A function of a module, as it is started by its name; it keeps what it finds in a
            file.
        tasks: What it is called with.
        jobs: How many at a time.

    Raises:
        SimulationError: A task failed, or its process was killed; it tells of all that did.
    """
    context, left = get_context("spawn"), list(reversed(tasks))
    failures, is_any_done = list[str](), False
    running: dict[Connection[str, str], tuple[Task, SpawnProcess]] = {}
    # What a process that is killed leaves behind lies in a folder of ours.
    folder = TemporaryDirectory(prefix="signalrl-fresh-", ignore_cleanup_errors=True)
    try:
        while left or running:
            while left and len(running) < jobs:
                task = left.pop()
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_run, args=(work, task, theirs, folder.name))
                process.start()
                theirs.close()
                running[ours] = task, process
            ready = wait(list(running))
            for answer in [answer for answer in running if answer in ready]:
                task, process = running.pop(answer)
                try:
                    wrong = str(answer.recv())
                    process.join()
                except EOFError:
                    process.join()
                    killed = (process.exitcode or 0) < 0
                    wrong = "its process was killed" if killed else "it failed, as told above"
                if wrong:
                    failures.append(f"task {task}: {wrong}")
                    if not is_any_done:
                        raise _failed(failures)
                else:
                    is_any_done = True
                    yield task
        if failures:
            raise _failed(failures)
    finally:
        for _, process in running.values():
            process.kill()
            process.join()
        folder.cleanup()


def _failed(failures: Sequence[str]) -> SimulationError:
    goes_on = "the same command goes on from those that are finished"
    return SimulationError(f"{'; '.join(failures)}; {goes_on}")


def _run(
    work: Callable[[Task], None], task: Task, answer: Connection[str, str], folder: str
) -> None:
    """Do the work and answer what went wrong."""
    die_with_parent()
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, too
    try:
        work(task)
    except SignalRLError as error:
        answer.send(str(error))
    else:
        answer.send("")
