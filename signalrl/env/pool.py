"""Worker processes that run episodes side by side, seen as rows: one per worker and signal."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import numpy.typing as npt

from signalrl.control.observation import feature_names
from signalrl.env import worker
from signalrl.env.worker import Job, SharedRows
from signalrl.errors import WorkerError
from signalrl.network.model import Network
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import scenario_network
from signalrl.sumo.process import Backend

logger = logging.getLogger(__name__)
MAX_FAILURES = 5
PATIENCE_S = 5.0
"""How long a worker may take to leave before it is killed."""
FIRST_TRAINING_SEED = 1_000_000
"""Seeds below are for evaluation; training never draws one of them."""


def episode_seed(seed: int, worker_index: int, episode: int) -> int:
    """Return the seed of a worker's episode; never one below ``FIRST_TRAINING_SEED``."""
    drawn = int(np.random.SeedSequence([seed, worker_index, episode]).generate_state(1)[0])
    return FIRST_TRAINING_SEED + drawn % (2**31 - 1 - FIRST_TRAINING_SEED)


@dataclass(frozen=True, slots=True)
class EpisodeEnd:
    """An episode that ended at the last step.

    Attributes:
        worker: Index of the worker.
        final: ``(signals, phases, features)``, what its signals saw last.
        dropped: Whether the worker died; then there is no mean delay.
        mean_delay_s: As :class:`signalrl.sumo.outputs.EpisodeMetrics` defines it.
        vetoes: Requests that the interlock did not grant.
    """

    worker: int
    final: npt.NDArray[np.float32]
    dropped: bool
    mean_delay_s: float
    vetoes: int


class WorkerPool:
    """Runs one scenario in several processes at once and restarts those that die.

    Rows are sorted by worker, then signal. An episode that ends is followed by the next at once.
    Linux ends the workers with the thread that made them: make and use a pool in the same thread.

    Args:
        scenario: What to run: a loaded one, or its name or folder.
        workers: How many processes.
        seed: From which every episode's seed is drawn.
        backend: libsumo or traci.

    Attributes:
        network: The signals and lanes.
        features: The number of features of a phase.
        dropped: Episodes that were lost with their worker.
        episodes: ``(workers,)``, episodes begun; set it to go on where a training was.

    Raises:
        ConfigError, NetworkError: The scenario can't be run.
    """

    def __init__(
        self,
        scenario: Scenario | Path | str,
        workers: int,
        seed: int = 0,
        backend: Backend = "libsumo",
    ) -> None:
        if not isinstance(scenario, Scenario):
            scenario = load_scenario(scenario)
        self.network: Network = scenario_network(scenario)
        self.seed, self.dropped = seed, 0
        self.episodes = [0] * workers
        self._signals = len(self.network.signals)
        self.features = len(feature_names(scenario.forecast.inflow))
        self._forecasts = tempfile.TemporaryDirectory(prefix="signalrl-forecasts-")
        self._members = [
            _Member(scenario, self.network, backend, self._forecasts.name) for _ in range(workers)
        ]
        self.rows = workers * self._signals

    def reset(self) -> npt.NDArray[np.float32]:
        """Begin a new episode in every worker; return ``(rows, phases, features)``."""
        for i, member in enumerate(self._members):
            member.forget()
            self._begin(i)
        for i in range(len(self._members)):
            self._await_begin(i)
        return self._observation()

    def send(self, phases: npt.NDArray[np.int64]) -> None:
        """Start a step with a phase per row; :meth:`receive` finishes it."""
        for member, action in zip(
            self._members, phases.reshape(len(self._members), -1), strict=True
        ):
            member.rows.action[:] = action
            member.send(worker.STEP)

    def receive(
        self,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], list[EpisodeEnd]]:
        """Finish a step.

        Returns:
            Observations ``(rows, phases, features)`` (of the next episode where one ended), delay
            rates ``(rows,)``, and the episodes that ended.

        Raises:
            WorkerError: A worker keeps dying.
        """
        ends = []
        delay_rates = np.zeros((len(self._members), self._signals), dtype=np.float32)
        for i, member in enumerate(self._members):
            answer = member.receive()
            if answer == worker.READY:
                delay_rates[i] = member.rows.delay_rate
                continue
            final, (delay, vetoes) = member.rows.observation.copy(), member.rows.metrics
            dropped = answer != worker.ENDED
            if dropped:
                self._failed(i, answer)
            else:
                member.failures = 0
                delay_rates[i] = member.rows.delay_rate
            ends.append(EpisodeEnd(i, final, dropped, float(delay), int(vetoes)))
            self._begin(i)
        for end in ends:
            self._await_begin(end.worker)
        return self._observation(), delay_rates.reshape(-1), ends

    def close(self) -> None:
        """End all workers; may be called twice."""
        for member in self._members:
            member.leave()  # all at once, then wait for each
        for member in self._members:
            member.close()
        self._forecasts.cleanup()

    def _observation(self) -> npt.NDArray[np.float32]:
        shape = (self.rows, self.network.max_phases, self.features)
        return np.stack([m.rows.observation for m in self._members]).reshape(shape)

    def _begin(self, i: int) -> None:
        member = self._members[i]
        member.rows.seed[0] = episode_seed(self.seed, i, self.episodes[i])
        self.episodes[i] += 1
        member.send(worker.RESET)

    def _await_begin(self, i: int) -> None:
        while (answer := self._members[i].receive()) != worker.READY:
            self._failed(i, answer)
            self._begin(i)

    def _failed(self, i: int, answer: bytes) -> None:
        member = self._members[i]
        _, reason = worker.read_failure(answer)
        member.failures += 1
        self.dropped += 1
        logger.warning("worker %d: %s; its episode is dropped, a new one begins", i, reason)
        if member.failures > MAX_FAILURES:
            raise WorkerError(
                f"worker {i} failed {member.failures} times in a row, last with: {reason}"
            )
        if member.ended:
            member.restart()


