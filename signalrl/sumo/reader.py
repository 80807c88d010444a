"""Reads a SUMO network into :class:`signalrl.network.model.Network`."""

from __future__ import annotations

import math
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.sax import SAXException

import numpy as np
import sumolib

from signalrl.errors import NetworkError
from signalrl.network.model import (
    BoolArray,
    Lane,
    Link,
    Network,
    Program,
    Signal,
    StoredSignal,
)
from signalrl.network.phases import control
from signalrl.sumo.programs import stored_programs
from signalrl.sumo.zones import DETECTION_RANGE_M, detection_zones

RAILWAY_JUNCTIONS = frozenset({"rail_signal", "rail_crossing"})
RAILWAY_CLASSES = frozenset({"rail", "rail_urban", "rail_electric", "rail_fast", "subway"})


def read_network(
    path: Path | str,
    signals: Sequence[str] | None = None,
    additional: Iterable[Path | str] = (),
    detection_range_m: float = DETECTION_RANGE_M,
) -> Network:
    """Read the signals of a ``.net.xml`` or ``.net.xml.gz`` file and the lanes around them.

    Args:
        path: The network file.
        signals: Ids of the signals to control, or None for all that can be controlled.
        additional: Further SUMO files; programs in them replace those of the network.
        detection_range_m: How far before the stop line vehicles are seen.

    Returns:
        The network. Signals left out for a reason are listed in ``Network.uncontrolled``.

    Raises:
        NetworkError: The file is no SUMO network, or a named signal can't be controlled.
    """
    net = load_net(path)
    stored = stored_signals(net, additional)
    wanted = selection(path, stored, signals)
    controlled: list[Signal] = []
    uncontrolled: list[tuple[str, str]] = []
    for signal_id, signal in stored.items():
        reason = "not selected"
        if signal_id in wanted:
            try:
                controlled.append(control(signal))
                continue
            except NetworkError as error:
                reason = str(error)
                if signals is not None:
                    raise NetworkError(f"{path}: {reason}", code=error.code) from error
        uncontrolled.append((signal_id, reason))
    if not controlled:
        why = "; ".join(reason for _, reason in uncontrolled[:3]) or "it has no traffic light"
        raise NetworkError(
            f"{path}: expected at least one signal that can be controlled, got none ({why}); "
            "run `signalrl check` on the file",
            code="nothing-to-control",
        )
    return build_network(net, controlled, uncontrolled, detection_range_m)


def build_network(
    net: Any,
    signals: Iterable[Signal],
    uncontrolled: Iterable[tuple[str, str]] = (),
    detection_range_m: float = DETECTION_RANGE_M,
) -> Network:
    """Put signals and the lanes around them together.

    Args:
        net: What :func:`load_net` returned.
        signals: The signals under control.
        uncontrolled: Ids of the others, with the reason.
        detection_range_m: How far before the stop line vehicles are seen.
    """
    signals = tuple(sorted(signals, key=lambda signal: signal.id))
    zones = detection_zones(net, signals, detection_range_m)
    lane_ids = {part.lane for zone in zones for part in zone.parts} | {
        link.to_lane for signal in signals for link in signal.links if not link.crossing
    }
    return Network(
        signals=signals,
        lanes=tuple(_lane(net, lane_id) for lane_id in sorted(lane_ids)),
        zones=zones,
        uncontrolled=tuple(uncontrolled),
    )


