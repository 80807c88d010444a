"""What drives in a window of time: the usual traffic and the visitors of events, in draws."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from signalrl.errors import ConfigError
from signalrl.events.clocks import later
from signalrl.events.event import Event
from signalrl.events.turnout import Trips, draw_turnout
from signalrl.events.venues import Registry
from signalrl.scenario.demand import profile_factors
from signalrl.scenario.demand_schema import Phase
from signalrl.scenario.event_demand import wall_offset_s
from signalrl.scenario.schema import Scenario
from signalrl.scenario.streams import stream
from signalrl.sumo.ways import read_traffic

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

KINDS = ("usual", "arriving", "leaving")
"""Kinds of traffic: that of any day, and visitors on their way to an event and home."""


PHASES: tuple[Phase, ...] = ("ingress", "egress")
"""What visitors do: the kinds behind the first."""


class Stream(NamedTuple):
    """Traffic of one kind from one edge to another; with a way where it has no choice."""

    kind: int
    origin: str
    destination: str
    way: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """A time that is forecast.

    Attributes:
        clock: The time at simulated second 0, with the venue's zone.
        begin_s: Its begin in simulated s.
        end_s: Its end in simulated s.
        step_s: Length of a step in s.
    """

    clock: datetime
    begin_s: float
    end_s: float
    step_s: float = 30.0

    @property
    def steps(self) -> int:
        """How many whole steps it has."""
        return int((self.end_s - self.begin_s) // self.step_s)

    def begun_before(self, before_s: float) -> Window:
        """Return the window that begins some s earlier and ends when this one does."""
        clock = later(self.clock, -before_s)
        return Window(clock, self.begin_s, self.end_s + before_s, self.step_s)

    def moment(self, after_s: float) -> datetime:
        """Return the time some s after the begin."""
        return later(self.clock, self.begin_s + after_s)

    def step_of(self, time_s: npt.ArrayLike) -> IntArray:
        """Return the step of simulated times; below 0 or from ``steps`` on outside of it."""
        after_s = np.asarray(time_s, np.float64) - self.begin_s
        return np.floor(after_s / self.step_s).astype(np.intp)


class Parking(NamedTuple):
    """Cars of an event, as a mean over the draws, and those of them that find no space.

    These park outside of the network and are in no crowd.
    """

    event: str
    begin: datetime
    vehicles: float
    without_space: float

    def sentence(self) -> str:
        """Return it as people would tell it."""
        return (
            f"{self.event}, {self.begin:%Y-%m-%d %H:%M}: {self.without_space:.0f} of "
            f"{self.vehicles:.0f} cars find no space in the car parks; they are not in this "
            "forecast"
        )


class Crowd(NamedTuple):
    """Visitors of one stream in all draws: step and draw of each."""

    step: IntArray
    draw: IntArray


@dataclass(frozen=True)
class Traffic:
    """The traffic of a window in some draws.

    Attributes:
        window: The time.
        draws: How many.
        usual: Vehicles per step of the streams of any day that are drawn (Poisson), ``(steps,)``
            each, as a mean.
        recorded: The same of those that stand in a file.
        scale: Factor on the usual ones, ``(draws,)``.
        recorded_scale: The same on the recorded ones.
        crowds: Visitors by stream.
        seed: Decides the draws.
        parking: Of each event that has visitors in the window.
    """

    window: Window
    draws: int
    usual: Mapping[Stream, FloatArray]
    recorded: Mapping[Stream, FloatArray]
    scale: FloatArray
    recorded_scale: FloatArray
    crowds: Mapping[Stream, Crowd]
    seed: int
    parking: tuple[Parking, ...] = ()

    @property
    def streams(self) -> tuple[Stream, ...]:
        """All streams, sorted."""
        return tuple(sorted({*self.usual, *self.recorded, *self.crowds}))

    def mean(self) -> dict[Stream, FloatArray]:
        """Return the vehicles per step of each stream, as a mean over the draws, ``(steps,)``."""
        steps = self.window.steps
        found: dict[Stream, FloatArray] = {}
        for rates, scale in self._any_day:
            for key, rate in rates.items():
                found[key] = found.get(key, 0.0) + rate * scale.mean()
        for key, crowd in self.crowds.items():
            found[key] = np.bincount(crowd.step, minlength=steps) / self.draws
        return found

    def phases(self, per_part: int) -> IntArray:
        """Return what visitors do in parts of the window, by index in :data:`PHASES`.

        A part in which nobody sets off belongs to the one before; -1 is before the first visitor.
        """
        parts = -(-self.window.steps // per_part)
        numbers = np.zeros((2, parts))
        for key, crowd in self.crowds.items():
            numbers[key.kind - 1] += np.bincount(crowd.step // per_part, minlength=parts)
        busy = numbers.any(axis=0)
        last = np.maximum.accumulate(np.where(busy, np.arange(parts), -1))
        return np.where(last < 0, -1, numbers.argmax(axis=0)[last])

    def visitors(self, kind: int, edges: Iterable[str]) -> FloatArray:
        """Return the visitors of a kind that set off on some edges, ``(steps, draws)``."""
        wanted = frozenset(edges)
        size = self.window.steps * self.draws
        out: FloatArray = np.zeros(size)
        for key, crowd in self.crowds.items():
            if key.kind == kind and key.origin in wanted:
                out += np.bincount(crowd.step * self.draws + crowd.draw, minlength=size)
        return out.reshape(self.window.steps, self.draws)

    def usual_on(self, edge: str) -> FloatArray:
        """Return the usual vehicles that set off on an edge, as means, ``(steps, draws)``."""
        total = np.zeros((self.window.steps, self.draws))
        for rates, scale in self._any_day:
            for key, rate in rates.items():
                if key.origin == edge:
                    total += rate[:, None] * scale
        return total

    @property
    def _any_day(self) -> tuple[tuple[Mapping[Stream, FloatArray], FloatArray], ...]:
        """What drives on any day, with the factors on it."""
        return (self.usual, self.scale), (self.recorded, self.recorded_scale)

    def chosen(self, draws: IntArray) -> Traffic:
        """Return the traffic of some of the draws, which may come more than once."""
        crowds = {}
        for key, crowd in self.crowds.items():
            order = np.argsort(crowd.draw, kind="stable")
            ends = np.searchsorted(crowd.draw[order], np.arange(self.draws + 1))
            parts = [crowd.step[order][ends[draw] : ends[draw + 1]] for draw in draws]
            numbers = np.repeat(np.arange(len(draws)), [len(part) for part in parts])
            if len(numbers):
                crowds[key] = Crowd(np.concatenate(parts), numbers)
        scales = self.scale[draws], self.recorded_scale[draws]
        return replace(
            self, draws=len(draws), scale=scales[0], recorded_scale=scales[1], crowds=crowds
        )

    def entering(
        self,
        entries: Sequence[tuple[int, str]],
        draws: int | None = None,
        steps: range | None = None,
    ) -> npt.NDArray[np.float32]:
        """Return who sets off by step, entry and draw, ``(steps, entries, draws)``.

        Args:
            entries: Kinds of traffic and the edges on which it begins.
            draws: The first so many draws; all by default.
            steps: Steps of the window; all by default.
        """
        number = self.draws if draws is None else draws
        steps = range(self.window.steps) if steps is None else steps
        at = {entry: i for i, entry in enumerate(entries)}
        out = np.zeros((len(steps), len(entries), number), np.float32)
        random = stream(self.seed, "forecast usual traffic")
        for of_any_day, scale in self._any_day:
            rates: dict[int, FloatArray] = {}
            for key, rate in of_any_day.items():
                if (entry := at.get((key.kind, key.origin))) is not None:
                    rates[entry] = rates.get(entry, 0.0) + rate
            for entry in sorted(rates):
                mean = rates[entry][steps.start : steps.stop, None] * scale[:number]
                out[:, entry] += random.poisson(mean) if of_any_day is self.usual else mean
        for key, crowd in self.crowds.items():
            if (entry := at.get((key.kind, key.origin))) is not None:
                mine = (crowd.draw < number) & (crowd.step >= steps.start)
                mine &= crowd.step < steps.stop
                at_once = (crowd.step[mine] - steps.start) * number + crowd.draw[mine]
                numbers = np.bincount(at_once, minlength=len(steps) * number)
                out[:, entry] += numbers.reshape(len(steps), number)
        return out


def draw_traffic(
    scenario: Scenario,
    registry: Registry | None,
    events: Iterable[Event],
    window: Window,
    draws: int,
    seed: int = 0,
) -> Traffic:
    """Draw the traffic of a window.

    Args:
        scenario: Says what drives on any day.
        registry: The venues of the events.
        events: Those of which visitors may be on the road; none for a day like any other.
        window: The time.
        draws: How often the events are drawn.
        seed: Decides everything.

    Raises:
        ConfigError: The scenario has surges, which no calendar knows, or a venue has no roads.
    """
    if scenario.demand is not None and scenario.demand.surges:
        raise ConfigError(
            f"{scenario.name}: expected events of a calendar (the key events), got surges "
            "(demand.surges), which have no date; describe them as events"
        )
    of_drawn = scenario.demand.scale_range if scenario.demand else (1.0, 1.0)
    of_recorded = scenario.scale_range or (1.0, 1.0)
    crowds, parking = _crowds(registry, tuple(events), window, draws, seed)
    return Traffic(
        window,
        draws,
        _usual(scenario, window),
        _recorded(scenario, window),
        stream(seed, "forecast scale").uniform(*of_drawn, draws),
        stream(seed, "forecast scale").uniform(*of_recorded, draws),
        crowds,
        seed,
        parking,
    )


def _usual(scenario: Scenario, window: Window) -> dict[Stream, FloatArray]:
    found: dict[Stream, FloatArray] = defaultdict(lambda: np.zeros(window.steps))
    if demand := scenario.demand:
        steps = np.arange(window.steps, dtype=np.float64)
        times_s: FloatArray = window.begin_s + (steps + 0.5) * window.step_s
        # Clocks may be changed in the window.
        midnight_s = np.array([wall_offset_s(window.clock, time_s) for time_s in times_s])
        factors = profile_factors(demand.profile, times_s, midnight_s)
        for flow in demand.flows:
            key = Stream(0, flow.origin, flow.destination, flow.route)
            found[key] += flow.veh_h * window.step_s / 3600.0 * factors
    return dict(found)


def _recorded(scenario: Scenario, window: Window) -> dict[Stream, FloatArray]:
    found: dict[Stream, FloatArray] = defaultdict(lambda: np.zeros(window.steps))
    if scenario.routes:
        for trip, way in read_traffic(scenario):
            step = int(window.step_of(trip.depart_s))
            if 0 <= step < window.steps:
                found[Stream(0, trip.origin, trip.destination, way)][step] += 1.0
    return dict(found)


def _crowds(
    registry: Registry | None,
    events: Sequence[Event],
    window: Window,
    draws: int,
    seed: int,
) -> tuple[dict[Stream, Crowd], tuple[Parking, ...]]:
    """Return the visitors, and how many of each event find no space."""
    found: dict[Stream, list[tuple[IntArray, int]]] = defaultdict(list)
    parking = []
    for event in events:
        cars, outside, comes = 0, 0, False
        assert registry is not None
        after_s = event.begin.timestamp() - window.clock.timestamp()
        for draw in range(draws):
            random = stream(seed, f"forecast {draw} {event.uid}")
            turnout = draw_turnout(random, event, registry)
            cars, outside = cars + turnout.vehicles, outside + turnout.without_space
            for kind, trips in ((1, turnout.arrivals), (2, turnout.departures)):
                steps = window.step_of(trips.depart_s + after_s)
                inside = (steps >= 0) & (steps < window.steps)
                if inside.any():
                    comes = True
                    for ends, of_way in _by_way(trips, steps, np.flatnonzero(inside)):
                        found[Stream(kind, *ends)].append((of_way, draw))
        if comes:
            parking.append(Parking(event.title, event.begin, cars / draws, outside / draws))
    crowds = {
        key: Crowd(
            np.concatenate([steps for steps, _ in parts]),
            np.repeat([draw for _, draw in parts], [len(steps) for steps, _ in parts]),
        )
        for key, parts in found.items()
    }
    return crowds, tuple(parking)


def _by_way(
    trips: Trips, steps: IntArray, some: IntArray
) -> Iterator[tuple[tuple[str, str], IntArray]]:
    """Yield each pair of ends of some trips, and the steps of those who have it."""
    edges = trips.edges.tolist()
    codes = trips.enters[some] * len(edges) + trips.leaves[some]
    codes = codes.astype(np.min_scalar_type(len(edges) ** 2))  # short ones are sorted faster
    order = np.argsort(codes, kind="stable")
    unique, starts = np.unique(codes[order], return_index=True)
    for code, of_way in zip(unique, np.split(steps[some][order], starts[1:]), strict=True):
        yield (edges[code // len(edges)], edges[code % len(edges)]), of_way
