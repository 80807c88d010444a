"""Finds the ways that drivers take, with SUMO's own ``duarouter``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

import numpy as np
import numpy.typing as npt

from signalrl.scenario.schema import Scenario
from signalrl.sumo.tools import run_program
from signalrl.sumo.xml import elements

SPREAD = 1.3
"""Drivers differ in what they take for the fastest way: each sees the time on each road times a
factor drawn from 1 to this."""
_quoted = lru_cache(maxsize=None)(quoteattr)
_BIN_S = 100_000.0
"""Length of a bin for the router: no way takes so long that its driver sees the next one."""


@dataclass(frozen=True, slots=True)
class Trip:
    """A wish to drive.

    Attributes:
        depart_s: When, in simulated s.
        origin: Edge where it begins.
        destination: Edge where it ends.
    """

    depart_s: float
    origin: str
    destination: str


def read_traffic(scenario: Scenario) -> list[tuple[Trip, tuple[str, ...]]]:
    """Return what the fixed route files of a scenario drive, flows expanded.

    Returns:
        Of each vehicle its trip and the edges of its way, none where the file leaves the way to
        the driver.

    Raises:
        ConfigError: A file is missing.
        SimulationError: SUMO can't read one.
    """
    with tempfile.TemporaryDirectory(prefix="signalrl-ways-") as folder:
        found = _route(
            scenario, scenario.route_files, Path(folder) / "out.rou.xml", scenario.additional_files
        )
    free = {name for path in scenario.route_files for name in _without_way(path)}
    return [
        (Trip(depart_s, way[0], way[-1]), () if {name, name.rpartition(".")[0]} & free else way)
        for name, depart_s, way in found
    ]


def find_ways(
    scenario: Scenario,
    trips: Sequence[Trip],
    times_s: Mapping[str, npt.NDArray[np.float64]] | None = None,
    bin_s: float = 900.0,
    begin_s: float = 0.0,
    seed: int = 1,
) -> list[tuple[str, ...]]:
    """Return the way of each trip, as edges; empty where there is none.

    Args:
        scenario: Whose network.
        trips: Who wants to drive, in any order.
        times_s: Travel time of edges in each time bin from ``begin_s`` on, in s, ``(bins,)``; of
            all others, and without it, that of empty roads. Drivers know those of the bin in which
            they set off, as SUMO's do.
        bin_s: Length of a bin in s.
        begin_s: Simulated second at which the first bin begins; nobody sets off before.
        seed: Decides how drivers differ.

    Raises:
        SimulationError: SUMO can't find any.
    """
    with tempfile.TemporaryDirectory(prefix="signalrl-ways-") as folder:
        path, out = Path(folder) / "trips.xml", Path(folder) / "out.rou.xml"
        bins = [int((trip.depart_s - begin_s) // bin_s) for trip in trips]
        order = sorted(range(len(trips)), key=bins.__getitem__)
        lines = (
            f'<trip id="{i}" depart="{bins[i] * _BIN_S:.2f}" from={_quoted(trips[i].origin)} '
            f"to={_quoted(trips[i].destination)}/>\n"
            for i in order
        )
        path.write_text("".join(["<routes>\n", *lines, "</routes>\n"]), encoding="utf-8")
        # Files of our own need no check against a schema, which takes as long as the search.
        options: list[object] = ["--seed", seed, "--xml-validation", "never"]
        options += ["--xml-validation.net", "never"]
        if times_s:
            weights = Path(folder) / "weights.xml"
            _write_weights(weights, times_s, sorted(set(bins)))
            options += ["--weight-files", weights, "--weights.expand"]
            options += ["--weights.random-factor", SPREAD]
        ways: list[tuple[str, ...]] = [()] * len(trips)
        for name, _, way in _route(scenario, [path], out, (), options):
            ways[int(name)] = way
        return ways


def _route(
    scenario: Scenario,
    routes: Iterable[Path],
    out: Path,
    additional: Iterable[Path],
    options: Iterable[object] = (),
) -> list[tuple[str, float, tuple[str, ...]]]:
    arguments: list[object] = [
        *("--net-file", scenario.network_file),
        *("--route-files", ",".join(map(str, routes))),
        *("--output-file", out, "--alternatives-output", "NUL"),
        *("--skip-new-routes", "--ignore-errors", "--no-warnings", "--no-step-log"),
        *options,
    ]
    if files := ",".join(map(str, additional)):
        arguments += ["--additional-files", files]
    run_program("duarouter", arguments)
    return _read_ways(out)


def _read_ways(path: Path) -> list[tuple[str, float, tuple[str, ...]]]:
    """Return id, departure and way of each vehicle, without a tree: there are many."""
    found: list[tuple[str, float, tuple[str, ...]]] = []
    vehicle: dict[str, str] = {}

    def begin(tag: str, attributes: dict[str, str]) -> None:
        nonlocal vehicle
        if "depart" in attributes:
            vehicle = attributes
        elif tag == "route" and vehicle:
            way = tuple(attributes["edges"].split())
            found.append((vehicle["id"], float(vehicle["depart"]), way))
            vehicle = {}

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    with path.open("rb") as file:
        parser.ParseFile(file)
    return found


def _without_way(path: Path) -> Iterator[str]:
    """Yield the ids of the trips, and of the flows from edge to edge, of a route file."""
    for element in elements(path, "trip", "flow"):
        if element.tag == "trip" or "from" in element.attrib:
            yield element.attrib["id"]


def _write_weights(
    path: Path, times_s: Mapping[str, npt.NDArray[np.float64]], bins: Iterable[int]
) -> None:
    lines = ["<meandata>\n"]
    for i in bins:
        begin_s, end_s = i * _BIN_S, (i + 1) * _BIN_S
        lines.append(f'<interval id="ways" begin="{begin_s:.2f}" end="{end_s:.2f}">\n')
        lines += [
            f'<edge id={_quoted(edge)} traveltime="{values[i]:.1f}"/>\n'
            for edge, values in times_s.items()
        ]
        lines.append("</interval>\n")
    path.write_text("".join([*lines, "</meandata>\n"]), encoding="utf-8")
