"""The monitor: judges every state that leaves for the street, and knows nothing of the interlock.

It shares no code and no tables with :mod:`signalrl.control.interlock`, so that a mistake there is
found here. It looks at each signal's letters alone: who was green, yellow or red, and since when.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from signalrl.network.model import Network, Signal
from signalrl.network.timing import TimingRules

TOLERANCE_S = 1e-6
"""Times are sums of floating-point numbers; no controller is this exact."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A safety rule that a state broke."""

    time_s: float
    signal: str
    rule: str
    state: str


class Monitor:
    """Checks signal states against conflicts, yellow, red clearance and minimum green.

    Args:
        network: The signals.
        rules: The timing that is required.
    """

    def __init__(self, network: Network, rules: TimingRules) -> None:
        self._rules = rules
        self._watches = [_Watch(signal, rules) for signal in network.signals]

    def reset(self, time_s: float) -> None:
        """Forget what was shown; the next state of each signal is its first."""
        for watch in self._watches:
            watch.reset(time_s)

    def check(self, signal: int, state: str, time_s: float) -> Violation | None:
        """Return the rule that a new state of a signal breaks, or None; remember the state."""
        watch = self._watches[signal]
        rule = watch.show(state, time_s)
        return None if rule is None else Violation(time_s, watch.signal.id, rule, state)


@dataclass(slots=True)
class _Demands:
    """What a change of state demands.

    Attributes:
        never: Why the change is wrong whenever it comes, or None.
        lasting: ``(link, seconds, what)``: how long a link had to show what it leaves.
        reddening: Links that stop letting traffic flow.
        beginning: Links that show something new.
        clearing: ``(link, foe, seconds)``: how long before a link's green its foe had to be red.
    """

    never: str | None = None
    lasting: list[tuple[int, float, str]] = field(default_factory=list)
    reddening: list[int] = field(default_factory=list)
    beginning: list[int] = field(default_factory=list)
    clearing: list[tuple[int, int, float]] = field(default_factory=list)


class _Watch:
    def __init__(self, signal: Signal, rules: TimingRules) -> None:
        self.signal = signal
        self._min_green_s = rules.min_green_s
        self._walks = {k.position: max(rules.min_green_s, 7.0) for k in signal.links if k.crossing}
        self._yellow: dict[int, float] = {}
        self._clear: dict[int, float] = {}
        for link in signal.links:
            i, v = link.position, link.speed_m_s
            if link.crossing:
                self._clear[i] = max(self._clear.get(i, 0.0), link.length_m / 1.07)
                continue
            yellow = (
                min(6.0, max(3.0, 1.0 + v / 6.1)) if rules.yellow_s == "auto" else rules.yellow_s
            )
            clear = (
                min(6.0, (link.length_m + 6.0) / max(link.path_speed_m_s, 0.1))
                if rules.red_clearance_s == "auto"
                else rules.red_clearance_s
            )
            self._yellow[i] = max(self._yellow.get(i, 0.0), yellow)
            self._clear[i] = max(self._clear.get(i, 0.0), clear)
        self._foes = [
            [j for j in range(signal.size) if signal.foes[i, j]] for i in range(signal.size)
        ]
        self._known: dict[tuple[str, str], _Demands] = {}
        self.reset(0.0)

    def reset(self, time_s: float) -> None:
        self._state = ""
        self._since = [time_s] * self.signal.size
        self._red_since = [-math.inf] * self.signal.size

    def show(self, state: str, time_s: float) -> str | None:
        """Return the rule that a new state breaks, or None."""
        if len(state) != self.signal.size:
            return f"expected {self.signal.size} letters, got {len(state)}"
        key = (self._state or state, state)
        demands = self._known.get(key)
        if demands is None:
            demands = self._known[key] = self._demands(*key)
        if not self._state:
            self._since = [time_s] * len(state)
        self._state = state
        rule = demands.never
        since, red_since = self._since, self._red_since
        for i, seconds, what in demands.lasting:
            if time_s - since[i] < seconds - TOLERANCE_S:
                rule = rule or (
                    f"link {i} was {what} for {time_s - since[i]:g} s, expected {seconds:.2f} s"
                )
        for i in demands.reddening:
            red_since[i] = time_s
        for i in demands.beginning:
            since[i] = time_s
        for i, foe, seconds in demands.clearing:
            if time_s - red_since[foe] < seconds - TOLERANCE_S:
                rule = rule or (
                    f"link {i} turns green {time_s - red_since[foe]:g} s after its foe {foe} "
                    f"turned red, expected {seconds:.2f} s"
                )
        return rule

    def _demands(self, before: str, state: str) -> _Demands:
        """Work out what the change from one state to another demands; done once per change."""
        never = self._conflict(state)
        demands = _Demands()
        for i, (old, new) in enumerate(zip(before, state, strict=True)):
            if old == new:
                continue
            if old in "Gg" and new in "Gg":
                if new == "G":  # it no longer yields: what it yielded to has to be off the junction
                    never = never or self._starting(i, state, demands)
                elif self._yellow.get(i) and any(
                    before[j] not in "Gg" and state[j] in "Gg" for j in self._foes[i]
                ):
                    never = never or f"link {i} turns permissive as a foe starts, without yellow"
                continue
            demands.beginning.append(i)
            if old in "Gg":
                only_walks = i in self._walks and i not in self._yellow
                proper = new == "r" if only_walks else new == "y" or not self._yellow.get(i)
                if not proper:
                    never = never or f"link {i} goes from green to {new!r} without yellow"
                demands.lasting.append((i, self._walks.get(i, self._min_green_s), "green"))
                if new != "y":
                    demands.reddening.append(i)
            elif old == "y":
                demands.lasting.append((i, self._yellow.get(i, 0.0), "yellow"))
                demands.reddening.append(i)
            if new in "Gg":
                never = never or self._starting(i, state, demands)
        demands.never = never
        return demands

    def _starting(self, i: int, state: str, demands: _Demands) -> str | None:
        """Note how long the foes of a link that may go now had to be red."""
        yellow = None
        for foe in self._foes[i]:
            if state[foe] == "y":
                yellow = f"link {i} turns green while its foe {foe} is yellow"
            clear = self._clear.get(foe, 0.0)
            if clear > 0 and state[foe] in "rsu":
                demands.clearing.append((i, foe, clear))
        return yellow

    def _conflict(self, state: str) -> str | None:
        for i, letter in enumerate(state):
            if letter not in "GgryusoO":
                return f"unknown letter {letter!r}"
            for j in self._foes[i]:
                if letter == "G" and state[j] == "G" and i < j:
                    return f"links {i} and {j} conflict and are both green"
        return None
