"""Runs the tools of the installed SUMO, and prepares what they read."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as ET

from signalrl.benchmark.programs.logic import Logic, logic_element
from signalrl.benchmark.programs.site import Site
from signalrl.errors import BenchmarkError
from signalrl.sumo.process import die_with_parent, sumo_binary
from signalrl.sumo.programs import GZIP_MAGIC

TIMEOUT_S = 300.0


def run_tool(name: str, arguments: Iterable[str | Path]) -> None:
    """Run a Python tool of SUMO's folder ``tools``.

    Raises:
        BenchmarkError: It failed; the message carries its last line.
    """
    tool = sumo_binary().parents[1] / "tools" / name
    _run(name, [sys.executable, str(tool), *map(str, arguments)])


def routed_vehicles(site: Site) -> Path:
    """Write the traffic of the episode as vehicles with routes, by SUMO's ``duarouter``.

    Trips are routed through the empty network, as SUMO does when it inserts them; vehicles that
    have a route keep it. Only those that depart within the episode are written.

    Raises:
        BenchmarkError: The tool failed.
    """
    traffic = site.traffic()
    path = site.folder / "vehicles.rou.xml"
    arguments = [
        *("--net-file", site.scenario.network_file),
        *("--route-files", ",".join(map(str, traffic.route_files))),
        *("--begin", site.scenario.begin_s),
        *("--end", site.scenario.end_s),
        *("--seed", traffic.sumo_seed),
        *("--scale", traffic.scale),
        *("--output-file", path),
        *("--skip-new-routes", "--ignore-errors", "--no-warnings", "--no-step-log"),
    ]
    if site.scenario.additional_files:  # they may define vehicle types
        arguments += ["--additional-files", ",".join(map(str, site.scenario.additional_files))]
    _run("duarouter", [str(sumo_binary().with_name("duarouter")), *map(str, arguments)])
    return path


def network_with(site: Site, logics: Iterable[Logic], name: str) -> Path:
    """Write a copy of the network in which signals have one program each, that of ``logics``.

    The tools read programs from the network file only, and take every one of them.
    """
    source, path = site.scenario.network_file, site.folder / name
    own = {logic.signal: logic for logic in logics}
    with source.open("rb") as file:
        zipped = file.read(2) == GZIP_MAGIC
    with gzip.open(source) if zipped else source.open("rb") as file:
        root = ET.parse(file).getroot()
    stored = root.findall("tlLogic")
    at = list(root).index(stored[0]) if stored else len(root)
    for element in stored:
        if element.attrib["id"] in own:
            root.remove(element)
    for logic in own.values():
        root.insert(at, logic_element(logic))
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return path


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
        raise BenchmarkError(f"SUMO's {name} did not run: {error}") from error
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        reason = said[-1].strip() if said else f"exit status {done.returncode}"
        raise BenchmarkError(f"SUMO's {name} failed: {reason}")
