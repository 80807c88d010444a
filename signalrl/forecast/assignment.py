"""Which ways drivers take, where the ways that all take are full.

Drivers choose the way that seems fastest when they set off. That depends on the queues, which
depend on the ways: so both are found in turns, the ways of the last turns taken together (the
method of successive averages; Sheffi, *Urban Transportation Networks*, 1985, chapter 12, for
drivers who differ in what they take for the fastest).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from signalrl.errors import NetworkError
from signalrl.forecast.loading import load
from signalrl.forecast.traffic import KINDS, Stream, Traffic
from signalrl.forecast.turning import VEHICLE_M, Edge, Sample, Turning, count_turning
from signalrl.forecast.waves import red_queues
from signalrl.network.capacity import Capacity
from signalrl.scenario.schema import Scenario
from signalrl.sumo.reader import load_net
from signalrl.sumo.ways import Trip, find_ways

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

TURNS = 10
"""How often ways are sought."""
TOGETHER = 8
"""How many of the last turns count."""
PERIOD_S = 1800.0
"""Length of a period in which drivers take the same ways, while visitors are on the road."""
SEEN_S = 600.0
"""Time over which the travel times that drivers know are means."""
SETTING_OFF = (0.5, 1 / 6, 5 / 6)
"""Parts of a period after which the drivers of one turn set off, those of the next, and so on."""
SLOWEST_S = 200.0
"""Longest delay on an approach that drivers reckon with."""
_DRAWS = 4
"""Draws that are loaded to see how long queues are."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where the traffic of a window goes, and what the signals can do with it.

    Attributes:
        turning: Turning shares by period.
        parts: Part of each movement on each of its lanes, ``(periods, pairs)``.
        lanes_veh_s: What each lane discharges, ``(periods, lanes)``.
    """

    turning: Turning
    parts: FloatArray
    lanes_veh_s: FloatArray


def assign(
    scenario: Scenario, capacity: Capacity, traffic: Traffic, turns: int = TURNS
) -> Assignment:
    """Find the ways that the traffic of a window takes.

    Args:
        scenario: The network.
        capacity: Its signals.
        traffic: Who wants to drive.
        turns: How often ways are sought.

    Raises:
        NetworkError: Somebody has no way, or nobody passes a signal.
        SimulationError: SUMO's router failed.
    """
    roads = read_roads(scenario, capacity)
    plan = _Plan(traffic)
    begin_s = plan.window.begin_s
    ways = find_ways(scenario, plan.trips(0), begin_s=begin_s, seed=1)
    _check_ways(scenario, plan.trips(0), ways)
    samples = [plan.samples(ways)]
    found = _assignment(capacity, roads, samples, plan)
    if not found.turning.entries:
        raise NetworkError(
            f"{scenario.name}: expected traffic that passes a signal, got none; look at the ends "
            "of its flows and at the gates and car parks of its venues"
        )
    few = traffic.chosen(np.arange(min(_DRAWS, traffic.draws)))
    for turn in range(1, turns):
        times_s = _times_s(capacity, roads, found, few, plan)
        ways = find_ways(scenario, plan.trips(turn), times_s, SEEN_S, begin_s, seed=turn + 1)
        samples = [*samples, plan.samples(ways)][-TOGETHER:]
        found = _assignment(capacity, roads, samples, plan)
    return found


def _check_ways(scenario: Scenario, trips: Sequence[Trip], ways: Sequence[tuple[str, ...]]) -> None:
    ends = {
        (trip.origin, trip.destination): bool(way) for trip, way in zip(trips, ways, strict=True)
    }
    if missing := [pair for pair, found in ends.items() if not found]:
        (origin, destination), *_ = missing
        raise NetworkError(
            f"{scenario.name}: expected a way from {origin!r} to {destination!r}, found none, as "
            f"for {len(missing)} of {len(ends)} pairs of ends; signalrl check says where to mend it"
        )


@dataclass(frozen=True, slots=True)
class Roads:
    """The roads of a network.

    Attributes:
        edges: All edges by id.
        before: The edges before each approach's stop line, from there backwards to where a road
            branches off or joins, or ends.
    """

    edges: Mapping[str, Edge]
    before: tuple[tuple[str, ...], ...]


def read_roads(scenario: Scenario, capacity: Capacity) -> Roads:
    """Return the roads of a scenario's network."""
    net = load_net(scenario.network_file)
    edges = {
        str(edge.getID()): Edge(
            float(edge.getLength()),
            float(edge.getSpeed()),
            max(1, sum(lane.allows("passenger") for lane in edge.getLanes())),
        )
        for edge in net.getEdges(withInternal=False)
    }
    return Roads(edges, tuple(tuple(backwards(net.getEdge(a))) for a in capacity.approaches))


