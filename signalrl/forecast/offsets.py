"""Offsets for green waves between signals that have one cycle.

Platoons leave a signal in its greens and meet the next one a travel time later. What they wait
there depends on the difference of the two offsets alone, so the delays of all differences are
counted once, and offsets are moved, signal by signal, to where the sum is least, from the roads
with most traffic on (the idea of TRANSYT: D. I. Robertson, Road Research Laboratory Report LR 253,
1969, without the dispersion of platoons).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from signalrl.forecast.plans import SignalPlan
from signalrl.forecast.turning import Turning
from signalrl.forecast.waves import SPEED_FACTOR
from signalrl.network.capacity import SATURATION_VEH_H, Capacity
from signalrl.network.model import Network, Signal
from signalrl.network.timing import GREEN, TimingRules

FloatArray = npt.NDArray[np.float64]

_PASSES = 4


def with_offsets(
    network: Network,
    rules: TimingRules,
    turning: Turning,
    capacity: Capacity,
    volumes_veh_h: FloatArray,
    plans: Mapping[str, SignalPlan],
) -> dict[str, SignalPlan]:
    """Return plans of one cycle with offsets.

    Args:
        network: The signals.
        rules: Their timing.
        turning: Who goes where next.
        capacity: Says in which order movements come.
        volumes_veh_h: Traffic by movement.
        plans: A plan for each signal; signals whose cycle differs from most keep no offset.
    """
    cycles = {s.id: plans[s.id].cycle_s(s, rules) for s in network.signals}
    lengths = list(cycles.values())
    cycle_s = max(sorted(set(lengths)), key=lengths.count)
    joined = {s.id: s for s in network.signals if cycles[s.id] == cycle_s}
    edges = {lane.id: lane.edge for lane in network.lanes}
    greens = {
        name: _greens(signal, plans[name], rules, cycle_s, edges) for name, signal in joined.items()
    }
    links = _links(turning, capacity, volumes_veh_h, greens)
    offsets = _settle(sorted(joined), links, cycle_s)
    return {name: replace(plan, offset_s=offsets.get(name)) for name, plan in plans.items()}


class _Between:
    """Traffic from one signal to another: vehicles waiting by difference of their offsets."""

    def __init__(self, cycle_s: int) -> None:
        self.waiting = np.zeros(cycle_s)
        self.veh_h = 0.0


def _links(
    turning: Turning,
    capacity: Capacity,
    volumes: FloatArray,
    greens: Mapping[str, Mapping[tuple[str, str], FloatArray]],
) -> dict[tuple[str, str], _Between]:
    movements, count = capacity.movements, len(capacity.movements)
    usual = turning.flows.sum(axis=0)
    shares = turning.hop_share.mean(axis=0)
    streams: dict[tuple[str, str, tuple[str, str]], FloatArray] = {}
    flows: dict[tuple[str, str, tuple[str, str]], float] = defaultdict(float)
    for hop, (a, b) in enumerate(
        zip(turning.hop_from % count, turning.hop_to % count, strict=True)
    ):
        first, second = movements[int(a)], movements[int(b)]
        if first.signal == second.signal or not {first.signal, second.signal} <= set(greens):
            continue
        kind = int(turning.hop_from[hop]) // count
        total = float(usual[:, a].sum())
        part = float(usual[kind, a]) / total if total else 0.0
        veh_h = float(volumes[a]) * part * float(shares[hop])
        if veh_h <= 0.0:
            continue
        leaves = greens[first.signal][first.key]
        late_s = round(float(turning.hop_s[hop]) / SPEED_FACTOR)
        arrives = np.roll(leaves, late_s) / max(leaves.sum(), 1.0) * veh_h
        key = (first.signal, second.signal, second.key)
        streams[key] = streams.get(key, np.zeros(len(leaves))) + arrives
        flows[key] += veh_h
    found: dict[tuple[str, str], _Between] = {}
    for (first_id, second_id, name), arrives in streams.items():
        green = greens[second_id][name]
        pair = found.setdefault((first_id, second_id), _Between(len(green)))
        lanes = len(next(m for m in movements if m.key == name).lanes)
        # ``arrives`` holds veh/h whose sum over the cycle is the flow: as vehicles in each second.
        per_s = arrives * len(green) / 3600.0
        pair.waiting += _waiting(per_s, green * lanes * SATURATION_VEH_H / 3600.0)
        pair.veh_h += flows[first_id, second_id, name]
    return found


def _waiting(arrives: FloatArray, lets: FloatArray) -> FloatArray:
    """Return the mean queue for each difference of the offsets, ``(cycle,)``.

    With a difference d the second signal's cycle begins d after the first's, so that what arrives
    at t meets its second t - d.
    """
    cycle = len(arrives)
    seconds = np.arange(cycle)
    come = arrives[(seconds[:, None] + seconds[None, :]) % cycle]  # by the second's time, and d
    queue, total = np.zeros(cycle), np.zeros(cycle)
    for turn in range(3):
        for t in range(cycle):
            queue = np.maximum(0.0, queue + come[t] - lets[t])
            if turn == 2:
                total += queue
    return total / cycle


def _settle(
    names: Sequence[str], links: Mapping[tuple[str, str], _Between], cycle_s: int
) -> dict[str, int]:
    """Return the offsets: along the busiest roads first, then each once more among all others."""
    offsets: dict[str, int] = {}
    differences = np.arange(cycle_s)
    around: dict[str, list[tuple[str, FloatArray]]] = defaultdict(list)
    weight: dict[tuple[str, str], float] = defaultdict(float)
    for (a, b), link in links.items():
        around[b].append((a, link.waiting))
        around[a].append((b, link.waiting[-differences % cycle_s]))
        weight[a, b] += link.veh_h
        weight[b, a] += link.veh_h

    def best(name: str) -> int:
        waiting = np.zeros(cycle_s)
        for other, by_difference in around[name]:
            if other in offsets:
                waiting += by_difference[(differences - offsets[other]) % cycle_s]
        return int(np.argmin(waiting))

    while len(offsets) < len(names):
        rest = [name for name in names if name not in offsets]
        name = max(
            rest,
            key=lambda n: (sum(weight[n, o] for o in offsets), sum(weight[n, o] for o in rest)),
        )
        offsets[name] = best(name)
    for _ in range(_PASSES):
        for name in names:
            offsets[name] = best(name)
    return offsets


def _greens(
    signal: Signal,
    plan: SignalPlan,
    rules: TimingRules,
    cycle_s: int,
    edges: Mapping[str, str],
) -> dict[tuple[str, str], FloatArray]:
    """Return of each movement in which seconds of the cycle it may go, by its edges."""
    shown = [
        step.state
        for step in plan.program(signal, rules).steps
        for _ in range(round(step.duration_s))
    ]
    found: dict[tuple[str, str], FloatArray] = {}
    for link in signal.links:
        if link.crossing or link.from_lane not in edges or link.to_lane not in edges:
            continue
        key = (edges[link.from_lane], edges[link.to_lane])
        mine = np.array([float(state[link.position] in GREEN) for state in shown])
        found[key] = np.maximum(found.get(key, np.zeros(cycle_s)), mine)
    return found
