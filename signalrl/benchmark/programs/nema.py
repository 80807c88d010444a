"""SUMO's dual-ring control by NEMA phases, where a junction has the shape for it.

Two rings of phases run side by side and meet at two barriers, one per street, so that each
direction gets the green that it needs (NEMA TS 2; FHWA, *Signal Timing Manual*, 2nd ed., 2015,
chapters 3 and 5; SUMO documentation, *Simulation/NEMA*)::

    ring 1:  1 left against 2 | 2 through  ||  3 left against 4 | 4 through
    ring 2:  5 left against 6 | 6 through  ||  7 left against 8 | 8 through

It runs free, without a cycle: the detectors at a phase's stop line call and extend it, a phase
without a call is skipped, and without any call the lights rest. Yellow and red clearance are those
of the timing rules. Now and then SUMO ends a green before its shortest time, where the other ring
reaches its longest at a barrier.

What belongs to which phase follows from the links, their conflicts and the stored program. Two
approaches oppose each other where their through movements, right turns included, don't conflict. A
left turn gets a phase of its own where it has lanes of its own and the stored program protects it;
else it goes with the through movement of its approach on a permissive green, if it does so in the
stored program too. An approach without an opposite, as at the stem of a T, gets one side of the
barriers to itself.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from signalrl.benchmark.programs.actuated import Actuation
from signalrl.benchmark.programs.site import Site
from signalrl.errors import ConfigError
from signalrl.network.model import Link, Signal
from signalrl.network.phases import conflicting_greens
from signalrl.network.timing import GREEN, TimingRules, required_red_s, required_yellow_s
from signalrl.sumo.logic import Logic, Step, write_logics

logger = logging.getLogger(__name__)
PROGRAM = "signalrl-nema"
STRAIGHT, LEFT = "s", "lLt"
MIN_GREEN_S = 5.0
MAX_GREEN_S = 50.0
MAX_LEFT_S = 25.0
EXTENSION_S = 1.0
DETECTOR_M = 20.0


@dataclass(frozen=True, slots=True)
class _Approach:
    through: tuple[int, ...]
    left: tuple[int, ...]
    protects_left: bool
    goes_straight: bool


def write(
    site: Site,
    *,
    min_green_s: float = MIN_GREEN_S,
    max_green_s: float = MAX_GREEN_S,
    max_left_s: float = MAX_LEFT_S,
    extension_s: float = EXTENSION_S,
    detector_m: float = DETECTOR_M,
) -> Path:
    """Write an additional file with NEMA programs, and actuated ones where there can be none.

    Args:
        site: The episode.
        min_green_s: Shortest green of a phase, in s.
        max_green_s: Longest green of a through phase, in s.
        max_left_s: Longest green of a left-turn phase, in s.
        extension_s: How long a green lasts after its detectors are left, in s.
        detector_m: Length of the detectors at the stop line, in m.

    Returns:
        The path.

    Raises:
        ConfigError: No signal has the shape for it; the message says what the first one lacks.
    """
    rules, logics, reasons = site.scenario.timing, [], []
    for signal in site.network.signals:
        try:
            states = phase_states(signal)
        except ConfigError as error:
            reasons.append(str(error))
            logics.append(Actuation().logic(site.network, signal, rules))
            continue
        steps = []
        for number, state in sorted(states.items()):
            shortest = max(min_green_s, math.ceil(rules.min_green_s))
            longest = max(max_left_s if number % 2 else max_green_s, shortest)
            change = _change_s(signal, state, rules)
            bounds = {"minDur": shortest, "maxDur": longest, "vehext": extension_s}
            steps.append(Step(state, longest, {**bounds, **change, "name": str(number)}))
        params = {**_rings(states), "detector-length": detector_m}
        params |= {"detector-length-leftTurnLane": detector_m}
        params |= {"total-cycle-length": 2.0 * (max_green_s + max_left_s)}
        logics.append(Logic(signal.id, "NEMA", PROGRAM, tuple(steps), 0.0, params))
    if len(reasons) == len(logics):
        raise ConfigError(reasons[0])
    for reason in reasons:
        logger.warning("%s; it runs the actuated program", reason)
    return write_logics(logics, site.folder / "nema.add.xml")


def phase_states(signal: Signal) -> dict[int, str]:
    """Return the state of each NEMA phase, by its number; those that are shown together add up.

    Raises:
        ConfigError: The signal does not have the shape; the message says what it lacks.
    """
    name = f"signal {signal.id!r}"
    if any(link.crossing for link in signal.links):
        raise ConfigError(
            f"{name}: expected a junction without pedestrian crossings for NEMA phases, got "
            "some; choose the actuated program"
        )
    arms = _approaches(signal)
    if len(arms) not in (3, 4):
        raise ConfigError(
            f"{name}: expected three or four approaches for NEMA phases, got {len(arms)}; choose "
            "the actuated program"
        )
    for pairs in _pairings(arms):
        states = _states(signal, pairs)
        if states is not None:
            return _with_overlaps(signal, states)
    raise ConfigError(
        f"{name}: expected approaches that oppose each other without conflicts for NEMA phases, "
        "got none that do; choose the actuated program"
    )


def _approaches(signal: Signal) -> list[_Approach]:
    by_edge: dict[str, list[Link]] = defaultdict(list)
    for link in signal.links:
        by_edge[link.from_lane.rpartition("_")[0]].append(link)
    return [_approach(signal, by_edge[edge]) for edge in sorted(by_edge)]


def _approach(signal: Signal, links: list[Link]) -> _Approach:
    left = [link for link in links if link.direction in LEFT]
    through = [link for link in links if link.direction not in LEFT]
    positions = {link.position for link in left}
    apart = not {k.from_lane for k in left} & {k.from_lane for k in through}
    apart = apart and positions.isdisjoint(link.position for link in through)
    protected = any(all(p.state[i] == "G" for i in positions) for p in signal.phases)
    return _Approach(
        through=tuple(sorted({link.position for link in through})),
        left=tuple(sorted(positions)),
        protects_left=bool(left) and apart and protected,
        goes_straight=any(link.direction == STRAIGHT for link in links),
    )


def _pairings(arms: list[_Approach]) -> list[tuple[_Approach | None, ...]]:
    """Return the ways to make two pairs, those with straight traffic in the first pair first."""
    filled = [*arms, None][:4]
    ways = [way for way in permutations(filled) if way[0] and way[1] and way[2]]
    return sorted(ways, key=lambda way: -sum(bool(k and k.goes_straight) for k in way[:2]))


def _states(signal: Signal, pairs: tuple[_Approach | None, ...]) -> dict[int, str] | None:
    """Return the states of the phases if approaches pair up like this, None where they can't."""
    a, c, b, d = pairs
    states: dict[int, str] = {}
    for one, other, through, left in ((a, c, 2, 5), (c, a, 6, 1), (b, d, 4, 7), (d, b, 8, 3)):
        if one is None:
            continue
        if other is None:
            states[through] = _state(signal, (*one.through, *one.left))
        elif not one.through or not (one.protects_left or _may_yield(signal, one, other)):
            return None
        elif one.protects_left:
            states[through] = _state(signal, one.through)
            states[left] = _state(signal, one.left)
        else:
            states[through] = _state(signal, one.through, one.left)
    both = [_added(states, x, y) for x, y in _together(states)]
    return None if any(conflicting_greens(state, signal.foes) for state in both) else states


