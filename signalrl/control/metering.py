"""Holds inflow at gates, so that a district never fills beyond what it can discharge.

Beyond its critical accumulation a network of streets lets fewer vehicles out the more are in it,
until it locks; then no timing of its signals helps. A :class:`Meter` keeps it below: from counts of
detectors, never of single vehicles, it decides how many may enter, and splits them over the gates
so that all wait equally long. The feedback is that of Keyvan-Ekbatani, Kouvelas, Papamichail and
Papageorgiou, "Exploiting the fundamental diagram of urban networks for feedback-based gating",
Transportation Research B 46 (2012), with its gains.

Whatever is wrong, gates open: where detectors fail, and where somebody would wait longer than the
longest hold. Outside of the armed times they do not begin to hold.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt

from signalrl.errors import ConfigError

FloatArray = npt.NDArray[np.float64]

OPEN = math.inf
"""The rate of a gate that holds nobody."""
FEW = 3.0
"""A queue of so many vehicles per lane is gone."""
DRIVE_S = 20.0
"""Who passes a gate so soon did not wait: the time that its road takes at 30 km/h."""


@dataclass(frozen=True, slots=True)
class MeteringRules:
    """How gates are metered.

    Attributes:
        setpoint_veh: Vehicles in the district that are held, below the critical accumulation.
        begin_share: Share of the set point from which on gates hold.
        proportional_per_h: Gain on the change of the accumulation, in veh/h per vehicle.
        integral_per_h: Gain on its distance from the set point, in veh/h per vehicle and interval.
        interval_s: Time between two decisions.
        least_veh_h: Vehicles that a lane lets pass at least, one per minute: while a junction
            inside is blocked, nothing helps but to let hardly anybody in.
        most_veh_h: Vehicles that a lane lets pass at most while it holds, one per green; with a
            cycle of 4 s. A gate that may let so many pass into a district with room is open.
        longest_hold_s: Nobody is held longer, as far as the lanes of the gate let out in time.
        stale_s: A reading that is older than this is none.
    """

    setpoint_veh: float
    begin_share: float = 0.85
    proportional_per_h: float = 20.0
    integral_per_h: float = 5.0
    interval_s: float = 60.0
    least_veh_h: float = 60.0
    most_veh_h: float = 900.0
    longest_hold_s: float = 2700.0
    stale_s: float = 120.0

    def __post_init__(self) -> None:
        """Refuse what can't be metered."""
        if self.setpoint_veh <= 0:
            raise ConfigError(f"setpoint_veh: expected more than 0, got {self.setpoint_veh:g}")
        if not 0 < self.least_veh_h <= self.most_veh_h:
            raise ConfigError(
                "least_veh_h: expected a rate above 0 and at most most_veh_h "
                f"({self.most_veh_h:g}), got {self.least_veh_h:g}"
            )
        if self.interval_s <= 0 or self.longest_hold_s < self.interval_s:
            raise ConfigError(
                f"longest_hold_s: expected at least interval_s ({self.interval_s:g}, above 0), "
                f"got {self.longest_hold_s:g}"
            )


@dataclass(frozen=True, slots=True)
class Reading:
    """What the detectors of a district say; NaN where one fails.

    Attributes:
        time_s: When.
        accumulation_veh: Vehicles in the district.
        waiting_veh: Vehicles before each gate, ``(gates,)``.
        passed_veh: Vehicles that have passed each gate since the begin, ``(gates,)``.
    """

    time_s: float
    accumulation_veh: float
    waiting_veh: FloatArray
    passed_veh: FloatArray

    @property
    def is_whole(self) -> bool:
        """Whether all of it can be counts."""
        counts = np.array([self.accumulation_veh, *self.waiting_veh, *self.passed_veh])
        return bool(np.isfinite(counts).all() and (counts >= 0).all())


