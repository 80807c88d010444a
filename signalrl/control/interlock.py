"""The interlock: decides whether a requested phase may be shown, and times the way to it.

It is the only place where phases become signal states. Per signal it holds a phase, the time since
it began and, on the way to another phase, the clearance intervals that are left. It is
event-driven: :attr:`Interlock.next_change_s` says when a state changes next, and nothing needs to
be called before. It does no IO and reads no clock.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from signalrl.control.layout import IntArray
from signalrl.control.measurement import FloatArray
from signalrl.errors import ConfigError
from signalrl.network.model import BoolArray, Network, Signal
from signalrl.network.phases import greens
from signalrl.network.timing import (
    Interval,
    TimingRules,
    gains_right_of_way,
    min_green_s,
    required_red_s,
    transition,
)

TimeArray = npt.NDArray[np.float64]
Change = tuple[int, str]
"""Index of a signal, and the state that it shows from now on."""


class Verdict(IntEnum):
    """The interlock's answer to a request."""

    ACCEPTED = 0
    TRANSITION = 1
    MIN_GREEN = 2
    MAX_GREEN = 3
    MAX_RED = 4
    ORDER = 5
    UNKNOWN_PHASE = 6


class Interlock:
    """Safe phase changes for all signals of a network at once.

    Attributes:
        target: ``(S,)``, the phase that a signal is on its way to, or that it shows.
        clearance_s: ``(S, P, P)``, how long the change from one phase to another takes.
        shown_until_s: ``(S, P)``, until when each phase was shown; infinite while it is.
        green_since_s: ``(S,)``, since when the phase is green; infinite between two phases.
        next_change_s: When a state changes next.
    """

    def __init__(self, network: Network, rules: TimingRules, interval_s: float = 5.0) -> None:
        self.network, self.rules = network, rules
        count, phases = len(network.signals), network.max_phases
        self._count = np.array([len(s.phases) for s in network.signals], dtype=np.int64)
        self._exists = np.arange(phases)[None, :] < self._count[:, None]
        self._states = [[phase.state for phase in s.phases] for s in network.signals]
        self._transitions: list[dict[tuple[int, int], tuple[Interval, ...]]] = [
            {
                (a.index, b.index): transition(s, a.index, b.index, rules)
                for a in s.phases
                for b in s.phases
                if a is not b
            }
            for s in network.signals
        ]
        self.clearance_s = np.zeros((count, phases, phases), dtype=np.float32)
        for i, table in enumerate(self._transitions):
            for (a, b), intervals in table.items():
                self.clearance_s[i, a, b] = sum(interval.duration_s for interval in intervals)
        self._always_limited = rules.cyclic or rules.max_green_s is not None
        self._only: BoolArray = np.eye(phases, dtype=np.bool_)
        # Rows of the mask, as bytes: of a signal that is held with its target, of one that is free.
        self._row_of_target = [row.tobytes() for row in self._only]
        self._rows_of_free = [row.tobytes() for row in self._exists]
        self._min_green = [
            [min_green_s(s, phase.index, rules) for phase in s.phases] for s in network.signals
        ]
        self._debts = [
            _Debts(s, self._transitions[i], self.clearance_s[i], rules)
            for i, s in enumerate(network.signals)
        ]
        watched = network.signals if rules.max_red_s is not None else ()
        self._reds = [_Reds(signal, phases) for signal in watched]
        self._max_red_s = math.inf if rules.max_red_s is None else rules.max_red_s
        self._red_lead_s = (interval_s + self.clearance_s.max(axis=(1, 2))).tolist()
        self._before = (np.arange(phases)[None, :] - 1) % self._count[:, None]
        self.reset(0.0)

    def reset(self, time_s: float) -> None:
        """Show the first phase of every signal from ``time_s`` on."""
        count = len(self._count)
        self.target: IntArray = np.zeros(count, dtype=np.int64)
        # The target is kept twice: as an array for the encoder, as a list to look at one by one.
        self._phase, self._target = [0] * count, [0] * count
        self.shown_until_s: TimeArray = np.full(self._exists.shape, time_s)
        self.green_since_s: TimeArray = np.full(count, time_s)
        self._held_until = [time_s] * count
        self._deadline = [math.inf] * count
        self._first_deadline = math.inf
        self._left: list[tuple[Interval, ...]] = [()] * count
        self._next = [time_s] * count
        self.next_change_s = time_s
        self._mask: BoolArray = self._exists
        self._mask_s: float | None = None
        self._mask_until_s = time_s
        self._forced: set[int] = set()
        for debts in self._debts:
            debts.reset()
        for reds in self._reds:
            reds.reset(time_s)

    @property
    def phase(self) -> IntArray:
        """``(S,)``, the phase that is shown, or that was shown last on the way to another."""
        return np.array(self._phase, dtype=np.int64)

    def requestable(self, time_s: float) -> BoolArray:
        """Return which phases may be requested now, (S, P); at least one of every signal."""
        if self._mask_s is None or not (
            time_s == self._mask_s or self._mask_s < time_s < self._mask_until_s
        ):
            self._mask, self._mask_s = self._judge(time_s), time_s
        return self._mask

    def _judge(self, time_s: float) -> BoolArray:
        """Work out the mask, whom a limit forces, and until when both hold if nothing changes."""
        rows, until_s = self._rows_of_free.copy(), self._first_deadline
        for i, held_until in enumerate(self._held_until):
            if time_s < held_until:
                rows[i] = self._row_of_target[self._target[i]]
                until_s = min(until_s, held_until)
        self._mask_until_s = until_s
        self._forced.clear()
        # NumPy's functions are slow where they are called once in a while, between two steps of a
        # simulation that fills the caches; joining bytes is not.
        mask = np.frombuffer(bytearray().join(rows), np.bool_).reshape(self._exists.shape)
        if time_s >= self._first_deadline or self._always_limited:
            self._limit(mask, time_s)
        mask.flags.writeable = False  # it leaves with the observation, and decides what is granted
        return mask

    def _limit(self, mask: BoolArray, time_s: float) -> None:
        """Take from a mask what the order of the program and the limits on green and red forbid."""
        rules, is_target = self.rules, self._only[self._target]
        self._mask_until_s = time_s
        if rules.cyclic:
            mask &= is_target | np.take_along_axis(is_target, self._before, axis=1)
        for i, held_until in enumerate(self._held_until):
            if time_s < held_until:
                continue
            green_s = time_s - self.green_since_s[i]
            if rules.max_green_s is not None and green_s >= rules.max_green_s:
                mask[i] &= ~is_target[i]
                self._forced.add(i)
            if time_s >= self._deadline[i]:
                self._serve_overdue(i, mask[i], time_s)
                self._forced.add(i)

    def request(self, phases: npt.ArrayLike, time_s: float) -> list[Verdict]:
        """Ask for a phase per signal; start the transitions that may start now.

        A request that may not be served holds what is shown, unless a limit on green or red forces
        a change: then the phase that has waited longest, among those that may be shown, is served.

        Args:
            phases: ``(S,)`` indices of phases.
            time_s: Now.

        Returns:
            The answer to each signal's request.

        Raises:
            ConfigError: The array has another shape.
        """
        wanted = np.asarray(phases, dtype=np.int64)
        if wanted.shape != self._count.shape:
            raise ConfigError(
                f"expected one phase for each of {len(self._count)} signals, "
                f"got an array of shape {wanted.shape}"
            )
        mask = self.requestable(time_s)
        verdicts = [Verdict.ACCEPTED] * len(wanted)
        for i, (phase, target) in enumerate(zip(wanted.tolist(), self._target, strict=True)):
            if phase == target and i not in self._forced:
                continue
            if not (0 <= phase < self._count[i] and mask[i, phase]):
                verdicts[i] = self._reason(i, phase, time_s)
                phase = self._instead(i, mask[i])
            if phase != target:
                self._start(i, phase, time_s)
        return verdicts

    def advance(self, time_s: float) -> list[Change]:
        """Return the states that change at ``time_s``, in the order of the signals.

        Call it at every :attr:`next_change_s`, and right after :meth:`request`.
        """
        if time_s < self.next_change_s:
            return []
        changes = []
        for i, due_s in enumerate(self._next):
            if due_s > time_s:
                continue
            left = self._left[i]
            if left:
                changes.append((i, left[0].state))
                self._next[i] = time_s + left[0].duration_s
                self._left[i] = left[1:]
            else:
                changes.append((i, self._begin(i, time_s)))
        self.next_change_s = min(self._next)
        return changes

    def explain(self, signal: int, verdict: Verdict, time_s: float) -> str:
        """Say in words why a request was held, such as ``held: minimum green, 2 s left``."""
        match verdict:
            case Verdict.ACCEPTED:
                return "accepted"
            case Verdict.TRANSITION:
                left = self._next[signal] - time_s
                left += sum(interval.duration_s for interval in self._left[signal])
                return f"held: clearance, {left:g} s left"
            case Verdict.MIN_GREEN:
                return f"held: minimum green, {self._held_until[signal] - time_s:g} s left"
            case Verdict.MAX_GREEN:
                return f"forced: maximum green of {self.rules.max_green_s:g} s is over"
            case Verdict.MAX_RED:
                return f"forced: a movement nears the maximum red of {self.rules.max_red_s:g} s"
            case Verdict.ORDER:
                return "held: phases follow the order of the program"
            case Verdict.UNKNOWN_PHASE:
                return f"held: expected a phase below {self._count[signal]}"

    def _start(self, i: int, target: int, time_s: float) -> None:
        before = self._phase[i]
        self._mask_s = None
        self.target[i] = self._target[i] = target
        self.green_since_s[i] = self._held_until[i] = math.inf
        self.shown_until_s[i, before] = time_s
        self._left[i] = self._transitions[i][before, target]
        self._next[i] = self.next_change_s = time_s
        if self._reds:
            self._reds[i].leave(before, target, time_s)

    def _begin(self, i: int, time_s: float) -> str:
        before, target = self._phase[i], self._target[i]
        self._mask_s = None
        self._phase[i] = target
        self.green_since_s[i] = time_s
        self.shown_until_s[i, target] = math.inf
        green_until = time_s + self._min_green[i][target]
        self._held_until[i] = max(green_until, self._debts[i].begin(before, target, time_s))
        self._next[i] = math.inf
        if self._reds:
            self._deadline[i] = self._reds[i].begin(target) + self._max_red_s - self._red_lead_s[i]
            self._first_deadline = min(self._deadline)
        return self._states[i][target]

    def _serve_overdue(self, i: int, mask: BoolArray, time_s: float) -> None:
        """Leave only phases that serve the link that has been red longest, if one may follow."""
        turned_red_by = time_s + self._red_lead_s[i] - self._max_red_s
        for phases in self._reds[i].overdue(turned_red_by):
            if (mask & phases).any():
                mask &= phases
                return
            if self.rules.cyclic:
                mask[self._target[i]] = False
                return

    def _reason(self, i: int, wanted: int, time_s: float) -> Verdict:
        if not 0 <= wanted < self._count[i]:
            return Verdict.UNKNOWN_PHASE
        if math.isinf(self.green_since_s[i]):
            return Verdict.TRANSITION
        if time_s < self._held_until[i]:
            return Verdict.MIN_GREEN
        if time_s >= self._deadline[i]:
            return Verdict.MAX_RED
        return Verdict.MAX_GREEN if wanted == self._phase[i] else Verdict.ORDER

    def _instead(self, i: int, mask: BoolArray) -> int:
        current = self._target[i]
        if mask[current]:
            return current
        return int(np.argmin(np.where(mask, self.shown_until_s[i], np.inf)))


