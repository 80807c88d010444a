"""What the lanes before a stop line can discharge under a program.

Vehicles leave at the saturation flow while their movement has green (Highway Capacity Manual);
those who yield leave through the gaps that the opposing traffic has once its queue is gone (HCM
2000, chapter 16, appendix C), with the values of SUMO's drivers. On a lane that movements share,
who has no green, or finds no gap, holds up all behind. Drivers spread over the lanes that they may
take so that these are used alike.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from signalrl.network.model import Link, Network, Program, Signal
from signalrl.network.phases import lit

SATURATION_VEH_H = 1780.0
"""What a queue of SUMO's default cars discharges in an hour of green, from a lane straight on."""
TURN_FACTOR = {"s": 1.0, "r": 0.78, "R": 0.9, "l": 0.79, "L": 0.9, "t": 0.7}
"""The same of a turn over that of going straight on, at the speeds of SUMO's turns."""
CRITICAL_GAP_S = 6.7
FOLLOW_UP_S = 2.9
"""Gap that a left turn of SUMO's default cars accepts, and the headway of those who share one; in
the field they are 4.5 and 2.5 s (HCM 2000)."""
EXTENSION_S = 1.0
"""How much longer than a green its queue leaves: in the yellow, less what the start costs."""
_SPREADING = 30
"""Rounds in which drivers spread over their lanes."""
_SLOTS = 120
"""Parts of a cycle in which vehicles leave."""
_LONG_CYCLE_S = 240.0
"""From here on a part has at most a second, or more than one vehicle would leave in it."""
_CYCLES = 3
"""Cycles after which it no longer matters who came first."""
_TRACE_VEH_H = 1e-3
"""So that lanes and movements that nobody uses have a capacity, too."""

Key = tuple[str, str]
"""A movement: the edge before the stop line and the edge behind the junction."""
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Movement:
    """Traffic from one edge over a stop line to another edge.

    Attributes:
        key: The two edges.
        signal: Id of the signal.
        direction: SUMO's letter.
        lanes: Lanes before the stop line from which it may go, sorted.
        steps: What it has in each step of the program: how long in s, and ``go``, ``yield`` or
            ``stop``. A green that yields to nobody who has green is a ``go``.
        opposing: Movements that it yields to.
        opposing_lanes: Lanes from which these come.
        offset_s: When the first step begins, in simulated s.
    """

    key: Key
    signal: str
    direction: str
    lanes: tuple[str, ...]
    steps: tuple[tuple[float, str], ...]
    opposing: tuple[Key, ...] = ()
    opposing_lanes: int = 0
    offset_s: float = 0.0

    @property
    def cycle_s(self) -> float:
        """Length of the cycle."""
        return sum(duration_s for duration_s, _ in self.steps)

    def part(self, *modes: str) -> float:
        """Return the part of the cycle in which it has one of some modes."""
        return sum(s for s, mode in self.steps if mode in modes) / self.cycle_s


def find_movements(
    network: Network, programs: Mapping[str, Program] | None = None
) -> tuple[Movement, ...]:
    """Return the movements over all stop lines, sorted by key.

    Args:
        network: The signals.
        programs: Programs by signal that take the place of the stored ones.
    """
    edge_of = {lane.id: lane.edge for lane in network.lanes}
    programs = programs or {}
    found = [
        movement
        for signal in network.signals
        for movement in _movements(signal, programs.get(signal.id, signal.program), edge_of)
    ]
    return tuple(sorted(found, key=lambda movement: movement.key))


