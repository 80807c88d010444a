"""Designs fixed-time signal plans for the traffic of one period.

Greens are shared out so that the fullest lanes of all phases are equally full, and the cycle is
Webster's (F. V. Webster, *Traffic Signal Settings*, Road Research Technical Paper 39, 1958). What a
lane lets through, with those who yield and those who share it, is that of
:class:`~signalrl.network.capacity.Capacity`. Phases that others can do without, such as those of
protected left turns, are dropped where the delay of the Highway Capacity Manual is less without.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations

import numpy as np
import numpy.typing as npt

from signalrl.errors import ConfigError
from signalrl.network.capacity import SATURATION_VEH_H, Capacity, find_movements
from signalrl.network.model import Network, Program, ProgramStep, Signal
from signalrl.network.timing import GREEN, TimingRules, lasting_green_s, transition

FloatArray = npt.NDArray[np.float64]

MIN_CYCLE_S = 40
MAX_CYCLE_S = 90
GATE = 0.5
PERIOD_H = 0.5
"""Time for which a queue may grow before the next plan, in the delay of full lanes."""
_ROUNDS = 12
"""Rounds in which greens and cycle are found; the best counts."""
_MOST_PHASES = 5
"""Signals with more phases keep all of them, in their order."""
_LEAST_NEED = 0.02


@dataclass(frozen=True, slots=True)
class SignalPlan:
    """A fixed-time plan of a signal.

    A cycle begins with the change to its first phase.

    Attributes:
        phases: Indices of the phases in the order shown.
        greens_s: Green of each in whole s.
        offset_s: A simulated second at which a cycle begins; None where it does not matter.
    """

    phases: tuple[int, ...]
    greens_s: tuple[int, ...]
    offset_s: int | None = None

    def changes_s(self, signal: Signal, rules: TimingRules) -> tuple[int, ...]:
        """Return how long the change to each phase takes, in s."""
        before = (self.phases[-1], *self.phases[:-1])
        return tuple(
            change_s(signal, a, b, rules) for a, b in zip(before, self.phases, strict=True)
        )

    def cycle_s(self, signal: Signal, rules: TimingRules) -> int:
        """Return the length of the cycle in s."""
        return sum(self.greens_s) + sum(self.changes_s(signal, rules))

    def program(self, signal: Signal, rules: TimingRules) -> Program:
        """Return the plan as a program of one cycle."""
        steps = []
        before = (self.phases[-1], *self.phases[:-1])
        for a, b, green_s in zip(before, self.phases, self.greens_s, strict=True):
            steps += [(k.state, k.duration_s) for k in transition(signal, a, b, rules)]
            steps.append((signal.phases[b].state, float(green_s)))
        return Program(
            "plan", "static", 0.0, tuple(ProgramStep(state, s, s, s) for state, s in steps)
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a plan may be.

    Attributes:
        min_cycle_s: Shortest cycle in s.
        max_cycle_s: Longest cycle in s, unless the shortest greens need more.
        choose: Whether phases may be dropped and put in another order.
        gate: Part of their traffic for which approaches get green on which vehicles enter the
            network. Below 1, queues stay outside, where they block no junction.
    """

    min_cycle_s: int = MIN_CYCLE_S
    max_cycle_s: int = MAX_CYCLE_S
    choose: bool = True
    gate: float = GATE

    def __post_init__(self) -> None:
        """Refuse bounds that no cycle keeps, and what is no part."""
        if self.min_cycle_s < 1:
            raise ConfigError(f"min_cycle_s: expected 1 s or more, got {self.min_cycle_s}")
        if self.min_cycle_s > self.max_cycle_s:
            raise ConfigError(
                f"min_cycle_s: expected at most max_cycle_s ({self.max_cycle_s}), got "
                f"{self.min_cycle_s}"
            )
        if not 0.0 <= self.gate <= 1.0:
            raise ConfigError(f"gate: expected a part from 0 to 1, got {self.gate:g}")


def webster_cycle_s(lost_s: float, flow_ratio: float) -> float:
    """Return the cycle with the least delay, (1.5 L + 5) / (1 - Y); infinite from Y = 1 on.

    Args:
        lost_s: Time L of a cycle in which nobody leaves.
        flow_ratio: Sum Y of the phases' critical flow ratios.
    """
    return (1.5 * lost_s + 5.0) / (1.0 - flow_ratio) if flow_ratio < 1.0 else math.inf


def change_s(signal: Signal, start: int, end: int, rules: TimingRules) -> int:
    """Return how long the change from one phase to another takes, in s."""
    if start == end:
        return 0
    return round(sum(k.duration_s for k in transition(signal, start, end, rules)))


