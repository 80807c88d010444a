"""Signal timing: the rules a city sets, and the clearance intervals that follow from them.

Formulas: yellow change and red clearance are those of ITE, *Guidelines for Determining Traffic
Signal Change and Clearance Intervals* (2020); pedestrian times are those of MUTCD 11e, 4I.06.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from signalrl.errors import ConfigError

if TYPE_CHECKING:
    from signalrl.network.model import Link, Signal

REACTION_S = 1.0
DECELERATION_M_S2 = 3.05
VEHICLE_LENGTH_M = 6.0
WALK_S = 7.0
WALKING_SPEED_M_S = 1.07

GREEN = "Gg"
"""State letters that let traffic flow: ``G`` protected, ``g`` permissive (yields)."""


@dataclass(frozen=True, slots=True)
class TimingRules:
    """What a city prescribes for its signals; ``"auto"`` derives a value from the network.

    Attributes:
        yellow_s: Yellow change, or ``"auto"`` for ITE's formula by approach speed (3 to 6 s).
        red_clearance_s: All-red between conflicting movements, or ``"auto"`` for ITE's formula
            by the length of the path through the junction (at most 6 s).
        min_green_s: Shortest green of a phase; phases with a crossing get at least the walk time.
        max_green_s: Longest green of a phase, or None for no limit.
        max_red_s: Longest red before a movement is served by force, or None for no limit.
        cyclic: Whether phases may only follow each other in the order of the program.
    """

    yellow_s: float | Literal["auto"] = "auto"
    red_clearance_s: float | Literal["auto"] = "auto"
    min_green_s: float = 5.0
    max_green_s: float | None = None
    max_red_s: float | None = 180.0
    cyclic: bool = False

    def __post_init__(self) -> None:
        for name in ("yellow_s", "red_clearance_s", "min_green_s", "max_green_s", "max_red_s"):
            value = getattr(self, name)
            if isinstance(value, (int, float)) and not (math.isfinite(value) and value >= 0):
                raise ConfigError(
                    f"timing.{name}: expected a number of seconds >= 0, got {value!r}"
                )
        if self.max_green_s is not None and self.max_green_s < self.min_green_s:
            raise ConfigError(
                f"timing.max_green_s: expected at least min_green_s ({self.min_green_s:g} s), "
                f"got {self.max_green_s:g} s"
            )


@dataclass(frozen=True, slots=True)
class Interval:
    """One signal state that is shown for a time on the way from a phase to the next.

    Attributes:
        duration_s: How long it is shown, in whole seconds.
        state: The letters that are shown.
        kind: What it clears: pedestrians (``walk``), a change (``yellow``) or the junction
            (``red``).
    """

    duration_s: float
    state: str
    kind: Literal["walk", "yellow", "red"] = "yellow"


def yellow_change_s(speed_m_s: float, grade: float = 0.0) -> float:
    """Return ITE's yellow change ``t + v / (2 (a + g G))``, kept within 3 to 6 s."""
    braking = DECELERATION_M_S2 + 9.81 * grade
    return min(6.0, max(3.0, REACTION_S + speed_m_s / (2.0 * braking)))


def red_clearance_s(path_m: float, speed_m_s: float) -> float:
    """Return ITE's red clearance ``(W + L) / v``, at most 6 s."""
    return min(6.0, (path_m + VEHICLE_LENGTH_M) / max(speed_m_s, 0.1))


def min_green_s(signal: Signal, phase: int, rules: TimingRules) -> float:
    """Return the shortest green of a phase in s: the rule's, or the walk time if it is longer."""
    state = signal.phases[phase].state
    walks = any(link.crossing and state[link.position] in GREEN for link in signal.links)
    return math.ceil(max(rules.min_green_s, WALK_S if walks else 0.0))


def lasting_green_s(signal: Signal, phase: int, rules: TimingRules) -> float:
    """Return the shortest green of a phase in s behind which nothing is left to be cleared.

    A change waits for those who are in the way of the next phase alone. Where that is shorter than
    the red clearance of the others, the one after it would have to wait for them.
    """
    reds = [required_red_s(link, rules) for link in signal.links if not link.crossing]
    return max(min_green_s(signal, phase, rules), math.ceil(max(reds, default=0.0)))


