"""What an actuated program of SUMO needs to skip the phases that nobody calls.

SUMO's own dynamic phase selection favours phases that share lanes with the current one, so that a
busy street keeps the green from the other for minutes. So the rules are spelled out (SUMO
documentation, *Simulation/Traffic_Lights*, "Type 'actuated' with custom switching rules"): once
the current phase has gapped out, or at its longest green, the next phase in the order of the
program that has a call comes; without any call the lights rest.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from signalrl.control.measurement import VEHICLE_SPACE_M
from signalrl.network.model import Network, Signal
from signalrl.network.timing import (
    GREEN,
    Interval,
    TimingRules,
    required_red_s,
    required_yellow_s,
    transition,
    walk_clearance_s,
)
from signalrl.sumo.logic import Detector, Logic, Step

if TYPE_CHECKING:
    from signalrl.benchmark.programs.actuated import Actuation

HEADWAY_S = 1.9
"""SUMO's figure for how far a queue before a detector may reach that the shortest green clears."""
FOR_EVER_S = 100_000_000.0
STOPPED_S = 3.0
"""Who was detected this long before a red, or later, has stopped at it, or so it is taken."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How long phases may be green from some time on.

    Attributes:
        begin_s: Simulated second from which it holds.
        longest_s: Longest green of each phase in s; never below its shortest, and never above the
            city's longest.
    """

    begin_s: float
    longest_s: tuple[float, ...]


def skipping_logic(
    network: Network,
    signal: Signal,
    rules: TimingRules,
    actuation: Actuation,
    program: str,
    settings: Sequence[Setting] = (),
) -> Logic:
    """Return an actuated program of a signal that skips phases without a call.

    SUMO has one set of phases in a program. So each setting has its own copy of the greens, and
    every change leads to the copy of the setting that holds by then: nothing is cut short.

    Args:
        network: For the lanes before the stop line.
        signal: The signal.
        rules: For the changes between phases.
        actuation: The parameters.
        program: Id of the program.
        settings: What holds when, by time; all phases with the bounds of ``actuation`` by default.
    """
    if not settings:
        settings = (Setting(0.0, (actuation.max_green_s,) * len(signal.phases)),)
    lanes = _lanes(signal)
    loops = {lane: _loop(network, signal, lane, actuation) for lane in lanes}
    ids = {lane: loop.id for lane, loop in loops.items()}
    conditions = {}
    for phase in signal.phases:
        gaps = _gaps(phase.state, lanes, ids, actuation)
        calls = _calls(signal, phase.state, lanes, ids, actuation)
        conditions[f"gap{phase.index}"] = " and ".join(gaps) or "1"
        conditions[f"call{phase.index}"] = " or ".join(calls) or "0"
    offset_s, params = signal.program.offset_s, dict[str, float | str](ids)
    if len(settings) > 1:
        offset_s = 0.0
        params |= {"coordinated": "true", "cycleTime": FOR_EVER_S}
        conditions |= dict(_times(settings))
    return Logic(
        signal.id,
        "actuated",
        program,
        tuple(_steps(signal, rules, actuation, settings)),
        offset_s,
        params,
        conditions,
        tuple(loops[lane] for lane in sorted(loops)),
    )


def _times(settings: Sequence[Setting]) -> Iterator[tuple[str, str]]:
    """Yield by which condition each setting holds; ``c`` is the time in SUMO's cycle."""
    ends_s = [*(setting.begin_s for setting in settings[1:]), FOR_EVER_S]
    for number, (setting, end_s) in enumerate(zip(settings, ends_s, strict=True)):
        begin = "" if number == 0 else f"( c:0 >= {setting.begin_s:.10g} ) and "
        yield f"time{number}", f"{begin}( c:0 < {end_s:.10g} )"


def _lanes(signal: Signal) -> dict[str, list[int]]:
    lanes: dict[str, set[int]] = defaultdict(set)
    for link in signal.links:
        if not link.crossing:
            lanes[link.from_lane].add(link.position)
    return {lane: sorted(lanes[lane]) for lane in sorted(lanes)}


def _loop(network: Network, signal: Signal, lane: str, actuation: Actuation) -> Detector:
    """Place a detector before the stop line; upstream of a lane that is too short for it."""
    lengths_m = {k.id: k.length_m for k in network.lanes}
    limit_m_s = network.lanes[network.lane_index[lane]].speed_m_s
    cleared_m = (actuation.min_green_s / HEADWAY_S + 0.5) * VEHICLE_SPACE_M
    distance_m = min(actuation.detector_gap_s * limit_m_s, cleared_m)
    where, position_m = lane, lengths_m[lane] - distance_m
    if position_m < 0.0:
        for zone in network.zones:
            if (zone.signal, zone.lane) == (signal.id, lane):
                for part in zone.parts:
                    begin_m = part.offset_m + lengths_m[part.lane] - distance_m
                    if part.share == 1.0 and 0.0 <= begin_m < lengths_m[part.lane]:
                        where, position_m = part.lane, begin_m
    length_m = min(actuation.detector_m, lengths_m[where] - 0.1)
    position_m = min(max(position_m, 0.0), lengths_m[where] - length_m - 0.05)
    return Detector(f"signalrl_{signal.id}_{lane}".replace(" ", "_"), where, position_m, length_m)