def apportion(total: int, weights: Sequence[float], least: Sequence[int]) -> tuple[int, ...]:
    """Share out whole seconds by weight, none below its least; more than the total if need be."""
    parts = np.array(least, np.float64)
    free = np.ones(len(parts), bool)
    want = np.maximum(np.asarray(weights, np.float64), 1e-9)
    while free.any():
        rest = total - parts[~free].sum()
        shares = rest * want / want[free].sum()
        short = free & (shares < np.array(least))
        if not short.any():
            parts[free] = shares[free]
            break
        free &= ~short
    whole = np.floor(parts + 1e-9).astype(int)
    missing = max(total, sum(least)) - int(whole.sum())
    order = np.argsort(-(parts - whole), kind="stable")
    whole[order[:missing]] += 1
    return tuple(int(k) for k in whole)


class Designer:
    """Designs plans for the signals of a network.

    Args:
        network: The signals.
        rules: The city's timing rules.
        bounds: What plans may be.
        gates: Approaches on which vehicles enter the network.
    """

    def __init__(
        self,
        network: Network,
        rules: TimingRules,
        bounds: Bounds | None = None,
        gates: Collection[str] = (),
    ) -> None:
        self._network, self._rules, self._gates = network, rules, frozenset(gates)
        self._bounds = bounds or Bounds()
        self._choices = {s.id: tuple(self._orders(s)) for s in network.signals}

    def design(
        self, volumes_veh_h: FloatArray, cycle_s: int | None = None
    ) -> Mapping[str, SignalPlan]:
        """Return a plan for each signal.

        Args:
            volumes_veh_h: Traffic by movement, in the order of their keys.
            cycle_s: Cycle of all signals; Webster's, each signal's own, by default.
        """
        best: dict[str, tuple[float, SignalPlan]] = {}
        for number in range(max(len(choices) for choices in self._choices.values())):
            orders = {
                name: choices[number]
                for name, choices in self._choices.items()
                if number < len(choices)
            }
            for name, found in self._timed(orders, volumes_veh_h, cycle_s).items():
                if name not in best or found[0] < best[name][0]:
                    best[name] = found
        return {name: plan for name, (_, plan) in sorted(best.items())}

    def common_cycle_s(self, plans: Mapping[str, SignalPlan]) -> int:
        """Return the longest cycle of some plans."""
        return max(plans[s.id].cycle_s(s, self._rules) for s in self._network.signals)

    def capacity(self, plans: Mapping[str, SignalPlan]) -> Capacity:
        """Return what the signals let through under some plans."""
        signals = {s.id: s for s in self._network.signals}
        programs = {n: plan.program(signals[n], self._rules) for n, plan in plans.items()}
        return Capacity(find_movements(self._network, programs))

    def _orders(self, signal: Signal) -> Iterator[tuple[int, ...]]:
        """Yield sets of phases that serve everybody, each in the order that loses least time."""
        count = len(signal.phases)
        every = tuple(range(count))
        if not self._bounds.choose or self._rules.cyclic or count > _MOST_PHASES:
            yield every
            return
        served = _served(signal, every)
        for number in range(count, 1, -1):
            for chosen in combinations(every, number):
                if _served(signal, chosen) == served:
                    orders = ((chosen[0], *rest) for rest in permutations(chosen[1:]))
                    yield min(orders, key=lambda order: self._lost_s(signal, order))

    def _lost_s(self, signal: Signal, order: tuple[int, ...]) -> int:
        return sum(change_s(signal, a, b, self._rules) for a, b in pairwise((*order, order[0])))

    def _timed(
        self, orders: Mapping[str, tuple[int, ...]], volumes: FloatArray, cycle_s: int | None
    ) -> dict[str, tuple[float, SignalPlan]]:
        """Return greens for phases in an order, with the delay of all in vehicles."""
        signals = [s for s in self._network.signals if s.id in orders]
        sites = [_Timing(s, orders[s.id], self._rules, self._bounds, cycle_s) for s in signals]
        every = find_movements(self._network)
        at = {m.key: i for i, m in enumerate(every)}
        part = Network(tuple(signals), self._network.lanes, self._network.zones)

        def loaded() -> _Lanes:
            programs = {s.signal.id: s.plan.program(s.signal, self._rules) for s in sites}
            capacity = Capacity(find_movements(part, programs))
            mine = volumes[[at[m.key] for m in capacity.movements]]
            gated = [m.key[0] in self._gates for m in capacity.movements]
            return _Lanes(capacity, np.where(gated, self._bounds.gate, 1.0) * mine)

        best: dict[str, tuple[float, SignalPlan]] = {}
        for _ in range(_ROUNDS):
            lanes = loaded()
            for site in sites:
                name, delay = site.signal.id, lanes.delay(site.signal)
                if name not in best or delay < best[name][0]:
                    best[name] = delay, site.plan
                site.adapt(lanes.used)
        return best