@lru_cache(maxsize=8192)  # designs of plans ask for the same ones ten thousand times
def transition(signal: Signal, start: int, end: int, rules: TimingRules) -> tuple[Interval, ...]:
    """Return the states between two phases of a signal: walk clearance, yellow, red clearance.

    Links that are green in both phases stay green throughout, but for one: a protected green that
    turns permissive because a foe starts is ended first, since its drivers did not yield. Durations
    are whole seconds, rounded up, since a controller shows whole seconds. A phase that only adds
    greens needs no transition.
    Where a crossing shares its position with vehicles, both get the yellow, and the pedestrians'
    clearance follows it.

    Args:
        signal: The signal.
        start: Index of the phase that ends.
        end: Index of the phase that begins.
        rules: The city's timing rules.

    Returns:
        The intervals in the order shown; empty where nothing has to be cleared.
    """
    old, new = signal.phases[start].state, signal.phases[end].state
    pairs = list(enumerate(zip(old, new, strict=True)))
    starting = {i for i, (a, b) in pairs if gains_right_of_way(a, b)}
    ending = {i for i, (a, b) in pairs if a in GREEN and b not in GREEN}
    losing = {i for i, (a, b) in pairs if (a, b) == ("G", "g")}
    while stopped := {i for i in losing if any(signal.foes[i, j] for j in starting)}:
        # It is ended, and then starts again: others may have to be ended for it in turn.
        losing -= stopped
        ending |= stopped
        starting |= stopped
    vehicles = [k for k in signal.links if k.position in ending and not k.crossing]
    crossings = [k for k in signal.links if k.position in ending and k.crossing]
    yellows = {link.position for link in vehicles}
    walks = {link.position for link in crossings} - yellows
    intervals = []
    if walks:
        walk = max(walk_clearance_s(k.length_m) for k in crossings if k.position in walks)
        intervals.append(Interval(math.ceil(walk), _paint(old, walks, "r"), "walk"))
    if vehicles:
        red = _paint(old, walks, "r")
        yellow = max(required_yellow_s(link, rules) for link in vehicles)
        if yellow > 0:
            intervals.append(Interval(math.ceil(yellow), _paint(red, yellows, "y"), "yellow"))
        clearance = max(
            [_required_red_s(signal, link, starting, rules) for link in vehicles]
            + [walk_clearance_s(k.length_m) for k in crossings if k.position in yellows]
        )
        if clearance > 0:
            intervals.append(Interval(math.ceil(clearance), _paint(red, yellows, "r"), "red"))
    return tuple(intervals)


def gains_right_of_way(old: str, new: str) -> bool:
    """Return whether a link with one letter and then another may go where it had to wait before.

    That is so where it turns green, and where a permissive green, which yields, turns protected.
    """
    return (new in GREEN and old not in GREEN) or (old == "g" and new == "G")


def walk_clearance_s(length_m: float) -> float:
    """Return how long a pedestrian needs for a crossing, at MUTCD's 1.07 m/s."""
    return length_m / WALKING_SPEED_M_S


def required_yellow_s(link: Link, rules: TimingRules) -> float:
    """Return the yellow change that the rules ask for after a vehicle link's green."""
    return yellow_change_s(link.speed_m_s) if rules.yellow_s == "auto" else rules.yellow_s


def required_red_s(link: Link, rules: TimingRules) -> float:
    """Return the red clearance that the rules ask for between a vehicle link and a foe."""
    if rules.red_clearance_s == "auto":
        return red_clearance_s(link.length_m, link.path_speed_m_s)
    return rules.red_clearance_s


def _required_red_s(signal: Signal, link: Link, starting: set[int], rules: TimingRules) -> float:
    if rules.red_clearance_s != "auto" or any(signal.foes[link.position, i] for i in starting):
        return required_red_s(link, rules)
    return 0.0


def _paint(state: str, positions: set[int], letter: str) -> str:
    return "".join(letter if i in positions else c for i, c in enumerate(state))