class Capacity:
    """The capacity of movements, lanes and approaches for any volumes.

    Volumes are in veh/h by movement, ``(..., movements)``, with any axes before.

    Args:
        movements: All movements of the signals.

    Attributes:
        movements: The movements, sorted by key.
        lanes: Lanes before the stop lines, sorted.
        approaches: Edges before the stop lines, sorted.
        of_approach: Index of each movement's approach, ``(movements,)``, rising.
        pair_lane: Lane of each pair of a lane and a movement that may use it, rising, ``(pairs,)``.
        pair_movement: Movement of each pair, ``(pairs,)``.
        lane_starts: First pair of each lane, ``(lanes,)``.
        lane_approach: Approach of each lane, ``(lanes,)``.
        cycles_s: Length of the cycle of each movement, ``(movements,)``.
    """

    def __init__(self, movements: Iterable[Movement]) -> None:
        self.movements = tuple(sorted(movements, key=lambda movement: movement.key))
        self.lanes = tuple(sorted({lane for m in self.movements for lane in m.lanes}))
        self.approaches = tuple(sorted({m.key[0] for m in self.movements}))
        lane_at = {lane: i for i, lane in enumerate(self.lanes)}
        approach_at = {edge: i for i, edge in enumerate(self.approaches)}
        at = {m.key: i for i, m in enumerate(self.movements)}
        pairs = sorted((lane_at[k], i) for i, m in enumerate(self.movements) for k in m.lanes)
        self.pair_lane = np.array([lane for lane, _ in pairs], np.intp)
        self.pair_movement = np.array([movement for _, movement in pairs], np.intp)
        self.of_approach = np.array([approach_at[m.key[0]] for m in self.movements], np.intp)
        self.lane_starts = np.searchsorted(self.pair_lane, np.arange(len(self.lanes)))
        self.lane_approach = self.of_approach[self.pair_movement[self.lane_starts]]
        self._by_movement = np.argsort(self.pair_movement, kind="stable")
        ordered = self.pair_movement[self._by_movement]
        self._movement_starts = np.searchsorted(ordered, np.arange(len(self.movements)))
        starts = np.arange(len(self.approaches))
        self._approach_starts = np.searchsorted(self.of_approach, starts)
        self.cycles_s = np.array([m.cycle_s for m in self.movements])
        factors = [TURN_FACTOR.get(m.direction, 1.0) for m in self.movements]
        self._saturation = SATURATION_VEH_H * np.array(factors)
        self._opposing = np.zeros((len(at), len(at)))  # by the one that yields (column)
        for column, movement in enumerate(self.movements):
            self._opposing[[at[k] for k in movement.opposing if k in at], column] = 1.0
        self._opposing_veh_h = SATURATION_VEH_H * np.array(
            [m.opposing_lanes for m in self.movements]
        )
        self._yields = np.array([m.part("yield") for m in self.movements])
        longest_s = float(max(self.cycles_s, default=0.0))
        self._slots = _SLOTS if longest_s <= _LONG_CYCLE_S else math.ceil(longest_s)
        slots = [_slots(m.steps, self._slots) for m in self.movements]
        goes = np.array([goes for goes, _ in slots]).T
        self._unhindered = np.where(goes, self._saturation, 0.0)
        since = np.array([since for _, since in slots]).T
        self._yielding = np.flatnonzero(np.isfinite(since).any(axis=0))
        self._since = since[:, self._yielding]

    def sum_by_movement(self, of_pairs: FloatArray) -> FloatArray:
        """Return sums over the lanes of each movement; ``(..., pairs)`` to ``(..., movements)``."""
        ordered = of_pairs[..., self._by_movement]
        return np.add.reduceat(ordered, self._movement_starts, axis=-1)

    def sum_by_lane(self, of_pairs: FloatArray) -> FloatArray:
        """Return sums over the movements of each lane; ``(..., pairs)`` to ``(..., lanes)``."""
        return np.add.reduceat(of_pairs, self.lane_starts, axis=-1)

    def sum_by_approach(self, of_movements: FloatArray) -> FloatArray:
        """Return sums over the movements of each approach, ``(..., approaches)``."""
        return np.add.reduceat(of_movements, self._approach_starts, axis=-1)

    def of_movements(self, volumes_veh_h: npt.ArrayLike) -> FloatArray:
        """Return what one lane discharges if it has one movement alone, in veh/h."""
        rates = self._rates(np.asarray(volumes_veh_h, np.float64))
        found: FloatArray = np.mean(rates, axis=0)
        return found

    def split(self, volumes_veh_h: npt.ArrayLike) -> FloatArray:
        """Return the part of each movement that takes each of its lanes, ``(..., pairs)``."""
        volumes = np.asarray(volumes_veh_h, np.float64) + _TRACE_VEH_H
        takes = volumes / np.maximum(self.of_movements(volumes), 1.0)
        takes = takes[..., self.pair_movement]
        parts = 1.0 / np.bincount(self.pair_movement, minlength=len(self.movements))
        parts = np.broadcast_to(parts[self.pair_movement], takes.shape)
        for _ in range(_SPREADING):
            used = self.sum_by_lane(parts * takes)[..., self.pair_lane]
            parts = parts / np.sqrt(used + 1e-6)
            parts = parts / self.sum_by_movement(parts)[..., self.pair_movement]
        return parts

    def of_lanes(self, volumes_veh_h: npt.ArrayLike, parts: FloatArray) -> FloatArray:
        """Return what each lane discharges of its mix of movements, in veh/h, ``(..., lanes)``.

        That is the flow of a queue that never ends, in which each vehicle belongs to a movement by
        chance: the odds of which movement is first in it are followed through some cycles.

        Args:
            volumes_veh_h: Traffic by movement; it says in which shares movements are wanted.
            parts: What :meth:`split` returned.
        """
        volumes = np.asarray(volumes_veh_h, np.float64) + _TRACE_VEH_H
        wanted = parts * volumes[..., self.pair_movement]
        mix = wanted / self.sum_by_lane(wanted)[..., self.pair_lane]
        rates = self._rates(volumes)
        slot_h = self.cycles_s[self.pair_movement] / self._slots / 3600.0
        leaves = np.minimum(1.0, rates[..., self.pair_movement] * slot_h)
        first, passed = mix, np.zeros((*volumes.shape[:-1], len(self.lanes)))
        for cycle in range(_CYCLES):
            for leaving in leaves:
                out = first * leaving
                left = self.sum_by_lane(out)
                first = first - out + mix * left[..., self.pair_lane]
                if cycle == _CYCLES - 1:
                    passed += left
        cycle_h = self.cycles_s[self.pair_movement[self.lane_starts]] / 3600.0
        return np.maximum(passed / cycle_h, 1.0)

    def of_approaches(self, volumes_veh_h: npt.ArrayLike) -> FloatArray:
        """Return what each approach discharges of its mix in veh/h, ``(..., approaches)``."""
        volumes = np.asarray(volumes_veh_h, np.float64)
        total = self.sum_by_approach(volumes + _TRACE_VEH_H)
        return total / self.ratios(volumes)

    def ratios(self, volumes_veh_h: npt.ArrayLike) -> FloatArray:
        """Return demand over capacity of the lane of each approach that is fullest."""
        volumes = np.asarray(volumes_veh_h, np.float64)
        parts = self.split(volumes)
        wanted = parts * (volumes + _TRACE_VEH_H)[..., self.pair_movement]
        used = self.sum_by_lane(wanted) / self.of_lanes(volumes, parts)
        found = np.zeros((*used.shape[:-1], len(self.approaches)))
        for lane, approach in enumerate(self.lane_approach):
            found[..., approach] = np.maximum(found[..., approach], used[..., lane])
        return found

    def _rates(self, volumes: FloatArray) -> FloatArray:
        """Return what each movement discharges, ``(slots of its cycle, ..., movements)``."""
        rates = np.empty((self._slots, *volumes.shape))
        between = [1] * (volumes.ndim - 1)
        rates[:] = self._unhindered.reshape(self._slots, *between, len(self.movements))
        some = self._yielding
        opposing = volumes @ self._opposing[:, some]
        # First the opposing queue leaves, which has built up over the rest of the cycle.
        free_veh_h = np.maximum(1.0, self._opposing_veh_h[some] - opposing)
        busy = opposing * (1.0 - self._yields[some]) / free_veh_h
        gaps = np.minimum(self._saturation[some], _gap_flow(opposing))
        for rate, since in zip(rates, self._since, strict=True):
            through_gaps = np.where(since >= busy, gaps, 0.0)
            rate[..., some] = np.maximum(rate[..., some], through_gaps)
        return rates