class _Lanes:
    """How full lanes are under programs.

    Attributes:
        used: Demand over capacity by lane.
    """

    def __init__(self, capacity: Capacity, volumes: FloatArray) -> None:
        parts = capacity.split(volumes)
        wanted = capacity.sum_by_lane(parts * volumes[capacity.pair_movement])
        lets = capacity.of_lanes(volumes, parts)
        used = wanted / lets
        self.used = dict(zip(capacity.lanes, used.tolist(), strict=True))
        cycles_s = capacity.cycles_s[capacity.pair_movement[capacity.lane_starts]]
        waits = wanted * control_delay_s(used, lets, cycles_s) / 3600.0
        self._waits: dict[str, float] = dict(zip(capacity.lanes, waits.tolist(), strict=True))

    def delay(self, signal: Signal) -> float:
        """Return how many vehicles wait at a signal in the mean."""
        return sum(self._waits.get(lane, 0.0) for lane in signal.approach_lanes)


def control_delay_s(
    used: FloatArray, capacity_veh_h: FloatArray, cycle_s: FloatArray
) -> FloatArray:
    """Return the mean delay of the Highway Capacity Manual, uniform and of queues that stay.

    Args:
        used: Demand over capacity.
        capacity_veh_h: Capacity.
        cycle_s: Length of the cycle.
    """
    green = np.minimum(capacity_veh_h / SATURATION_VEH_H, 0.99)
    uniform = 0.5 * cycle_s * (1.0 - green) ** 2 / (1.0 - np.minimum(used, 1.0) * green)
    over = used - 1.0
    grown = over + np.sqrt(over**2 + 4.0 * used / (capacity_veh_h * PERIOD_H))
    found: FloatArray = uniform + 900.0 * PERIOD_H * grown
    return found


class _Timing:
    """A signal whose greens are being found."""

    def __init__(
        self,
        signal: Signal,
        order: tuple[int, ...],
        rules: TimingRules,
        bounds: Bounds,
        cycle_s: int | None,
    ) -> None:
        self.signal, self._order = signal, order
        self._bounds, self._cycle_s = bounds, cycle_s
        self._least = [round(lasting_green_s(signal, phase, rules)) for phase in order]
        self._most = math.inf if rules.max_green_s is None else math.floor(rules.max_green_s)
        plan = SignalPlan(order, tuple(self._least))
        self._lost_s = sum(plan.changes_s(signal, rules))
        self._lanes = _lanes_by_phase(signal, order)
        self.plan = self._shared(self._bounded(60.0), [1.0] * len(order))

    def adapt(self, used: Mapping[str, float]) -> None:
        """Move greens to the phases whose lanes are fuller, and the cycle to Webster's."""
        cycle_s = sum(self.plan.greens_s) + self._lost_s
        needs = [max((used[k] for k in lanes), default=0.0) for lanes in self._lanes]
        greens = [green_s / cycle_s for green_s in self.plan.greens_s]
        ratios = [max(n, _LEAST_NEED) * g for n, g in zip(needs, greens, strict=True)]
        # What a lane lets through jumps where those who yield find gaps no more: go half the way.
        weights = [math.sqrt(ratio * g) for ratio, g in zip(ratios, greens, strict=True)]
        self.plan = self._shared(self._bounded(webster_cycle_s(self._lost_s, sum(ratios))), weights)

    def _bounded(self, cycle_s: float) -> int:
        if self._cycle_s is not None:
            return self._cycle_s
        return math.ceil(min(max(cycle_s, self._bounds.min_cycle_s), self._bounds.max_cycle_s))

    def _shared(self, cycle_s: int, weights: Sequence[float]) -> SignalPlan:
        greens = apportion(cycle_s - self._lost_s, weights, self._least)
        return SignalPlan(
            self._order,
            tuple(
                max(least, int(min(g, self._most)))
                for g, least in zip(greens, self._least, strict=True)
            ),
        )


def _served(signal: Signal, phases: Sequence[int]) -> frozenset[int]:
    return frozenset(
        i for p in phases for i, letter in enumerate(signal.phases[p].state) if letter in GREEN
    )


def _lanes_by_phase(signal: Signal, order: Sequence[int]) -> list[list[str]]:
    """Return the lanes that each phase is for: those to which no other gives a better green."""
    found: list[list[str]] = [[] for _ in order]
    for lane in signal.approach_lanes:
        positions = [k.position for k in signal.links if k.from_lane == lane]
        shown = [{signal.phases[p].state[i] for i in positions} for p in order]
        ranks = [2 if "G" in letters else 1 if "g" in letters else 0 for letters in shown]
        for place, rank in enumerate(ranks):
            if rank and rank == max(ranks):
                found[place].append(lane)
    return found
