"""Drives an interlock with requests, good and bad, and records all that it shows and answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from signalrl.control.interlock import Interlock, Verdict
from signalrl.control.monitor import Monitor, Violation
from signalrl.network.model import Network
from signalrl.network.timing import TimingRules

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Requests = Callable[[Interlock, BoolArray, np.random.Generator], IntArray]
"""Chooses what to ask for: ``(interlock, mask, rng) -> (S,)``."""


def counts(interlock: Interlock) -> IntArray:
    """How many phases each signal has."""
    return np.array([len(signal.phases) for signal in interlock.network.signals])


def at_random(interlock: Interlock, mask: BoolArray, rng: np.random.Generator) -> IntArray:
    return rng.integers(0, counts(interlock))


def out_of_range(interlock: Interlock, mask: BoolArray, rng: np.random.Generator) -> IntArray:
    return rng.integers(-3, counts(interlock) + 3)


def always_onward(interlock: Interlock, mask: BoolArray, rng: np.random.Generator) -> IntArray:
    return (interlock.target + 1) % counts(interlock)


def flip_flop(interlock: Interlock, mask: BoolArray, rng: np.random.Generator) -> IntArray:
    return np.where(interlock.target == 0, 1, 0)


def never_switch(interlock: Interlock, mask: BoolArray, rng: np.random.Generator) -> IntArray:
    return interlock.target.copy()


def always_forbidden(interlock: Interlock, mask: BoolArray, rng: np.random.Generator) -> IntArray:
    """Ask for what the mask forbids, where it forbids anything."""
    forbidden = ~mask & (np.arange(mask.shape[1]) < counts(interlock)[:, None])
    return np.where(forbidden.any(axis=1), forbidden.argmax(axis=1), interlock.target)


def obedient(interlock: Interlock, mask: BoolArray, rng: np.random.Generator) -> IntArray:
    """Ask for anything that the mask allows."""
    return np.where(mask, rng.random(mask.shape), -1.0).argmax(axis=1)


ADVERSARIES: tuple[Requests, ...] = (
    at_random,
    out_of_range,
    always_onward,
    flip_flop,
    never_switch,
    always_forbidden,
    obedient,
)


def replay(requests: Sequence[IntArray]) -> Requests:
    """Ask for what was asked before, one row after the other."""
    rows = iter(requests)
    return lambda interlock, mask, rng: next(rows)


@dataclass(frozen=True)
class Shown:
    """A state that a signal showed, and the phase that began with it, None on the way to one."""

    time_s: float
    signal: int
    state: str
    phase: int | None


@dataclass(frozen=True)
class Decision:
    """A request for all signals, and how the interlock answered."""

    time_s: float
    mask: BoolArray
    wanted: IntArray
    verdicts: tuple[Verdict, ...]
    reasons: tuple[str, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    """The phase that each signal was bound for before and after the request."""


@dataclass(frozen=True)
class Green:
    """A phase of a signal from its first second until it was told to end."""

    signal: int
    phase: int
    begin_s: float
    end_s: float
    ended: bool
    """Whether another phase followed, or the record ended."""


class Trace:
    """The record of a drive."""

    def __init__(
        self, network: Network, rules: TimingRules, interval_s: float, interlock: Interlock
    ) -> None:
        self.network, self.rules, self.interval_s = network, rules, interval_s
        self.interlock = interlock
        self.decisions: list[Decision] = []
        self.shown: list[Shown] = []
        self.violations: list[Violation] = []
        self.end_s = 0.0

    def __repr__(self) -> str:
        """What it takes to tell a counterexample."""
        signals = [
            f"{[phase.state for phase in signal.phases]} foes {np.argwhere(signal.foes).tolist()} "
            f"links {[astuple(link) for link in signal.links]}"
            for signal in self.network.signals
        ]
        changes = [(change.time_s, change.signal, change.state) for change in self.shown]
        return f"Trace({self.rules}\n{signals}\n{changes}\n{self.violations})"

    def answers(self) -> Iterator[tuple[Decision, int]]:
        """Every decision about every signal."""
        return ((d, i) for d in self.decisions for i in range(len(self.network.signals)))

    def of(self, signal: int) -> list[Shown]:
        """What one signal showed."""
        return [shown for shown in self.shown if shown.signal == signal]

    def greens(self) -> list[Green]:
        """Every phase that was shown, in order, signal by signal."""
        greens = []
        for i in range(len(self.network.signals)):
            left = [(d.time_s, d.before[i]) for d in self.decisions if d.before[i] != d.after[i]]
            for shown in self.of(i):
                if shown.phase is not None:
                    ends = [t for t, phase in left if t >= shown.time_s and phase == shown.phase]
                    end_s = ends[0] if ends else self.end_s
                    greens.append(Green(i, shown.phase, shown.time_s, end_s, bool(ends)))
        return greens


def regular(interval_s: float, count: int, start_s: float = 0.0) -> list[float]:
    """Times of decisions, added up as a clock adds them up."""
    times = [start_s]
    for _ in range(count - 1):
        times.append(times[-1] + interval_s)
    return times


def drive(
    network: Network,
    rules: TimingRules,
    requests: Requests,
    *,
    interval_s: float = 5.0,
    times: Sequence[float] | None = None,
    seed: int = 0,
    late_s: float = 0.0,
    interlock: Interlock | None = None,
    probe: Callable[[Interlock, float], None] | None = None,
) -> Trace:
    """Drive an interlock from one decision to the next, every state judged by the monitor.

    Args:
        network: The signals.
        rules: What the monitor demands, and the interlock where none is given.
        requests: What is asked for.
        interval_s: The longest time between decisions.
        times: When decisions are made; by default 60 times, regularly.
        seed: Of all that is random.
        late_s: Changes of state come late by up to this.
        interlock: The interlock, made from network and rules where None.
        probe: Called with the interlock at a random time between changes.
    """
    times = regular(interval_s, 60) if times is None else times
    rng = np.random.default_rng(seed)
    interlock = Interlock(network, rules, interval_s) if interlock is None else interlock
    monitor = Monitor(network, rules)
    trace = Trace(network, rules, interval_s, interlock)
    trace.end_s = times[-1] + interval_s
    interlock.reset(times[0])
    monitor.reset(times[0])
    _show(trace, monitor, times[0])
    for now_s, end_s in zip(times, [*times[1:], trace.end_s], strict=True):
        _decide(trace, requests, now_s, rng)
        time_s = now_s
        while True:
            if interlock.next_change_s <= time_s:
                _show(trace, monitor, time_s)
            change_s = interlock.next_change_s
            if probe is not None:
                probe(interlock, rng.uniform(time_s, min(end_s, change_s)))
            if late_s and math.isfinite(change_s):
                change_s = max(time_s, change_s + rng.uniform(0.0, late_s))
            time_s = min(end_s, change_s)
            if time_s >= end_s:
                break
    return trace


def _decide(trace: Trace, requests: Requests, now_s: float, rng: np.random.Generator) -> None:
    interlock = trace.interlock
    mask = interlock.requestable(now_s).copy()
    wanted = requests(interlock, mask, rng)
    before = tuple(interlock.target.tolist())
    verdicts = tuple(interlock.request(wanted, now_s))
    trace.decisions.append(
        Decision(
            now_s,
            mask,
            wanted,
            verdicts,
            tuple(interlock.explain(i, v, now_s) for i, v in enumerate(verdicts)),
            before,
            tuple(interlock.target.tolist()),
        )
    )


def _show(trace: Trace, monitor: Monitor, time_s: float) -> None:
    interlock = trace.interlock
    for signal, state in interlock.advance(time_s):
        arrived = interlock.phase[signal] == interlock.target[signal]
        phase = int(interlock.phase[signal]) if arrived else None
        trace.shown.append(Shown(time_s, signal, state, phase))
        violation = monitor.check(signal, state, time_s)
        if violation is not None:
            trace.violations.append(violation)
