"""Lets SUMO record one signal, and reads the record into a :class:`SignalCourse`.

Instantaneous induction loops lie where an engineer would put them: at the stop line, a short drive
before it, and in advance. SUMO writes the states itself, whoever set them, so that its own programs
and ours are recorded alike. Nothing of it changes the traffic. Ids of vehicles are dropped while
the file is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from signalrl.errors import SimulationError
from signalrl.network.model import Network, Signal
from signalrl.network.timing import TimingRules
from signalrl.sumo.corridor import Corridor
from signalrl.sumo.course import (
    Approach,
    CorridorCourse,
    Occupied,
    PhaseCourse,
    Shown,
    SignalCourse,
    Stop,
    StopLane,
)
from signalrl.sumo.programs import stored_programs
from signalrl.sumo.roads import Road, phase_greens, phase_names, roads_of
from signalrl.sumo.xml import incomplete, read_output
from signalrl.sumo.zones import Spot, spots_upstream

STOP_M = 1.5
"""Distance of the loop at the stop line; the first vehicle of a queue stands on it."""
GAP_S = 2.0
"""The loops that tell whether more vehicles follow lie this drive before the stop line, where
SUMO's actuated programs have theirs (``detector-gap``)."""
ADVANCE_M = 100.0
"""Distance of the loops that see vehicles arrive: beyond most queues, near enough to know when they
will be at the stop line."""
_PREFIX = "signalrl-"
_EVENT = re.compile(r'id="signalrl-(\d+)" time="([^"]+)" state="(enter|leave)"')
_EMPTY = re.compile(r"<instantE1[^>]*/>")


@dataclass(frozen=True, slots=True)
class Recording:
    """What is recorded, and where.

    Attributes:
        additional: The file for SUMO's ``--additional-files``.
        loops: Where SUMO writes what the loops see.
        states: Where it writes the states.
        signal: The signal that is looked at.
        roads: The roads that lead to it.
        spots: The loops, in the order of their ids, each with what it is for.
        phases: The names and greens of its phases.
        corridor: The corridor that is recorded with it.
    """

    additional: Path
    loops: Path
    states: Path
    signal: Signal
    roads: tuple[Road, ...]
    spots: tuple[tuple[str, Spot], ...]
    phases: tuple[PhaseCourse, ...]
    corridor: Corridor | None


def write_recording(
    net: Any,
    network: Network,
    signal: str,
    folder: Path,
    *,
    corridor: Corridor | None = None,
    rules: TimingRules | None = None,
    additional: Sequence[Path] = (),
) -> Recording:
    """Write the additional file that makes SUMO record a signal.

    Args:
        net: What :func:`signalrl.sumo.reader.load_net` returned.
        network: The signals under control.
        signal: Id of the one to record.
        folder: Existing folder for the file and for what SUMO writes.
        corridor: Signals whose states are recorded too.
        rules: Limits of our own control loop; None where SUMO's programs run.
        additional: Files whose programs replace those of the network where they run.
    """
    chosen = next(s for s in network.signals if s.id == signal)
    roads, spots = roads_of(net, chosen), _spots(net, chosen)
    recording = Recording(
        folder / "signal.add.xml",
        folder / "signal-loops.xml",
        folder / "signal-states.xml",
        chosen,
        roads,
        spots,
        _phases(net, chosen, rules, additional),
        corridor,
    )
    root = ET.Element("additional")
    signals = {signal, *(stop.signal for stop in (corridor.stops if corridor else ()))}
    for name in sorted(signals):
        ET.SubElement(
            root,
            "timedEvent",
            type="SaveTLSSwitchStates",
            source=name,
            dest=str(recording.states.resolve()),
        )
    for number, (_, spot) in enumerate(spots):
        ET.SubElement(
            root,
            "instantInductionLoop",
            id=f"{_PREFIX}{number}",
            lane=spot.lane,
            pos=f"{spot.at_m:g}",
            friendlyPos="true",
            file=str(recording.loops.resolve()),
        )
    ET.indent(root)
    ET.ElementTree(root).write(recording.additional, encoding="utf-8", xml_declaration=True)
    return recording


def read_recording(recording: Recording, begin_s: float, end_s: float) -> SignalCourse:
    """Read what SUMO recorded; call it after the simulation was closed.

    Args:
        recording: What :func:`write_recording` returned.
        begin_s: Begin of the episode.
        end_s: Its end.

    Raises:
        SimulationError: A file is missing or incomplete.
    """
    shown = _read_states(recording.states)
    seen = _read_loops(recording.loops, len(recording.spots), end_s)
    by_use: dict[str, list[tuple[Spot, Occupied]]] = {}
    for (use, spot), occupied in zip(recording.spots, seen, strict=True):
        by_use.setdefault(use, []).append((spot, occupied))
    lanes = tuple(
        StopLane(
            lane,
            tuple(sorted({k.position for k in recording.signal.links if k.from_lane == lane})),
            _merged(by_use[f"stop {lane}"]),
            _merged(by_use[f"gap {lane}"]),
        )
        for lane in recording.signal.approach_lanes
    )
    approaches = [_approach(road, by_use[f"arrival {road.edge}"]) for road in recording.roads]
    return SignalCourse(
        signal=recording.signal.id,
        begin_s=begin_s,
        end_s=end_s,
        phases=recording.phases,
        shown=_of(shown, recording.signal.id),
        lanes=lanes,
        approaches=tuple(sorted(approaches, key=lambda a: -len(a.arrival_s))),
        corridor=_corridor(recording.corridor, shown),
    )


