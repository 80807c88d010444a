"""Unrolls the plans of an evening into one program for each signal, with every change cleared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from signalrl.forecast.evening import Period
from signalrl.forecast.plans import SignalPlan, apportion, change_s
from signalrl.network.model import Network, Signal
from signalrl.network.timing import TimingRules, lasting_green_s, transition
from signalrl.sumo.logic import Logic, Step

PROGRAM = "signalrl-event-plan"


class Shown(NamedTuple):
    """A state and how long it is shown, in s."""

    state: str
    duration_s: int


def fixed_logics(network: Network, rules: TimingRules, periods: Sequence[Period]) -> list[Logic]:
    """Return plans as one long program for each signal, from the first period to the last."""
    logics = []
    for signal in network.signals:
        plans = [(period.begin_s, period.plans[signal.id]) for period in periods]
        shown = unroll(signal, plans, periods[-1].end_s, rules)
        steps = tuple(Step(state, float(duration_s)) for state, duration_s in shown)
        logics.append(Logic(signal.id, "static", PROGRAM, steps, periods[0].begin_s))
    return logics


def unroll(
    signal: Signal,
    plans: Sequence[tuple[float, SignalPlan]],
    end_s: float,
    rules: TimingRules,
) -> list[Shown]:
    """Return what a signal shows from the begin of the first plan to the end or a little later.

    Behind its end it may begin anew: the last state leads to the first one.

    A plan ends with the cycle that ends nearest to the begin of the next one. The next one falls
    into step with its offset over one or two cycles that are longer or shorter, by as little as
    can be (up to six where the city has a longest green, and not at all where its greens leave no
    room); so no green is cut, none is below its minimum and none above the longest.

    Args:
        signal: The signal.
        plans: When each begins, in simulated s, and the plan, in the order of time.
        end_s: Simulated second up to which it is unrolled.
        rules: For the changes.
    """
    begin_s = round(plans[0][0])
    roll = _Roll(signal, rules, begin_s)
    ends = [*(at_s for at_s, _ in plans[1:]), end_s]
    for (_, plan), until_s in zip(plans, ends, strict=True):
        cycle_s = plan.cycle_s(signal, rules)
        lengths_s = roll.lengths_s(plan)
        # Never where it would not last for a cycle, one that falls into step included.
        while roll.time_s + max(cycle_s, lengths_s[0]) / 2 <= until_s:
            ends_s = roll.time_s + lengths_s[0]
            roll.cycle(plan, lengths_s[0])
            goes_on = lengths_s[1:] and roll.time_s == ends_s
            lengths_s = lengths_s[1:] if goes_on else roll.lengths_s(plan)
    while roll.time_s < end_s:
        roll.cycle(plans[-1][1], plans[-1][1].cycle_s(signal, rules))
    roll.change_to(roll.first)  # SUMO begins a program anew behind its end
    return roll.shown


class _Roll:
    def __init__(self, signal: Signal, rules: TimingRules, begin_s: int) -> None:
        self._signal, self._rules = signal, rules
        self._last: int | None = None
        self.first = 0
        self.time_s = begin_s
        self.shown: list[Shown] = []

    def lengths_s(self, plan: SignalPlan) -> list[int]:
        """Return the lengths of the next cycles, after which a plan is in step."""
        cycle_s = plan.cycle_s(self._signal, self._rules)
        if plan.offset_s is None or (late_s := (plan.offset_s - self.time_s) % cycle_s) == 0:
            return [cycle_s]
        usual_s = sum(plan.changes_s(self._signal, self._rules))
        least_s = max(self._lost_s(plan), usual_s) + sum(self._least(plan))
        options = [
            [(late_s + more * cycle_s + i) // number for i in range(number)]
            for number in ((1, 2) if self._rules.max_green_s is None else range(1, 7))
            for more in range(number + 2)
        ]
        options = [
            lengths
            for lengths in options
            if min(lengths) >= least_s and self._has_room(plan, max(lengths) - usual_s)
        ]
        return min(
            options, key=lambda lengths: max(abs(s - cycle_s) for s in lengths), default=[cycle_s]
        )

    def _has_room(self, plan: SignalPlan, green_s: int) -> bool:
        """Whether no green of a cycle is above the city's longest; the plan's own never is."""
        longest_s = self._rules.max_green_s
        if longest_s is None or green_s <= sum(plan.greens_s):
            return True
        greens_s = apportion(green_s, plan.greens_s, self._least(plan))
        return max(greens_s) <= max(longest_s, *plan.greens_s)

    def cycle(self, plan: SignalPlan, length_s: int) -> None:
        """Show one cycle of a plan in a length; in less where a green would be above the longest.

        A change that the first cycle saves, since its first phase or nothing is shown yet, is green
        instead, and so is that phase's green of the plan before.
        """
        greens_s = apportion(length_s - self._lost_s(plan), plan.greens_s, self._least(plan))
        for phase, green_s, own_s in zip(plan.phases, greens_s, plan.greens_s, strict=True):
            self.change_to(phase)
            state = self._signal.phases[phase].state
            if (longest_s := self._rules.max_green_s) is not None:
                green_s = min(green_s, self._left_s(state, max(math.floor(longest_s), own_s)))
            self._show(state, green_s)

    def _left_s(self, state: str, longest_s: int) -> int:
        """Return how long a state may still be shown."""
        goes_on = bool(self.shown) and self.shown[-1].state == state
        return max(0, longest_s - (self.shown[-1].duration_s if goes_on else 0))

    def change_to(self, phase: int) -> None:
        """Show the change to a phase, if it is not the one that is shown."""
        if self._last is None:
            self.first = phase
        elif self._last != phase:
            for k in transition(self._signal, self._last, phase, self._rules):
                self._show(k.state, round(k.duration_s))
        self._last = phase

    def _lost_s(self, plan: SignalPlan) -> int:
        """Return the time that the changes of the next cycle take."""
        before = (plan.phases[-1] if self._last is None else self._last, *plan.phases)
        first = self._last is None
        return sum(
            change_s(self._signal, a, b, self._rules)
            for i, (a, b) in enumerate(zip(before, plan.phases, strict=False))
            if not (first and i == 0)
        )

    def _least(self, plan: SignalPlan) -> list[int]:
        return [round(lasting_green_s(self._signal, p, self._rules)) for p in plan.phases]

    def _show(self, state: str, duration_s: int) -> None:
        self.time_s += duration_s
        if self.shown and self.shown[-1].state == state:
            duration_s += self.shown.pop().duration_s
        self.shown.append(Shown(state, duration_s))
