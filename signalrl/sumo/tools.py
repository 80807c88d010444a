"""Runs the tools of the installed SUMO."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable

from signalrl.errors import SimulationError
from signalrl.sumo.process import die_with_parent, sumo_binary

TIMEOUT_S = 300.0


def run_script(name: str, arguments: Iterable[object]) -> None:
    """Run a Python tool of SUMO's folder ``tools``.

    Raises:
        SimulationError: It failed; the message carries its last line.
    """
    tool = sumo_binary().parents[1] / "tools" / name
    _run(name, [sys.executable, str(tool), *map(str, arguments)])


def run_program(name: str, arguments: Iterable[object]) -> None:
    """Run a program that lies beside ``sumo``, such as ``duarouter``.

    Raises:
        SimulationError: It failed; the message carries its last line.
    """
    _run(name, [str(sumo_binary().with_name(name)), *map(str, arguments)])


def _run(name: str, command: list[str]) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            env={**os.environ, "SUMO_HOME": str(sumo_binary().parents[1])},
            preexec_fn=die_with_parent,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SimulationError(f"SUMO's {name} did not run: {error}") from error
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        reason = said[-1].strip() if said else f"exit status {done.returncode}"
        raise SimulationError(f"SUMO's {name} failed: {reason}")
