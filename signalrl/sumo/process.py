"""Starts and ends SUMO, in this process (libsumo) or beside it (traci), without orphans.

The simulator that pip installs as ``sumo`` on the path is a Python wrapper; killing it leaves the
real one running. So the binary inside the package is started, bound to the life of its parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NoReturn

from signalrl.errors import ConfigError, SimulationError

Backend = Literal["libsumo", "traci", "auto"]
logger = logging.getLogger(__name__)
CONNECT_TIMEOUT_S = 60.0

_libsumo_owner: weakref.ref[Simulation] | None = None


def _libsumo_is_free() -> bool:
    return _libsumo_owner is None or _libsumo_owner() is None


def sumo_binary() -> Path:
    """Return the simulator of the installed package ``eclipse-sumo``.

    Raises:
        ConfigError: The package is not installed.
    """
    spec = importlib.util.find_spec("sumo")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(folder) / "bin" / ("sumo.exe" if sys.platform == "win32" else "sumo")
        if binary.is_file():
            return binary
    raise ConfigError("expected the package eclipse-sumo, found none; pip install eclipse-sumo")


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies; elsewhere do nothing."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def preload(backend: Backend) -> None:
    """Import what a backend needs, so that forks of this process start at once."""
    importlib.import_module("traci" if backend == "traci" else "libsumo")


class Simulation:
    """A running SUMO.

    Linux ends the process of ``"traci"`` with the thread that started it.

    Args:
        options: Command line options, without the program's name.
        backend: ``"libsumo"`` (fast, one simulation per process), ``"traci"`` (its own process), or
            ``"auto"``: libsumo, and traci where this process already runs one.

    Attributes:
        api: The module or connection with ``lane``, ``edge``, ``trafficlight`` ... domains.
        backend: The backend in use.

    Raises:
        SimulationError: SUMO did not start; the message carries SUMO's own.
        ConfigError: libsumo is asked for and already in use in this process.
    """

    def __init__(self, options: Sequence[str], backend: Backend = "auto") -> None:
        global _libsumo_owner
        if backend == "auto":
            backend = "libsumo" if _libsumo_is_free() else "traci"
            if backend == "traci":
                logger.info("this process already runs libsumo: this simulation uses traci")
        elif backend == "libsumo" and not _libsumo_is_free():
            raise ConfigError(
                "expected one libsumo simulation per process, got a second one; close the first, "
                'or use backend="traci" or the vectorised environment'
            )
        elif backend not in ("libsumo", "traci"):
            raise ConfigError(f"expected backend libsumo, traci or auto, got {backend!r}")
        self.backend: Backend = backend
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="signalrl-sumo-")
        self._errors = Path(self._folder.name) / "errors.log"
        self._said = self._errors.with_name("stderr.log")
        options = [*options, "--error-log", str(self._errors)]
        self.closed = False
        try:
            if backend == "libsumo":
                self.api: Any = importlib.import_module("libsumo")
                _libsumo_owner = weakref.ref(self)
                try:
                    with _standard_error_in(self._said):
                        self.api.start(["sumo", *options])
                except Exception as error:
                    self.fail(error)
            else:
                self.api = self._connect(options)
        except BaseException:
            self.close()
            raise

    def fail(self, error: Exception) -> NoReturn:
        """Raise what SUMO said when a call to it failed.

        Raises:
            SimulationError: SUMO failed; any other error is raised as it is.
        """
        if isinstance(error, SimulationError) or not _from_sumo(error):
            raise error
        raise SimulationError(self._explain(error)) from error

    @property
    def inner(self) -> ModuleType | None:
        """The compiled module behind libsumo's Python functions, None for traci."""
        return sys.modules.get("libsumo._libsumo") if self.backend == "libsumo" else None

    def close(self) -> None:
        """End the simulation and its process; may be called twice."""
        global _libsumo_owner
        if self.closed:
            return
        self.closed = True
        with contextlib.suppress(Exception):
            self.api.close()
        if _libsumo_owner is not None and _libsumo_owner() is self:
            _libsumo_owner = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def __del__(self) -> None:
        """End a simulation that nobody holds any more."""
        if hasattr(self, "closed"):
            self.close()

    def _connect(self, options: Sequence[str]) -> Any:
        traci = importlib.import_module("traci")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [str(sumo_binary()), *options, "--remote-port", str(port)]
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={"SUMO_HOME": str(sumo_binary().parents[1]), **os.environ},
                preexec_fn=die_with_parent,
            )
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        while True:
            try:
                connection = traci.connect(port, numRetries=0, proc=self._process)
                connection.simulation.getTime()  # SUMO connects first and reads its files then
                return connection
            except Exception as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise SimulationError(self._explain(error)) from error
                time.sleep(0.02)

    def _explain(self, error: Exception) -> str:
        for path in (self._errors, self._said):
            with contextlib.suppress(OSError):
                lines = path.read_text(errors="replace").splitlines()
                errors = [line for line in lines if not line.startswith("Warning:")]
                if said := " ".join(" ".join(errors).split()):
                    return f"SUMO failed: {said}"
        return f"SUMO failed: {str(error) or type(error).__name__}"


@contextlib.contextmanager
def _standard_error_in(path: Path) -> Iterator[None]:
    """Write what this process says to the standard error into a file, then repeat it there.

    libsumo names the reason of some failures nowhere else.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with path.open("wb") as file:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    os.write(2, path.read_bytes())


def _from_sumo(error: Exception) -> bool:
    module = type(error).__module__.split(".")[0]
    return module in ("libsumo", "traci") or isinstance(error, (OSError, RuntimeError))
