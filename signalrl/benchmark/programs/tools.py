"""Prepares what the tools of SUMO read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as ET

from signalrl.benchmark.programs.site import Site
from signalrl.errors import NetworkError
from signalrl.sumo.logic import Logic, logic_element
from signalrl.sumo.tools import run_program
from signalrl.sumo.xml import read_xml


def routed_vehicles(site: Site) -> Path:
    """Write the traffic of the episode as vehicles with routes, by SUMO's ``duarouter``.

    Trips are routed through the empty network (SUMO takes the speeds of the moment, which nobody
    knows before); vehicles that have a route keep it. Only those that depart within the episode
    are written.

    Raises:
        SimulationError: The tool failed.
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
    run_program("duarouter", arguments)
    return path


def network_with(site: Site, logics: Iterable[Logic], name: str) -> Path:
    """Write a copy of the network in which signals have one program each, that of ``logics``.

    The tools read programs from the network file only, and take every one of them.
    """
    source, path = site.scenario.network_file, site.folder / name
    own = {logic.signal: logic for logic in logics}
    root = read_xml(source, "a network of SUMO", NetworkError)
    stored = root.findall("tlLogic")
    at = list(root).index(stored[0]) if stored else len(root)
    for element in stored:
        if element.attrib["id"] in own:
            root.remove(element)
    for logic in own.values():
        root.insert(at, logic_element(logic))
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return path