def _spots(net: Any, signal: Signal) -> tuple[tuple[str, Spot], ...]:
    found: list[tuple[str, Spot]] = []
    for lane in signal.approach_lanes:
        speed = float(net.getLane(lane).getSpeed())
        found += [(f"stop {lane}", spot) for spot in spots_upstream(net, lane, STOP_M)]
        found += [(f"gap {lane}", spot) for spot in spots_upstream(net, lane, GAP_S * speed)]
    for road in roads_of(net, signal):
        spots = {
            spot.lane: spot for lane in road.lanes for spot in spots_upstream(net, lane, ADVANCE_M)
        }
        found += [(f"arrival {road.edge}", spots[lane]) for lane in sorted(spots)]
    return tuple(found)


def _phases(
    net: Any, signal: Signal, rules: TimingRules | None, additional: Sequence[Path]
) -> tuple[PhaseCourse, ...]:
    stored = phase_greens(signal, signal.program)
    if rules is None:
        programs = stored_programs(net, additional).get(signal.id) or [signal.program]
        longest = [
            None
            if times is None or times[1] >= times[2] or programs[-1].type == "static"
            else times[2]
            for times in phase_greens(signal, programs[-1])
        ]
    else:
        longest = [rules.max_green_s] * len(signal.phases)
    return tuple(
        PhaseCourse(phase.state, name, None if times is None else times[0], limit)
        for phase, name, times, limit in zip(
            signal.phases, phase_names(net, signal), stored, longest, strict=True
        )
    )


def _approach(road: Road, seen: Sequence[tuple[Spot, Occupied]]) -> Approach:
    arrivals = sorted(
        round(entered + spot.drive_s, 2)
        for spot, occupied in seen
        for entered in occupied.entered_s
    )
    mean_m = sum(spot.before_m for spot, _ in seen) / len(seen)
    return Approach(road.edge, road.name, road.main, round(mean_m, 1), tuple(arrivals))


def _corridor(corridor: Corridor | None, shown: Mapping[str, Shown]) -> CorridorCourse | None:
    if corridor is None:
        return None
    stops = tuple(
        Stop(
            s.signal,
            s.distance_m,
            s.forward,
            s.backward,
            s.forward_s,
            s.backward_s,
            _of(shown, s.signal),
        )
        for s in corridor.stops
    )
    return CorridorCourse(corridor.forward, corridor.backward, stops)


def _of(shown: Mapping[str, Shown], signal: str) -> Shown:
    if signal not in shown:
        raise SimulationError(
            f"expected SUMO to record the states of signal {signal!r}, got none; "
            "the simulation ended early: run the episode again"
        )
    return shown[signal]


def _merged(seen: Sequence[tuple[Spot, Occupied]]) -> Occupied:
    """Return when any of several detectors was occupied."""
    starts: list[float] = []
    ends: list[float] = []
    for start_s, end_s in sorted(
        span
        for _, occupied in seen
        for span in zip(occupied.entered_s, occupied.left_s, strict=True)
    ):
        if ends and start_s <= ends[-1]:
            ends[-1] = max(ends[-1], end_s)
        else:
            starts.append(start_s)
            ends.append(end_s)
    return Occupied(tuple(starts), tuple(ends))


def _read_states(path: Path) -> dict[str, Shown]:
    """Return the states of each signal; one that is written again as it was is left out."""
    times: dict[str, list[float]] = {}
    states: dict[str, list[str]] = {}
    for element in read_output(path):
        a = element.attrib
        if element.tag == "tlsState" and states.get(a["id"], [""])[-1] != a["state"]:
            times.setdefault(a["id"], []).append(float(a["time"]))
            states.setdefault(a["id"], []).append(a["state"])
    return {name: Shown(tuple(times[name]), tuple(states[name])) for name in times}


def _read_loops(path: Path, count: int, end_s: float) -> list[Occupied]:
    """Return what each loop saw, without who it was.

    A line is written for each second in which a vehicle stands on a loop, so these are skipped
    without being parsed.
    """
    entered: list[list[float]] = [[] for _ in range(count)]
    left: list[list[float]] = [[] for _ in range(count)]
    try:
        with path.open(encoding="utf-8") as lines:
            last = ""
            for line in lines:
                last = line or last
                event = _EVENT.search(line)
                if event is None:
                    continue
                loop, time_s = int(event[1]), round(float(event[2]), 2)
                if event[3] == "enter":
                    if len(entered[loop]) > len(left[loop]):  # who was on it has vanished
                        left[loop].append(time_s)
                    entered[loop].append(time_s)
                elif len(entered[loop]) > len(left[loop]):
                    left[loop].append(time_s)
    except OSError as error:
        raise incomplete(path, error) from error
    if not last.startswith("</instantE1>") and not _EMPTY.match(last):
        raise incomplete(path, "no end")
    for starts, ends in zip(entered, left, strict=True):
        ends += [end_s] * (len(starts) - len(ends))
    return [Occupied(tuple(a), tuple(b)) for a, b in zip(entered, left, strict=True)]