def _gaps(
    state: str, lanes: Mapping[str, list[int]], ids: Mapping[str, str], actuation: Actuation
) -> Iterator[str]:
    """Yield what has to hold on each lane for a green to end."""
    for lane, positions in lanes.items():
        letters = {state[i] for i in positions}
        gap = f"( z:{ids[lane]} > {actuation.max_gap_s:g} )"
        if letters == {"G"}:
            yield gap
        elif "G" in letters or letters <= set(GREEN):
            yield f"( {gap} or ( w:{ids[lane]} > {actuation.jam_threshold_s:g} ) )"


def _calls(
    signal: Signal,
    state: str,
    lanes: Mapping[str, list[int]],
    ids: Mapping[str, str],
    actuation: Actuation,
) -> Iterator[str]:
    """Yield what calls a phase: each lane that it gives a green, while that is red elsewhere.

    There is no push button: pedestrians call when they have waited for as long as anybody may.
    """
    crossings = {k.position for k in signal.links if k.crossing and state[k.position] in GREEN}
    yield from (f"( r:{position} > {actuation.max_red_s:g} )" for position in sorted(crossings))
    for lane, positions in lanes.items():
        served = [i for i in positions if state[i] in GREEN]
        if not served:
            continue
        # SUMO counts no red time of links that may turn on red (s).
        steady = [i for i in served if all(phase.state[i] != "s" for phase in signal.phases)]
        red, loop = f"r:{(steady or served)[0]}", ids[lane]
        yield f"( {red} > {actuation.max_red_s:g} )"
        protected = {state[i] for i in served} == {"G"}
        if protected or len(served) == len(positions) or any(state[i] == "G" for i in served):
            yield f"( ( {red} > 0 ) and ( z:{loop} < ( {red} + {STOPPED_S:g} ) ) )"
        if protected and any(phase.state[i] == "g" for phase in signal.phases for i in served):
            # Turners who wait on a permissive green call for the protected one.
            yield f"( w:{loop} > {actuation.jam_threshold_s:g} )"


def _steps(
    signal: Signal, rules: TimingRules, actuation: Actuation, settings: Sequence[Setting]
) -> list[Step]:
    """Return the greens, then the ways between each two of them, linked by ``next``."""
    phases = range(len(signal.phases))
    copies = list(product(range(len(settings)), phases))
    at = {copy: number for number, copy in enumerate(copies)}
    ways: list[Step] = []
    targets: dict[tuple[int, int], dict[str, float | str]] = {copy: {} for copy in copies}
    starts: dict[tuple[int, tuple[int, int]], int] = {}
    for a in phases:
        for k, b in ((k, b) for k, b in copies if b != a):
            call = f"call{b}"
            if rules.cyclic:  # phases follow in their order, so any call leads to the next one
                call = f"( {' or '.join(f'call{c}' for c in phases if c != a)} )"
            if len(settings) > 1:
                call = f"{call} and time{k}"
            change = change_between(signal, a, b, rules)
            first = len(copies) + len(ways)
            starts[a, (k, b)] = first if change else at[k, b]
            if not change:  # it only adds greens, so nothing has to be waited for
                targets[k, b] = {"earlyTarget": call, "finalTarget": call}
            after = [*range(first + 1, first + len(change)), at[k, b]]
            for number, (interval, following) in enumerate(zip(change, after, strict=False)):
                links: dict[str, float | str] = {"next": str(following)}
                if number == 0:
                    links["earlyTarget"] = f"gap{a} and {call}"
                    links["finalTarget"] = call
                ways.append(Step(interval.state, interval.duration_s, links))
    greens = []
    for k, a in copies:
        shortest, longest = actuation.bounds(signal, a, rules, settings[k].longest_s[a])
        # Earlier settings too: where a simulation begins late, SUMO begins at any step.
        nexts = [
            starts[a, (other, b)]
            for other in range(len(settings))
            for b in _following(a, len(phases), rules)
        ]
        nexts.append(at[k, a])  # without a call: rest
        bounds: dict[str, float | str] = {
            "minDur": shortest,
            "maxDur": longest,
            "next": " ".join(map(str, nexts)),
        }
        greens.append(Step(signal.phases[a].state, shortest, {**bounds, **targets[k, a]}))
    return greens + ways


def _following(phase: int, number: int, rules: TimingRules) -> list[int]:
    """Return the phases that may come after a phase, those first that are next in the order."""
    order = [*range(phase + 1, number), *range(phase)]
    return order[:1] if rules.cyclic else order


def change_between(signal: Signal, a: int, b: int, rules: TimingRules) -> tuple[Interval, ...]:
    """Return the states between two phases, none of which SUMO could take for a phase.

    It takes every state with a green and without a yellow for one. Where a clearance has such a
    state, everything is ended.
    """
    intervals = transition(signal, a, b, rules)
    if all("y" in k.state or not set(GREEN) & set(k.state) for k in intervals):
        return intervals
    old = signal.phases[a].state
    ending = [link for link in signal.links if old[link.position] in GREEN]
    vehicles = [link for link in ending if not link.crossing]
    walk_s = max((walk_clearance_s(k.length_m) for k in ending if k.crossing), default=0.0)
    yellow_s = math.ceil(max((required_yellow_s(k, rules) for k in vehicles), default=0.0))
    red_s = math.ceil(max([walk_s, *(required_red_s(k, rules) for k in vehicles)]))
    driven = {link.position for link in vehicles}
    yellow = "".join(("y" if i in driven else "r") if c in GREEN else c for i, c in enumerate(old))
    changes = [Interval(yellow_s, yellow), Interval(red_s, yellow.replace("y", "r"), "red")]
    return tuple(k for k in changes if k.duration_s > 0)