def load_net(path: Path | str) -> Any:
    """Parse a network file with sumolib, internal lanes and crossings included.

    Raises:
        NetworkError: The file is missing or is no SUMO network.
    """
    path = Path(path)
    if not path.is_file():
        what = "a folder" if path.is_dir() else "something else" if path.exists() else "no file"
        raise NetworkError(
            f"expected a SUMO network (.net.xml or .net.xml.gz) or a folder with a scenario.yaml, "
            f"got {what} at {path}; give the path of the file",
            code="unreadable",
        )
    try:
        # sumolib takes lxml where it is installed, whose errors and results differ.
        net = sumolib.net.readNet(
            str(path),
            withPrograms=True,
            withInternal=True,
            withPedestrianConnections=True,
            lxml=False,
        )
    except (
        AttributeError,
        EOFError,
        LookupError,
        OSError,
        SAXException,
        TypeError,
        ValueError,
        zlib.error,
    ) as error:
        what = str(error) or repr(error)
        if isinstance(error, KeyError):
            what = f"no {error}"
        raise NetworkError(
            f"{path}: expected a SUMO network, got something that can't be read ({what}); "
            "build it with netconvert or netedit",
            code="unreadable",
        ) from error
    if not net.getEdges():
        raise NetworkError(
            f"{path}: expected a SUMO network, got a file without edges; "
            "build it with netconvert or netedit",
            code="unreadable",
        )
    return net


def stored_signals(net: Any, additional: Iterable[Path | str] = ()) -> dict[str, StoredSignal]:
    """Return every signal that controls a link, as it is stored, sorted by id.

    Args:
        net: What :func:`load_net` returned.
        additional: Further SUMO files; programs in them replace those of the network.

    Raises:
        NetworkError: An additional file can't be read.
    """
    programs = stored_programs(net, additional)
    links = _connections_by_signal(net)
    return {key: _stored(net, key, links[key], programs.get(key, [])) for key in sorted(links)}


def selection(
    path: Path | str, stored: dict[str, StoredSignal], signals: Sequence[str] | None
) -> set[str]:
    """Return the ids to control: those named, or all.

    Raises:
        NetworkError: A name is not in the network.
    """
    if unknown := sorted(set(signals or ()) - stored.keys()):
        known = ", ".join(stored) or "none"
        raise NetworkError(
            f"{path}: expected ids of its signals, got {unknown[0]!r}; the network has: {known}",
            code="unknown-signal",
        )
    return set(stored if signals is None else signals)


def _connections_by_signal(net: Any) -> dict[str, list[Any]]:
    """Return the connections that each traffic light controls, by its id.

    A connection that starts inside the junction is the second stage of an indirect turn. Where
    others share its position, their conflicts cover its own, and no lane leads to it: it is left
    out.
    """
    found: dict[str, list[Any]] = defaultdict(list)
    for edge in net.getEdges(withInternal=True):
        for lane in edge.getLanes():
            for connection in lane.getOutgoing():
                if connection.getTLSID():
                    found[connection.getTLSID()].append(connection)
    for signal_id, connections in found.items():
        first = {c.getTLLinkIndex() for c in connections if not _second_stage(c)}
        found[signal_id] = [
            c for c in connections if not _second_stage(c) or c.getTLLinkIndex() not in first
        ]
    return dict(found)


def _second_stage(connection: Any) -> bool:
    return bool(connection.getFromLane().getEdge().getFunction() == "internal")


def _stored(
    net: Any, signal_id: str, connections: list[Any], programs: list[Program]
) -> StoredSignal:
    running = next((p.steps[0].state for p in reversed(programs) if p.steps), "")
    size = max(len(running), *(c.getTLLinkIndex() + 1 for c in connections))
    links = sorted(
        (_link(net, connection) for connection in connections),
        key=lambda link: (link.position, link.from_lane, link.to_lane),
    )
    foes, yields, unjudged = _conflicts(net, connections, size)
    return StoredSignal(
        id=signal_id,
        junctions=tuple(sorted({_junction(c).getID() for c in connections})),
        links=tuple(links),
        programs=tuple(programs),
        foes=foes,
        yields=yields,
        railway=_railway(connections),
        unjudged=unjudged,
    )


def _railway(connections: list[Any]) -> str:
    if rail := sorted({_junction(c).getType() for c in connections} & RAILWAY_JUNCTIONS):
        return str(rail[0]).replace("_", " ")
    classes = [connection.getFromLane().getPermissions() for connection in connections]
    if all(allowed and allowed <= RAILWAY_CLASSES for allowed in classes):
        return "signal on tracks"
    return ""