def _gap_flow(opposing_veh_h: FloatArray) -> FloatArray:
    """Return how many turn in an hour of green against traffic without a queue."""
    opposing = np.maximum(opposing_veh_h, 1.0)
    per_s = opposing / 3600.0
    return opposing * np.exp(-per_s * CRITICAL_GAP_S) / -np.expm1(-per_s * FOLLOW_UP_S)


@lru_cache(maxsize=10_000)
def _slots(
    steps: tuple[tuple[float, str], ...], number: int
) -> tuple[npt.NDArray[np.bool_], FloatArray]:
    """Return of each slot of the cycle whether it goes, and for which part it has yielded.

    The part is minus infinity where it does not yield.
    """
    ends_s = np.cumsum([duration_s for duration_s, _ in steps])
    modes = [mode for _, mode in steps]
    middles_s = (np.arange(number) + 0.5) / number * ends_s[-1]
    step = np.minimum(np.searchsorted(ends_s, middles_s, side="right"), len(modes) - 1)
    shown = np.array(modes)[step]
    since, run = np.full(number, -np.inf), 0
    # The second time round, a run that began at the end of the cycle goes on.
    for slot in [*range(number), *range(number)] if "yield" in modes else []:
        run = run + 1 if shown[slot] == "yield" else 0
        if run:
            since[slot] = (run - 0.5) / number
    goes = shown == "go"
    last = np.flatnonzero(goes & (np.roll(shown, -1) == "stop"))
    longer = np.arange(1, round(EXTENSION_S / ends_s[-1] * number) + 1)
    goes[(last[:, None] + longer) % number] = True
    return goes, since


def _movements(signal: Signal, program: Program, edge_of: Mapping[str, str]) -> Iterable[Movement]:
    links: dict[Key, list[Link]] = defaultdict(list)
    for link in signal.links:
        if not link.crossing and link.from_lane in edge_of and link.to_lane in edge_of:
            links[edge_of[link.from_lane], edge_of[link.to_lane]].append(link)
    for key, own in links.items():
        positions = [link.position for link in own]
        steps = []
        opposing: set[Key] = set()
        for step in program.steps:
            state = lit(step.state)
            letters = {state[p] for p in positions}
            mode = "go" if "G" in letters else "stop"
            if mode == "stop" and "g" in letters:
                against = {
                    other
                    for other, theirs in links.items()
                    for link in theirs
                    if state[link.position] == "G"
                    and any(signal.foes[p, link.position] for p in positions)
                }
                opposing |= against
                mode = "yield" if against else "go"
            steps.append((step.duration_s, mode))
        yield Movement(
            key,
            signal.id,
            own[0].direction,
            tuple(sorted({link.from_lane for link in own})),
            tuple(steps),
            tuple(sorted(opposing)),
            len({link.from_lane for other in opposing for link in links[other]}),
            program.offset_s,
        )
