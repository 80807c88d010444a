"""Runs the preflight over a network file, and over the traffic and the gates of a scenario."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from signalrl.files import suggestion
from signalrl.network.gridlock import core_edges
from signalrl.network.model import Network
from signalrl.network.phases import control
from signalrl.network.preflight import Report, check_signal, report
from signalrl.network.program_checks import Finding
from signalrl.network.timing import TimingRules
from signalrl.scenario.catalog import FILE
from signalrl.scenario.demand_schema import Demand
from signalrl.scenario.event_demand import Season, load_season
from signalrl.scenario.plausible import implausible
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import scenario_network
from signalrl.sumo.programs import stored_programs
from signalrl.sumo.reader import build_network, load_net, selection, stored_signals
from signalrl.sumo.zones import DETECTION_RANGE_M, detection_zones, seen_m

Ways: TypeAlias = tuple[str, Sequence[str], Sequence[tuple[str, str]], Sequence[str]]
"""Name of a part of the traffic, all edges that it names, between which it wants to drive, and the
classes of its vehicles."""


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
    """Report on the signals of a scenario, on ways for its drawn traffic, and on its gates.

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
    findings: list[Finding] = []
    net = load_net(scenario.network_file)
    if scenario.demand is not None:
        findings += check_ways(net, _ways_of(scenario.demand), FILE)
    season = None
    if scenario.events is not None:
        season = load_season(scenario)
        findings += check_ways(
            net, _ways_of_visitors(season, scenario.events.vehicle.vclass), scenario.events.venues
        )
        findings += [Finding("warning", "calendar", str(note)) for note in season.notes]
    findings += [Finding("warning", *one) for one in implausible(scenario, season)]
    if scenario.metering is not None:
        findings += check_gates(net, scenario.metering.gates, FILE)
        findings += check_core(net, scenario_network(scenario))
    return replace(found, findings=(*found.findings, *findings))


def check_ways(net: Any, ways: Iterable[Ways], file: str) -> list[Finding]:
    """Return what of drawn traffic the network can't carry.

    Args:
        net: What :func:`signalrl.sumo.reader.load_net` returned.
        ways: The traffic.
        file: Where it is to be mended.
    """
    findings = []
    for name, edges, pairs, classes in ways:
        if missing := [edge for edge in edges if not net.hasEdge(edge)]:
            findings.append(_unknown(net, name, missing[0], file))
            continue
        for (start, end), vclass in itertools.product(pairs, classes):
            ends = net.getEdge(start), net.getEdge(end)
            if net.getShortestPath(*ends, vClass=vclass)[0] is None:
                findings.append(
                    Finding(
                        "error",
                        "no-way",
                        f"{name}: expected a way from {start!r} to {end!r} for a vehicle of class "
                        f"{vclass}, found none; mend it in {file} (are the ends swapped, or does "
                        "an edge let other classes pass only?)",
                    )
                )
    return findings


def check_gates(net: Any, gates: Mapping[str, str], file: str) -> list[Finding]:
    """Return which gates can't stand where they are to; arguments as of :func:`check_ways`."""
    findings = []
    for name, edge in gates.items():
        where = f"metering.gates.{name}"
        if not net.hasEdge(edge):
            findings.append(_unknown(net, where, edge, file))
        elif net.getEdge(edge).getIncoming():
            findings.append(
                Finding(
                    "error",
                    "gate-inside",
                    f"{where}: expected an edge on which vehicles enter the network, got {edge!r}, "
                    f"to which they come from others; put the gate farther outside in {file}",
                )
            )
    return findings


def check_core(net: Any, network: Network) -> list[Finding]:
    """Return which streets between signals the accumulation of a district leaves out.

    Args:
        net: What :func:`signalrl.sumo.reader.load_net` returned.
        network: Its signals.
    """
    links = [link for signal in network.signals for link in signal.links if not link.crossing]
    stop_lines = {net.getLane(link.from_lane).getEdge().getID() for link in links}
    left = [net.getLane(link.to_lane).getEdge() for link in links]
    reached: set[str] = set()
    while left:  # onwards from each signal, through joints without one, to the next stop line
        edge = left.pop()
        if edge.getID() in reached:
            continue
        reached.add(edge.getID())
        if edge.getID() not in stop_lines:
            left += [other for other in edge.getOutgoing() if other.getFunction() == ""]
    between = reached & stop_lines
    missing = sorted(between - core_edges(network))
    if not missing:
        return []
    return [
        Finding(
            "warning",
            "core",
            f"metering: {len(missing)} of {len(between)} streets between signals are not counted, "
            f"such as that to {missing[0]!r}: a joint without a signal divides them farther from "
            f"the stop line than the detectors reach ({DETECTION_RANGE_M:g} m). Gates and the risk "
            "of gridlock know less of the district than is there; join their edges (netconvert "
            "--geometry.remove)",
        )
    ]


def _unknown(net: Any, where: str, edge: str, file: str) -> Finding:
    known = sorted(edge.getID() for edge in net.getEdges(withInternal=False))
    return Finding(
        "error",
        "unknown-edge",
        f"{where}: expected edges of the network, got {edge!r}{suggestion(edge, known)}; "
        f"mend it in {file}",
    )


def _ways_of(demand: Demand) -> Iterator[Ways]:
    """Yield the ways of each flow and surge."""
    shares = {name: kind.share for name, kind in demand.vehicles.items()}

    def classes(mix: Mapping[str, float]) -> list[str]:
        wanted = [name for name, part in (mix or shares).items() if part > 0]
        return sorted({demand.vehicles[name].vclass for name in wanted})

    for i, flow in enumerate(demand.flows):
        edges = (flow.origin, flow.destination, *flow.route)
        steps = tuple(itertools.pairwise(flow.route))
        pairs = steps or ((flow.origin, flow.destination),)
        yield f"demand.flows.{i}", edges, pairs, classes(flow.mix)
    for i, surge in enumerate(demand.surges):
        origins, destinations = _names(surge.origin), _names(surge.destination)
        pairs = tuple(itertools.product(origins, destinations))
        yield f"demand.surges.{i}", (*origins, *destinations), pairs, classes(surge.mix)


def _ways_of_visitors(season: Season, vclass: str) -> Iterator[Ways]:
    """Yield the same for each car park of the venues that have events."""
    for key in sorted({event.venue for event in season.events}):
        venue = season.registry.venue(key)
        gates = venue.gates.values()
        for name, park in sorted(venue.car_parks.items()):
            come = itertools.product([gate.inbound for gate in gates], park.entrances)
            leave = itertools.product(park.exits, [gate.outbound for gate in gates])
            pairs = (*come, *leave)
            edges = tuple(dict.fromkeys(itertools.chain.from_iterable(pairs)))
            yield f"venues.{key}.car_parks.{name}", edges, pairs, (vclass,)


def _names(edges: str | Mapping[str, float]) -> tuple[str, ...]:
    return (edges,) if isinstance(edges, str) else tuple(edges)