class Meter:
    """Decides how many vehicles may pass each gate.

    Args:
        lanes: Lanes of each gate.
        rules: How they are metered.
        armed_s: From when to when gates may begin to hold, by the calendar of events; always by
            default. They end when the queues before them are gone: to open before would let in at
            once what was held.

    Attributes:
        rates_veh_h: What each gate lets pass now, ``(gates,)``; ``OPEN`` where it holds nobody.
        allowed_veh_h: What they let pass together; ``OPEN`` where they hold nobody.
        hold_s: How long who passes now has waited at each gate, if all kept their order.
        longest_s: The longest of these so far, ``(gates,)``.
    """

    def __init__(
        self,
        lanes: Sequence[int],
        rules: MeteringRules,
        armed_s: Sequence[tuple[float, float]] = ((-math.inf, math.inf),),
    ) -> None:
        self._lanes = np.array(lanes, np.float64)
        self._rules, self._armed_s = rules, tuple(armed_s)
        self._queues = [_Queue() for _ in lanes]
        self._before: Reading | None = None
        self.hold_s: FloatArray = np.zeros(len(lanes))
        self.longest_s: FloatArray = np.zeros(len(lanes))
        self.rates_veh_h: FloatArray = np.full(len(lanes), OPEN)
        self.allowed_veh_h = OPEN

    @property
    def holds(self) -> bool:
        """Whether the gates hold anybody."""
        return math.isfinite(self.allowed_veh_h)

    def update(self, now_s: float, reading: Reading | None) -> None:
        """Decide anew, with the latest reading; None where there is none."""
        if reading is None or not reading.is_whole or now_s - reading.time_s > self._rules.stale_s:
            self._before = None  # what was counted before can't be compared any more
            self._open()
            return
        if self._before is not None and reading.time_s <= self._before.time_s:
            return  # nothing new
        if any(n < q.passed for n, q in zip(reading.passed_veh, self._queues, strict=True)):
            # A counter began anew, so nothing can be compared with what was counted before.
            self._queues = [_Queue() for _ in self._queues]
            self._before = None
        for i, queue in enumerate(self._queues):
            queue.see(reading.time_s, reading.passed_veh[i], reading.waiting_veh[i])
            self.hold_s[i] = queue.head_waits_s(reading.time_s)
        self.longest_s = np.maximum(self.longest_s, self.hold_s)
        before, self._before = self._before, reading
        if before is None:
            self._open()
            return
        is_full = self._is_full(reading)
        if self.holds:
            goes_on = is_full or not self._is_queue_gone(reading, before)
        else:
            goes_on = is_full and any(a <= now_s < b for a, b in self._armed_s)
        if goes_on:
            self._hold(now_s, reading, before)
        else:
            self._open()

    def _is_full(self, reading: Reading) -> bool:
        return reading.accumulation_veh >= self._rules.begin_share * self._rules.setpoint_veh

    def _is_queue_gone(self, reading: Reading, before: Reading) -> bool:
        """Whether hardly anybody stands before the gates, beside those who drive up to them."""
        flow_veh_s = (reading.passed_veh - before.passed_veh) / (reading.time_s - before.time_s)
        return bool((reading.waiting_veh <= FEW * self._lanes + DRIVE_S * flow_veh_s).all())

    def _hold(self, now_s: float, reading: Reading, before: Reading) -> None:
        """Decide how many may pass, and split them."""
        rules, most = self._rules, self._rules.most_veh_h * self._lanes
        passed = reading.passed_veh - before.passed_veh
        wanted = reading.waiting_veh + passed
        least = rules.least_veh_h * self._lanes
        hours = (reading.time_s - before.time_s) / 3600.0
        if self.holds:
            # Where fewer come than may pass, what is allowed must not run ahead of them: it would
            # take long to come back when more do.
            allowed = min(self.allowed_veh_h, float(wanted.sum() / hours + least.sum()))
        else:  # begins with the flow that there is
            allowed = float(passed.sum()) / hours
        change = reading.accumulation_veh - before.accumulation_veh
        short = rules.setpoint_veh - reading.accumulation_veh
        allowed += rules.integral_per_h * short - rules.proportional_per_h * change
        needed = np.where(wanted > 0, least, 0.0)  # where nobody comes, nothing has to be let in
        self.allowed_veh_h = float(np.clip(allowed, needed.sum(), most.sum()))
        hours = rules.interval_s / 3600.0
        due_s = now_s + rules.interval_s - rules.longest_hold_s
        due = np.array([queue.came_before(due_s) for queue in self._queues]) - reading.passed_veh
        floor = np.maximum(needed, due / hours)
        rates = share(self.allowed_veh_h, wanted, np.minimum(floor, most), most)
        # More than the most comes by an open gate alone: where somebody must not wait longer, and
        # where there is room inside and no reason to hold the queue that is left.
        opens = (floor > most) | ((rates >= most - 1e-6) & (not self._is_full(reading)))
        self.rates_veh_h = np.where(opens, OPEN, np.maximum(rates, least))

    def _open(self) -> None:
        self.allowed_veh_h = OPEN
        self.rates_veh_h = np.full(len(self._lanes), OPEN)


