"""A worker process: one SUMO, episode after episode, each in a process of its own.

Run as ``python -m signalrl.env.worker FD``. The supervisor reads the network once, then forks
a child per episode: a simulation is bit-reproducible only in a fresh process, and one that crashes
takes nothing with it. It never imports torch, nor the user's own main module.

The trainer writes actions and reads rows in shared memory; single bytes over a socket keep time.
"""

from __future__ import annotations

import math
import mmap
import os
import signal
import sys
import tempfile
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signalrl.control.observation import feature_names
from signalrl.env.session import Session
from signalrl.network.model import Network
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import Outputs, scenario_network
from signalrl.sumo.outputs import read_trips
from signalrl.sumo.process import Backend, die_with_parent, preload

RESET, STEP = b"r", b"s"
READY, ENDED, FAILED = b"o", b"e", b"x"
NO_EPISODE = -1
_NEXT_EPISODE, _TRAINER_GONE = 10, 11


def failure(seed: int, reason: str) -> bytes:
    """Return the message that the episode of a seed failed, and why.

    Without the seed, one that comes late would be taken for the failure of the next episode.
    """
    return FAILED + f"{seed} {reason}".encode()


def read_failure(message: bytes) -> tuple[int, str]:
    """Return what :func:`failure` was given."""
    seed, _, reason = message[len(FAILED) :].decode(errors="replace").partition(" ")
    return int(seed), reason


class Job(NamedTuple):
    """What a worker is told at its start.

    Attributes:
        scenario: What to run.
        backend: libsumo or traci.
        memory: File of the shared rows.
        forecasts: Folder that the workers share for what the calendar leads to expect.
    """

    scenario: Scenario
    backend: Backend
    memory: str
    forecasts: str

    @property
    def features(self) -> int:
        """The number of features of a phase."""
        return len(feature_names(self.scenario.forecast.inflow))


class SharedRows:
    """The arrays that trainer and worker share, laid out over a file in memory.

    Args:
        descriptor: Of a file of :meth:`size` bytes.
        network: Whose signals have a row each.
        features: The number of features of a phase.

    Attributes:
        observation: ``(signals, phases, features)``, scaled.
        delay_rate: ``(signals,)``.
        action: ``(signals,)``, phases.
        seed: ``(1,)``, of the next episode.
        metrics: ``(2,)``, mean delay (NaN where nobody drove) and vetoes of the episode that has
            ended.
    """

    def __init__(self, descriptor: int, network: Network, features: int) -> None:
        signals, phases = len(network.signals), network.max_phases
        buffer = mmap.mmap(descriptor, self.size(network, features))
        rows = signals * phases * features
        whole = np.frombuffer(buffer, dtype=np.float64)
        self.action = whole[:signals].view(np.int64)
        self.seed = whole[signals : signals + 1].view(np.int64)
        self.metrics = whole[signals + 1 : signals + 3]
        floats = whole[signals + 3 :].view(np.float32)
        self.observation = floats[:rows].reshape(signals, phases, features)
        self.delay_rate = floats[rows : rows + signals]

    @staticmethod
    def size(network: Network, features: int) -> int:
        """Return the bytes that a network's arrays need."""
        signals = len(network.signals)
        floats = signals * network.max_phases * features + signals
        return 8 * (signals + 3) + 4 * (floats + floats % 2)


def main() -> None:
    """Serve episodes until the trainer leaves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all: the trainer decides
    die_with_parent()
    connection = Connection(int(sys.argv[1]))
    job: Job = connection.recv()
    try:
        network = scenario_network(job.scenario)
    except Exception as error:
        connection.send_bytes(failure(NO_EPISODE, str(error)))
        return
    with open(job.memory, "r+b") as file:  # noqa: PTH123  (a descriptor is needed)
        rows = SharedRows(file.fileno(), network, job.features)
    connection.send_bytes(READY)
    preload(job.backend)  # once, for all the forks
    pending = False
    while True:
        if not pending:
            try:
                command = connection.recv_bytes()
            except (EOFError, OSError):
                return
            if command != RESET:
                continue
        seed = int(rows.seed[0])
        child = os.fork()
        if child == 0:
            _child(connection, job, network, rows)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code == _TRAINER_GONE:
            return
        pending = code == _NEXT_EPISODE
        if code not in (0, 1, _NEXT_EPISODE):
            what = f"signal {-code}" if code < 0 else f"exit status {code}"
            connection.send_bytes(failure(seed, f"the simulator's process died ({what})"))


def _child(connection: Connection, job: Job, network: Network, rows: SharedRows) -> None:
    """Run one episode and leave this process without unwinding the supervisor's stack."""
    code, seed = 1, int(rows.seed[0])
    try:
        die_with_parent()
        code = _episode(connection, job, network, rows)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        code = _TRAINER_GONE
    except BaseException as error:
        text = f"{error}" if str(error) else traceback.format_exc(limit=3)
        connection.send_bytes(failure(seed, text))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _episode(connection: Connection, job: Job, network: Network, rows: SharedRows) -> int:
    with tempfile.TemporaryDirectory(prefix="signalrl-worker-") as folder:
        outputs = Outputs(Path(folder))
        with Session(
            job.scenario,
            backend=job.backend,
            network=network,
            outputs=outputs,
            forecasts=Path(job.forecasts),
        ) as session:
            observation = session.reset(int(rows.seed[0]))
            rows.observation[:] = observation.scaled()
            connection.send_bytes(READY)
            while True:
                command = connection.recv_bytes()
                if command == RESET:
                    return _NEXT_EPISODE
                step = session.step(rows.action)
                rows.observation[:] = step.observation.scaled()
                rows.delay_rate[:] = step.observation.delay_rate
                if step.ended:
                    break
                connection.send_bytes(READY)
            session.stop()
            delays_s = read_trips(outputs.tripinfo).delay_s
            # In some hours nobody drives: without an event, where events are all traffic.
            rows.metrics[:] = delays_s.mean() if len(delays_s) else math.nan, session.loop.vetoes
    # Last of all: what fails after it would be taken for an answer of the next episode.
    connection.send_bytes(ENDED)
    return 0


if __name__ == "__main__":
    main()