def _may_yield(signal: Signal, one: _Approach, other: _Approach) -> bool:
    """Return whether left turns are permissive against the other approach somewhere, or none."""
    return all(
        any(
            phase.state[i] == "g" and all(phase.state[j] in GREEN for j in other.through)
            for phase in signal.phases
        )
        for i in one.left
    )


def _state(signal: Signal, protected: tuple[int, ...], permissive: tuple[int, ...] = ()) -> str:
    letters = ["r"] * signal.size
    for i in permissive:
        letters[i] = "g"
    for i in protected:
        letters[i] = "G"
    return "".join(letters)


def _together(states: Mapping[int, str]) -> Iterator[tuple[int, int]]:
    for ring1, ring2 in (((1, 2), (5, 6)), ((3, 4), (7, 8))):
        yield from ((x, y) for x in ring1 for y in ring2 if x in states or y in states)


def _added(states: Mapping[int, str], x: int, y: int) -> str:
    pair = [states[k] for k in (x, y) if k in states]
    return "".join(min(letters) for letters in zip(*pair, strict=True))  # G before g before r


def _with_overlaps(signal: Signal, states: Mapping[int, str]) -> dict[int, str]:
    """Let lanes go in phases of the other street too, where nothing that may be green conflicts.

    These are lanes of right turns, mostly. They show a permissive green, since SUMO lets the lanes
    of protected ones call a phase and extend it.
    """
    lanes: dict[str, set[int]] = defaultdict(set)
    for link in signal.links:
        lanes[link.from_lane].add(link.position)
    shown = {number: list(state) for number, state in states.items()}
    for number in sorted(states):
        pairs = [pair for pair in _together(states) if number in pair]
        beside = sorted({k for pair in pairs for k in pair if k in states})
        side = [k for pair in _together(states) if _side(number) == _side(pair[0]) for k in pair]
        for lane in sorted(lanes):
            free = all(
                all(states[k][i] == "r" for k in side if k in states)
                and not any(
                    signal.foes[i, j] and shown[k][j] in GREEN
                    for k in beside
                    for j in range(signal.size)
                )
                for i in lanes[lane]
            )
            if free:
                for i in lanes[lane]:
                    shown[number][i] = "g"
    return {number: "".join(letters) for number, letters in shown.items()}


def _side(number: int) -> bool:
    """Return which of the two streets a phase belongs to."""
    return (number - 1) % 4 < 2


def _rings(states: Mapping[int, str]) -> dict[str, float | str]:
    ring1 = [n if n in states else 0 for n in (1, 2, 3, 4)]
    ring2 = [n if n in states else 0 for n in (5, 6, 7, 8)]
    if 8 not in states:  # SUMO wants the phase of a side that has one only in both rings
        ring2[3] = 4
    return {
        "ring1": ",".join(map(str, ring1)),
        "ring2": ",".join(map(str, ring2)),
        "barrierPhases": f"4,{ring2[3]}",
        "barrier2Phases": "2,6",
        "coordinate-mode": "false",
        "minRecall": "",
        "maxRecall": "",
        "ignore-errors": "true",  # without a cycle the rings need not add up to one
    }


def _change_s(signal: Signal, state: str, rules: TimingRules) -> dict[str, float]:
    links = [link for link in signal.links if state[link.position] in GREEN]
    return {
        "yellow": math.ceil(max(required_yellow_s(link, rules) for link in links)),
        "red": math.ceil(max(required_red_s(link, rules) for link in links)),
    }