def _link(net: Any, connection: Any) -> Link:
    from_lane, to_lane = connection.getFromLane(), connection.getToLane()
    # The far side of a crossing may have a signal of its own: its connection starts there.
    crossing = next((lane for lane in (to_lane, from_lane) if _is_crossing(lane)), None)
    path = [crossing] if crossing is not None else _path(net, connection)
    length_m = sum(lane.getLength() for lane in path)
    if not path:  # a network without internal lanes: straight through the junction
        length_m = math.dist(from_lane.getShape()[-1], to_lane.getShape()[0])
    return Link(
        position=connection.getTLLinkIndex(),
        from_lane=from_lane.getID(),
        to_lane=to_lane.getID(),
        direction=connection.getDirection(),
        length_m=round(length_m, 2),
        speed_m_s=from_lane.getSpeed(),
        path_speed_m_s=min(lane.getSpeed() for lane in (from_lane, *path)),
        crossing=crossing is not None,
    )


def _path(net: Any, connection: Any) -> list[Any]:
    """Return the internal lanes that a connection follows through the junction, in order."""
    lanes: list[Any] = []
    via = connection.getViaLaneID()
    while via:
        lanes.append(net.getLane(via))
        via = next((c.getViaLaneID() for c in lanes[-1].getOutgoing() if c.getViaLaneID()), "")
    return lanes


def _is_crossing(lane: Any) -> bool:
    return bool(lane.getEdge().getFunction() == "crossing")


def _junction(connection: Any) -> Any:
    return connection.getFromLane().getEdge().getToNode()


def _conflicts(
    net: Any, connections: list[Any], size: int
) -> tuple[BoolArray, BoolArray, tuple[int, ...]]:
    """Return which positions conflict, which yields to which, and of which nothing is known.

    The junctions of the network tell it in their right-of-way tables, one row of bits per way.
    """
    foes = np.zeros((size, size), dtype=np.bool_)
    yields = np.zeros((size, size), dtype=np.bool_)
    nodes: dict[str, Any] = {}
    members: dict[str, list[tuple[int, int]]] = defaultdict(list)
    unjudged = set()
    for connection in connections:
        node, position = _junction(connection), connection.getTLLinkIndex()
        row = _request_row(net, node, connection)
        rows = len(node._foes)
        if len(node._foes.get(row, "")) == len(node._prohibits.get(row, "")) == rows > 0:
            nodes[node.getID()] = node
            members[node.getID()].append((row, position))
        else:
            unjudged.add(position)
    for node_id, node in nodes.items():
        for row, position in members[node_id]:
            for other, other_position in members[node_id]:
                if position != other_position and node._foes[row][-(other + 1)] == "1":
                    foes[position, other_position] = foes[other_position, position] = True
                    if node._prohibits[row][-(other + 1)] == "1":
                        yields[position, other_position] = True
    return foes, yields, tuple(sorted(unjudged))


def _request_row(net: Any, node: Any, connection: Any) -> int:
    """Return a connection's row in the junction's right-of-way table, -1 where it has none.

    Row by row, the junction lists the last lane of each way through it. A network without such
    lanes is counted through instead.
    """
    ends = [
        lane for lane in (connection.getToLane(), connection.getFromLane()) if _is_crossing(lane)
    ]
    last = (ends or _path(net, connection)[-1:] or [None])[0]
    if last is not None:
        internal = node.getInternal()
        return int(internal.index(last.getID())) if last.getID() in internal else -1
    return int(node.getLinkIndex(connection))


def _lane(net: Any, lane_id: str) -> Lane:
    lane = net.getLane(lane_id)
    return Lane(lane_id, lane.getEdge().getID(), lane.getLength(), lane.getSpeed())