def backwards(edge: Any) -> Iterator[str]:
    """Yield an edge of sumolib's and those before it, up to where a road branches off or joins.

    Who turns round comes from another road, so it ends there too.
    """
    seen: set[str] = set()
    while edge.getID() not in seen:
        seen.add(edge.getID())
        yield str(edge.getID())
        before = [road for road in _roads(edge.getIncoming()) if not _turns_round(road, edge)]
        if edge.getFromNode().getType().startswith("traffic_light") or len(before) != 1:
            return
        if len(_roads(before[0].getOutgoing())) != 1:
            return
        edge = before[0]


def _roads(edges: Iterable[Any]) -> list[Any]:
    """Return edges without the ways over a junction, on foot or not, which a network may hold."""
    return [edge for edge in edges if edge.getFunction() in ("", "connector")]


def _turns_round(edge: Any, after: Any) -> bool:
    """Whether an edge leads to the next by a U-turn alone, as at a dead end."""
    return {way.getDirection() for way in edge.getConnections(after)} == {"t"}


class _Plan:
    """The sample of drivers whose ways are sought: in each turn one of each stream and period.

    Periods are half an hour long from the begin of the window on; those without visitors are one,
    and its drivers set off in the busiest half hour of them.
    """

    def __init__(self, traffic: Traffic) -> None:
        self.window = window = traffic.window
        means = traffic.mean()
        slots = np.arange(window.steps) // round(PERIOD_S / window.step_s)
        number = int(slots.max()) + 1
        by_slot = {key: np.bincount(slots, rate, number) for key, rate in means.items()}
        all_of_it = sum(by_slot.values(), np.zeros(number))
        visitors = sum((n for key, n in by_slot.items() if key.kind), np.zeros(number))
        quiet = np.flatnonzero(visitors <= 0)
        groups = [quiet] if len(quiet) else []
        groups += [np.array([slot]) for slot in np.flatnonzero(visitors > 0)]
        period_of_slot = np.zeros(number, np.intp)
        for period, members in enumerate(groups):
            period_of_slot[members] = period
        self.slots, self.period_of = slots, period_of_slot[slots]
        # Where visitors are on the road, and the busiest half hour of those without.
        wanted = visitors > 0
        if len(quiet):
            wanted[quiet[np.argmax(all_of_it[quiet])]] = True
        ends = np.flatnonzero(np.diff(np.concatenate([[0], wanted, [0]])))
        self.spans = [(int(a), int(b)) for a, b in ends.reshape(-1, 2)]
        hours = np.bincount(slots, minlength=number) * window.step_s / 3600.0
        self._drivers: list[tuple[Stream, int, float, float]] = []
        self._fixed: list[Sample] = []
        self.known: dict[tuple[str, ...], npt.NDArray[np.floating[Any]]] = {}
        for period, members in enumerate(groups):
            busiest = int(members[np.argmax(all_of_it[members])])
            for key in sorted(means):
                veh_h = float(by_slot[key][members].sum() / hours[members].sum())
                if veh_h > 0.0:
                    self._add(key, period, veh_h, busiest)

    def _add(self, key: Stream, period: int, veh_h: float, slot: int) -> None:
        if key.way:
            self._fixed.append(Sample(key.kind, period, key.way, veh_h))
            return
        self._drivers.append((key, period, veh_h, self.window.begin_s + slot * PERIOD_S))

    def trips(self, turn: int) -> list[Trip]:
        """Return where they want to drive in a turn."""
        after_s = SETTING_OFF[turn % len(SETTING_OFF)] * PERIOD_S
        return [
            Trip(begin_s + after_s, key.origin, key.destination)
            for key, _, _, begin_s in self._drivers
        ]

    def samples(self, ways: Sequence[tuple[str, ...]]) -> list[Sample]:
        """Return the sample with the ways that were found."""
        return self._fixed + [
            Sample(key.kind, period, way, veh_h)
            for (key, period, veh_h, _), way in zip(self._drivers, ways, strict=True)
            if way
        ]