class _Debts:
    """The red clearance that one signal still owes to those that start later.

    On the way to a phase, red clearance is given against the foes that start with it. A foe that
    starts with a later phase waits for what is left: no phase is left before that is over.
    """

    def __init__(
        self,
        signal: Signal,
        ways: dict[tuple[int, int], tuple[Interval, ...]],
        clearance_s: FloatArray,
        rules: TimingRules,
    ) -> None:
        states = [phase.state for phase in signal.phases]
        required = np.zeros(signal.size)
        for link in signal.links:
            if not link.crossing:
                needed = math.ceil(required_red_s(link, rules))
                required[link.position] = max(required[link.position], needed)
        self._owed: TimeArray = np.full((len(states), signal.size), -np.inf)
        self._ended: dict[tuple[int, int], tuple[list[int], float]] = {}
        for (a, b), way in ways.items():
            for j, letters in enumerate(zip(states[a], states[b], strict=True)):
                if gains_right_of_way(*letters):
                    owed = np.where(signal.foes[j], required - clearance_s[a, b], -np.inf)
                    np.maximum(self._owed[a], owed, out=self._owed[a])
            red = sum(interval.duration_s for interval in way if interval.kind == "red")
            self._ended[a, b] = sorted(greens(states[a]) - greens(states[b])), red
        self._matter = bool(self._owed.max() > rules.min_green_s)
        self.reset()

    def reset(self) -> None:
        self._red_since: TimeArray = np.full(self._owed.shape[1], -np.inf)

    def begin(self, before: int, phase: int, time_s: float) -> float:
        """Note the links that a phase ended; return until when it may not be left."""
        if not self._matter or before == phase:
            return time_s
        ended, red_s = self._ended[before, phase]
        self._red_since[ended] = time_s - red_s
        return float((self._red_since + self._owed[phase]).max())


class _Reds:
    """How long the links of one signal have been red, to force service in time."""

    def __init__(self, signal: Signal, phases: int) -> None:
        served = np.zeros((phases, signal.size), dtype=np.bool_)
        for phase in signal.phases:
            served[phase.index, list(greens(phase.state))] = True
        controlled = np.zeros(signal.size, dtype=np.bool_)
        controlled[[link.position for link in signal.links]] = True
        self._served = served[:, controlled & served.any(axis=0)]
        self._since: TimeArray = np.zeros(self._served.shape[1])

    def reset(self, time_s: float) -> None:
        self._since[:] = time_s

    def leave(self, phase: int, target: int, time_s: float) -> None:
        self._since[self._served[phase] & ~self._served[target]] = time_s

    def begin(self, phase: int) -> float:
        """Note a phase's greens; return when the link that is red longest turned red."""
        self._since[self._served[phase]] = np.inf
        return float(self._since.min(initial=np.inf))

    def overdue(self, before_s: float) -> list[BoolArray]:
        """Return, for each link that turned red by a time, the phases serving it; longest first."""
        order = np.argsort(self._since, kind="stable")
        return [self._served[:, k] for k in order if self._since[k] <= before_s]