def share(
    total: float, weights: npt.ArrayLike, least: npt.ArrayLike, most: npt.ArrayLike
) -> FloatArray:
    """Split a total in proportion to weights, within bounds.

    Who waits at gates then waits equally long, as far as the bounds allow: queues over rates are
    all alike.

    Args:
        total: What is split; cut to what the bounds allow.
        weights: Parts that are wanted, at least 0.
        least: Lower bound of each part.
        most: Upper bounds, not below the lower ones.
    """
    low, high = np.asarray(least, np.float64), np.asarray(most, np.float64)
    weight = np.maximum(np.asarray(weights, np.float64), 1e-6)
    total = float(np.clip(total, low.sum(), high.sum()))
    # The parts grow with the factor, so the one that gives the total is found by halving.
    small, large = 0.0, float((high / weight).max(initial=0.0))
    for _ in range(100):
        factor = (small + large) / 2.0
        if np.clip(factor * weight, low, high).sum() < total:
            small = factor
        else:
            large = factor
    return np.clip(large * weight, low, high)


@dataclass(slots=True)
class _Queue:
    """The queue of a gate in counts: how many had come by when, and how many have passed."""

    passed: float = 0.0
    _came: deque[tuple[float, float]] = field(default_factory=deque)

    def see(self, time_s: float, passed: float, waiting: float) -> None:
        """Add a reading."""
        came = passed + waiting
        if self._came:
            came = max(came, self._came[-1][1])
        self._came.append((time_s, came))
        self.passed = passed
        while len(self._came) > 1 and self._came[1][1] <= passed:
            self._came.popleft()

    def came_before(self, time_s: float) -> float:
        """Return how many had come by a time."""
        known = [came for at_s, came in self._came if at_s <= time_s]
        return known[-1] if known else 0.0

    def head_waits_s(self, now_s: float) -> float:
        """Return how long whoever is first has waited at most, 0 where nobody waits."""
        behind = [at_s for at_s, came in self._came if came > self.passed]
        if not behind:
            return 0.0
        earlier = [at_s for at_s, came in self._came if came <= self.passed]
        return now_s - (earlier[-1] if earlier else behind[0])


class Light(Enum):
    """What a metering signal shows."""

    GREEN = "G"
    YELLOW = "y"
    RED = "r"


GREEN_S, YELLOW_S = 2.0, 4.0
"""One vehicle passes in a green of 2 s; yellow warns those who drive while a gate begins to
hold."""


class GateSignal:
    """Turns the rate of a gate into the light that it shows: one vehicle per lane and green.

    Args:
        lanes: Lanes of the gate; all have the same light.

    Attributes:
        light: What it shows.
        next_change_s: When that changes; ``inf`` for as long as it holds nobody.
    """

    def __init__(self, lanes: int) -> None:
        self._lanes = lanes
        self.light, self.next_change_s = Light.GREEN, math.inf
        self._rate_veh_h, self._green_at_s = OPEN, -math.inf

    def set_rate(self, veh_h: float, now_s: float) -> None:
        """Let so many vehicles pass from now on."""
        before, self._rate_veh_h = self._rate_veh_h, veh_h
        if math.isinf(veh_h):
            self.light, self.next_change_s = Light.GREEN, math.inf
        elif math.isinf(before):
            self.light, self.next_change_s = Light.YELLOW, now_s + YELLOW_S
            self._green_at_s = now_s
        elif self.light is Light.RED:
            self.next_change_s = max(now_s, math.ceil(self._due_s))

    def advance(self, now_s: float) -> bool:
        """Change what has to change by now; return whether anything did."""
        if now_s < self.next_change_s:
            return False
        if self.light is Light.RED:
            # What was late by parts of a second is not lost, and more is not made up for.
            self._green_at_s = max(self._due_s, now_s - 1.0)
            self.light, self.next_change_s = Light.GREEN, now_s + GREEN_S
        else:
            self.light, self.next_change_s = Light.RED, max(now_s + 1.0, math.ceil(self._due_s))
        return True

    @property
    def _due_s(self) -> float:
        return self._green_at_s + 3600.0 * self._lanes / self._rate_veh_h