def _assignment(
    capacity: Capacity,
    roads: Roads,
    turns: Sequence[Sequence[Sample]],
    plan: _Plan,
) -> Assignment:
    pooled, part = chain.from_iterable(turns), 1.0 / len(turns)
    turning = count_turning(
        *(capacity, roads.edges, pooled, len(KINDS), plan.period_of, part, plan.known)
    )
    volumes = turning.flows.sum(axis=1)
    parts = capacity.split(volumes)
    return Assignment(turning, parts, capacity.of_lanes(volumes, parts) / 3600.0)


def _times_s(
    capacity: Capacity,
    roads: Roads,
    found: Assignment,
    traffic: Traffic,
    plan: _Plan,
) -> dict[str, FloatArray]:
    """Return the travel times that drivers expect, by bins of ``SEEN_S``."""
    turning, step_s = found.turning, traffic.window.step_s
    per_bin, per_slot = round(SEEN_S / step_s), round(PERIOD_S / SEEN_S)
    bins = (int(plan.slots.max()) + 1) * per_slot
    shape = (bins, len(capacity.approaches))
    left, waiting = np.zeros(shape), np.zeros(shape)
    for first, last in plan.spans:
        first, last = first * per_slot, last * per_slot
        steps = range(first * per_bin, min(last * per_bin, traffic.window.steps))
        entering = traffic.entering(turning.entries, steps=steps)
        missing = (last - first) * per_bin - len(entering)
        if missing:  # the last slot may be short
            entering = np.pad(entering, ((0, missing), (0, 0), (0, 0)))
        loading = load(
            *(capacity, turning, found.parts, found.lanes_veh_s),
            *(entering, step_s, per_bin, steps.start),
        )
        left[first:last] = loading.left.mean(axis=2)
        waiting[first:last] = loading.queue.mean(axis=2)
    known = np.minimum(np.arange(bins) * per_bin, len(plan.period_of) - 1)
    periods = plan.period_of[known]
    flow = np.maximum(left / SEEN_S, 1e-3)  # veh/s
    queue = waiting + red_queues(capacity, turning)[:, periods]  # by slot of the cycle
    times_s: dict[str, FloatArray] = {}
    for approach, edges in enumerate(roads.before):
        rest = queue[:, :, approach]
        for name in edges:
            edge = roads.edges[name]
            here = np.minimum(rest, edge.lanes * edge.length_m / VEHICLE_M)
            rest = rest - here
            free_s = edge.length_m / edge.speed_m_s
            seen = _seen_speed(here, flow[:, approach] * free_s).mean(axis=0)
            times_s[name] = np.minimum(free_s / seen, free_s + SLOWEST_S)
    return times_s


def _seen_speed(waiting: FloatArray, moving: FloatArray) -> FloatArray:
    """Return the mean speed of the vehicles on a road, as a part of the limit.

    So SUMO's drivers see the roads: by the speeds of the last minutes, in which an empty road has
    the speed of the limit. A queue that dissolves in every green costs more than it seems.

    Args:
        waiting: Mean number of vehicles that wait on the road.
        moving: Mean number of those that drive; both are drawn (Poisson).
    """
    present = waiting + moving
    empty = np.exp(-present)
    return empty + (1.0 - empty) * moving / present
