"""Runs episodes in processes of their own, a few at a time, and leaves none behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Generic, Self, TypeVar

from signalrl.benchmark.episode import EpisodeSpec

POLL_S = 0.05
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
KeyT = TypeVar("KeyT")


@dataclass(frozen=True, slots=True)
class Ended(Generic[KeyT]):
    """An episode's process that ended.

    Attributes:
        key: What the caller calls the episode.
        error: Why it failed, in one line; None where its result is written.
    """

    key: KeyT
    error: str | None


class EpisodePool(Generic[KeyT]):
    """Runs episodes, each in a fresh Python process, at most ``jobs`` at a time.

    The processes are bound to the life of this one, and to this object: leaving the context kills
    those that still run. They get a group of their own, so that Ctrl-C reaches this process alone.
    They are started from the thread that calls, which has to outlive them.

    Args:
        jobs: How many run at a time.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._running: dict[KeyT, tuple[subprocess.Popen[str], IO[str]]] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="signalrl-benchmark-")

    @property
    def running(self) -> int:
        """How many run now."""
        return len(self._running)

    def run(self, episodes: Iterable[tuple[KeyT, EpisodeSpec]]) -> Iterator[Ended[KeyT] | None]:
        """Run all episodes; yield each as it ends, and None a few times per second between."""
        waiting = deque(episodes)
        while waiting or self._running:
            while waiting and len(self._running) < self._jobs:
                self._start(*waiting.popleft())
            yield None
            time.sleep(POLL_S)
            for key in [
                k for k, (process, _) in self._running.items() if process.poll() is not None
            ]:
                process, errors = self._running.pop(key)
                yield Ended(key, _why(process.returncode, errors))

    def close(self) -> None:
        """Kill what runs, and remove what it leaves behind."""
        for process, _ in self._running.values():
            process.kill()
        for process, errors in self._running.values():
            process.wait()
            errors.close()
        self._running.clear()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _start(self, key: KeyT, spec: EpisodeSpec) -> None:
        Path(spec.result).parent.mkdir(parents=True, exist_ok=True)
        errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115  (closed by _why)
        process = subprocess.Popen(
            [sys.executable, "-m", "signalrl.benchmark.episode"],
            stdin=subprocess.PIPE,
            stdout=errors,
            stderr=errors,
            text=True,
            start_new_session=True,
            env={**os.environ, **_ONE_THREAD, "TMPDIR": self._folder.name},
        )
        self._running[key] = process, errors
        if process.stdin is not None:
            try:
                process.stdin.write(json.dumps(asdict(replace(spec, parent=os.getpid()))))
                process.stdin.close()
            except BrokenPipeError:
                return  # it died at once; its exit status tells


def _why(status: int, errors: IO[str]) -> str | None:
    """Return why an episode failed, in one line, or None."""
    with errors:
        if status == 0:
            return None
        errors.seek(0)
        lines = [line.strip() for line in errors if line.strip()]
    said = lines[-1] if lines else "it said nothing"
    if status < 0:
        return f"the process died of {signal.Signals(-status).name}: {said}"
    return said
