"""Runs the preflight over a network file."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from signalrl.files import suggestion
from signalrl.network.phases import control
from signalrl.network.preflight import Report, check_signal, report
from signalrl.network.program_checks import Finding
from signalrl.network.timing import TimingRules
from signalrl.scenario.demand_schema import Demand
from signalrl.scenario.schema import Scenario
from signalrl.sumo.programs import stored_programs
from signalrl.sumo.reader import build_network, load_net, selection, stored_signals
from signalrl.sumo.zones import DETECTION_RANGE_M, detection_zones, seen_m


def check_network(
    path: Path | str,
    rules: TimingRules | None = None,
    signals: Sequence[str] | None = None,
    additional: Iterable[Path | str] = (),
    source: str = "",
) -> Report:
    """Report on every signal of a network file, also where none can be controlled.

    Args:
        path: The network file.
        rules: The timing that is required; the default derives it from speed and geometry.
        signals: Ids of the signals to control, or None for all.
        additional: Further SUMO files; programs in them replace those of the network.
        source: What the report calls it, the path if empty.

    Raises:
        NetworkError: A file can't be read, or a named signal is not in the network.
    """
    rules = rules or TimingRules()
    additional = tuple(additional)
    net = load_net(path)
    stored = stored_signals(net, additional)
    wanted = selection(path, stored, signals)
    seen: dict[str, dict[str, float]] = {signal_id: {} for signal_id in stored}
    for zone in detection_zones(net, stored.values(), DETECTION_RANGE_M):
        seen[zone.signal][zone.lane] = seen_m(net, zone)
    reports = [check_signal(s, rules, seen[s.id], s.id in wanted) for s in stored.values()]
    controlled = [control(stored[r.id]) for r in reports if r.controlled]
    network = build_network(net, controlled) if controlled else None
    return report(
        source or str(path),
        reports,
        network.hash if network else "",
        stray=stored_programs(net, additional).keys() - stored.keys(),
    )


def check_scenario(scenario: Scenario) -> Report:
    """Report on the signals of a scenario, and on whether its drawn traffic has ways to drive.

    Raises:
        ConfigError: A file of the scenario is missing.
        NetworkError: Its network can't be read, or has not the signals that it names.
    """
    found = check_network(
        scenario.network_file,
        scenario.timing,
        None if scenario.signals == "all" else scenario.signals,
        scenario.additional_files,
        source=scenario.name,
    )
    if scenario.demand is None:
        return found
    findings = check_demand(load_net(scenario.network_file), scenario.demand)
    return replace(found, findings=(*found.findings, *findings))


def check_demand(net: Any, demand: Demand) -> list[Finding]:
    """Return what of a drawn demand the network can't carry.

    Args:
        net: What :func:`signalrl.sumo.reader.load_net` returned.
        demand: The flows and surges.
    """
    known = sorted(edge.getID() for edge in net.getEdges(withInternal=False))
    findings = []
    for name, edges, pairs in _ways_of(demand):
        if missing := [edge for edge in edges if not net.hasEdge(edge)]:
            findings.append(
                Finding(
                    "error",
                    "unknown-edge",
                    f"{name}: expected edges of the network, got {missing[0]!r}"
                    f"{suggestion(missing[0], known)}; mend the demand in scenario.yaml",
                )
            )
            continue
        for start, end in pairs:
            if net.getShortestPath(net.getEdge(start), net.getEdge(end))[0] is None:
                findings.append(
                    Finding(
                        "error",
                        "no-way",
                        f"{name}: expected a way from {start!r} to {end!r}, found none; mend the "
                        "demand in scenario.yaml (are from and to swapped?)",
                    )
                )
    return findings


def _ways_of(demand: Demand) -> Iterator[tuple[str, Sequence[str], Sequence[tuple[str, str]]]]:
    """Yield the name, the edges and the pairs of ends of each flow and surge."""
    for i, flow in enumerate(demand.flows):
        edges = (flow.origin, flow.destination, *flow.route)
        steps = tuple(itertools.pairwise(flow.route))
        yield f"demand.flows.{i}", edges, steps or ((flow.origin, flow.destination),)
    for i, surge in enumerate(demand.surges):
        origins, destinations = _names(surge.origin), _names(surge.destination)
        pairs = tuple(itertools.product(origins, destinations))
        yield f"demand.surges.{i}", (*origins, *destinations), pairs


def _names(edges: str | Mapping[str, float]) -> tuple[str, ...]:
    return (edges,) if isinstance(edges, str) else tuple(edges)