class _Member:
    """One worker process and the memory that it shares."""

    def __init__(
        self, scenario: Scenario, network: Network, backend: Backend, forecasts: str
    ) -> None:
        self._file = tempfile.NamedTemporaryFile(prefix="signalrl-rows-")  # noqa: SIM115
        self._job = job = Job(scenario, backend, self._file.name, forecasts)
        self._file.truncate(SharedRows.size(network, job.features))
        self.rows = SharedRows(self._file.fileno(), network, job.features)
        self.failures = 0
        self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "signalrl.env.worker", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        self._connection = Connection(ours.detach())
        self.ended = False
        self._connection.send(self._job)
        answer = self.receive()
        if answer != worker.READY:
            self.close()
            raise WorkerError(f"a worker process did not start: {worker.read_failure(answer)[1]}")

    def restart(self) -> None:
        self._end()
        self._start()

    def send(self, command: bytes) -> None:
        with contextlib.suppress(OSError):
            self._connection.send_bytes(command)

    def forget(self) -> None:
        """Drop what the worker said of an episode that nobody waits for."""
        with contextlib.suppress(EOFError, OSError):
            while self._connection.poll():
                self._connection.recv_bytes()

    def receive(self) -> bytes:
        """Return the next answer; one that tells of an earlier episode's failure is no answer."""
        while True:
            try:
                answer = self._connection.recv_bytes()
            except (EOFError, OSError):
                self.ended = True
                return worker.failure(worker.NO_EPISODE, "its process ended")
            if not answer.startswith(worker.FAILED):
                return answer
            if worker.read_failure(answer)[0] in (worker.NO_EPISODE, int(self.rows.seed[0])):
                return answer

    def leave(self) -> None:
        """Let the worker see that nobody is there any more, so that it removes its files."""
        self._connection.close()

    def close(self) -> None:
        self._end()
        self._file.close()

    def _end(self) -> None:
        self.leave()
        try:
            self._process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
