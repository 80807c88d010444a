"""Fits the shapes of arrivals and departures to what was seen of past events.

The fit is the most likely one (maximum a posteriori), counts being Poisson. The prior is said in
events: so many more of them count, of the mean size of those that were seen, that went just as the
prior's shape says. So few events leave the prior nearly as it is, and many replace it.

Departures are fitted through their exits. An exit lets no more pass than the registry says, nor
than it ever did in one short interval; what it holds back leaves later, and a long queue is not
taken for visitors who take their time. Streets may hold back all exits further: of some parts of
their capacity the likeliest is taken for each event. A queue goes on evenly and ends at once, where
visitors who take their time become ever fewer, so the two can be told apart. Each event has an end
of its own, which is found with the shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from signalrl.events.courses import Cumulative, egress, ingress
from signalrl.events.event_days import EARLY_S, LATE_S, LONG_S, Seen
from signalrl.events.history import FloatArray
from signalrl.events.kinds import Kind
from signalrl.events.minimum import minimum
from signalrl.events.shapes import Egress, Ingress

STEP_S = 30.0
STRAY = 0.01
"""Share of visitors who come or leave at any time; nobody's hour is impossible."""
LEAST_SD_S = 60.0
"""No calendar tells an end better than this."""
ROUNDS = 3
_COARSE_S = np.arange(-24.0, 25.0, 3.0) * 60.0
_FINE_S = np.arange(-2.5, 2.6, 0.5) * 60.0
_PARTS = (1.0, 0.7, 0.5, 0.35, 0.25)
"""What streets may leave of the capacity of exits at an event."""
_NEVER = 1e-9


@dataclass(frozen=True, slots=True)
class Ends:
    """When departures begin against what the prior says, from event to event.

    Attributes:
        shift_s: In the mean.
        sd_s: Standard deviation around it.
        longer_s: How much longer an extended event is.
        longer: Probability that one is extended.
    """

    shift_s: float
    sd_s: float
    longer_s: float
    longer: float

    def log(self, offset_s: FloatArray) -> FloatArray:
        """Return the logarithm of the density at offsets, up to a constant."""
        usual, extended = self._parts(offset_s)
        found: FloatArray = np.log(usual + extended + 1e-300)
        return found

    def extended(self, offset_s: FloatArray) -> FloatArray:
        """Return the probability that each event was extended."""
        usual, extended = self._parts(offset_s)
        found: FloatArray = extended / (usual + extended + 1e-300)
        return found

    def _parts(self, offset_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        sd_s = max(self.sd_s, LEAST_SD_S)

        def density(mean_s: float) -> FloatArray:
            found: FloatArray = np.exp(-(((offset_s - mean_s) / sd_s) ** 2) / 2) / sd_s
            return found

        usual = (1.0 - self.longer) * density(self.shift_s)
        return usual, self.longer * density(self.shift_s + self.longer_s)


def fit_arrivals(prior: Ingress, seen: Sequence[Seen], weight: float) -> Ingress:
    """Return the shape of arrivals; the window stays as it is.

    Args:
        prior: What counts where little was seen; returned as it is where nothing was.
        seen: What was seen of each event.
        weight: How many events the prior counts for.
    """
    if not seen:
        return prior
    problem = _Problem.of(seen, ingress(prior), prior.first_s, prior.last_s)

    def loss(logs: FloatArray) -> float:
        shape = prior.model_copy(update=_named(logs, "a", "b"))
        return -float(problem.weights(weight) @ problem.likelihood(ingress(shape)))

    return prior.model_copy(update=_named(minimum(loss, np.log([prior.a, prior.b])), "a", "b"))


def fit_departures(
    prior: Egress, kind: Kind, seen: Sequence[Seen], weight: float
) -> tuple[Egress, Ends]:
    """Return the shape of departures, its delay that of the prior, and the ends of the events.

    Args:
        prior: What counts where little was seen; returned as it is where nothing was.
        kind: Whose ends are the prior's.
        seen: What was seen of each event.
        weight: How many events the prior counts for.
    """
    before = Ends(0.0, kind.end_sd_s, kind.extra_time_s, kind.extra_time_probability)
    if not seen:
        return prior, before
    problem = _Problem.of(seen, egress(prior), -2 * EARLY_S, LATE_S + 2 * EARLY_S)
    weights = problem.weights(weight)
    shape, ends, logs = prior, before, np.log([prior.k, prior.mean_s])
    for turn in range(ROUNDS):
        now = ends

        def loss(logs: FloatArray, now: Ends = now) -> float:
            tried = egress(prior.model_copy(update=_named(logs, "k", "mean_s")))
            return -float(weights @ problem.best_offsets(tried, now)[0])

        logs = minimum(loss, logs, step=0.2 / 4**turn)
        shape = prior.model_copy(update=_named(logs, "k", "mean_s"))
        offsets = problem.best_offsets(egress(shape), now)[1]
        ends = _ends(offsets, weights, before, now)
    return shape, ends


@dataclass(frozen=True, slots=True)
class _Problem:
    """Events of one direction, the prior's own behind them.

    Attributes:
        events: What was seen.
        vehicles: All vehicles of each event at each detector, ``(detectors,)`` each.
        room: What each detector lets pass in a step.
        grid_s: Times of the model.
    """

    events: tuple[Seen, ...]
    vehicles: tuple[FloatArray, ...]
    room: tuple[FloatArray, ...]
    grid_s: FloatArray

    @classmethod
    def of(cls, seen: Sequence[Seen], prior: Cumulative, first_s: float, last_s: float) -> _Problem:
        vehicles = [_all_vehicles(one, prior) for one in seen]
        most = _most(seen)
        room = [np.array([most[d.edge] for d in one.detectors]) * STEP_S / 3600.0 for one in seen]
        grid_s = np.arange(first_s, last_s + STEP_S, STEP_S)
        size, free = np.array([np.mean([v.sum() for v in vehicles])]), np.array([np.inf])
        counts = _mean(prior, size, free, seen[0], np.zeros(1), grid_s)[:, 0]
        pseudo = replace(seen[0], counts=counts, usual=np.zeros(counts.shape))
        return cls((*seen, pseudo), (*vehicles, size), (*room, free), grid_s)

    def weights(self, prior: float) -> FloatArray:
        """Return how much each event counts, the prior's last."""
        return np.array([*(1.0 for _ in self.events[1:]), prior])

    def likelihood(self, course: Cumulative) -> FloatArray:
        """Return the logarithm of each event's likelihood, ``(events,)``."""
        still = np.zeros(1)
        return np.array([self._at(i, course, still)[0] for i in range(len(self.events))])

    def best_offsets(self, course: Cumulative, ends: Ends) -> tuple[FloatArray, FloatArray]:
        """Return each event's likelihood at its own end, and how far that is from the usual."""
        best = [self._best(i, course, ends) for i in range(len(self.events))]
        return np.array([b[0] for b in best]), np.array([b[1] for b in best])

    def _best(self, event: int, course: Cumulative, ends: Ends) -> tuple[float, float]:
        offsets = ends.shift_s + _COARSE_S
        if ends.longer > 0:
            offsets = np.concatenate((offsets, offsets + ends.longer_s))
        # Only where exits can hold back, a street behind them can hold them back further.
        parts = _PARTS if np.isfinite(self.room[event]).any() else _PARTS[:1]
        coarse = np.array([self._at(event, course, offsets, part) for part in parts])
        coarse += ends.log(offsets)
        part_at, at = np.unravel_index(int(coarse.argmax()), coarse.shape)
        offsets = offsets[at] + _FINE_S
        fine = self._at(event, course, offsets, parts[part_at]) + ends.log(offsets)
        i = int(np.clip(fine.argmax(), 1, len(fine) - 2))
        left, top, right = fine[i - 1 : i + 2]
        bend = left - 2 * top + right
        part = float(np.clip((left - right) / (2 * bend), -1, 1)) if bend < 0 else 0.0
        return (
            float(top - (left - right) * part / 4),
            float(offsets[i] + part * (_FINE_S[1] - _FINE_S[0])),
        )

    def _at(
        self, event: int, course: Cumulative, offsets_s: FloatArray, part: float = 1.0
    ) -> FloatArray:
        """Return the likelihood of an event at offsets, ``(offsets,)``.

        Args:
            event: Its index.
            course: The course to try.
            offsets_s: When departures begin against what the prior says.
            part: Of what its exits let pass at most, what they did at this event.
        """
        seen = self.events[event]
        mean = _mean(
            course, self.vehicles[event], part * self.room[event], seen, offsets_s, self.grid_s
        )
        mean = mean + seen.usual[:, None] + _NEVER
        found: FloatArray = np.nansum(seen.counts[:, None] * np.log(mean) - mean, axis=(0, 2))
        return found


def _mean(
    course: Cumulative,
    vehicles: FloatArray,
    room: FloatArray,
    seen: Seen,
    offsets_s: FloatArray,
    grid_s: FloatArray,
) -> FloatArray:
    """Return the visitors that are expected, ``(detectors, offsets, intervals)``.

    What an exit holds back is that of :func:`signalrl.events.sampling.throttled_by`, as a fluid.
    """
    share = (1 - STRAY) * course(grid_s) + STRAY * np.linspace(0.0, 1.0, len(grid_s))
    out = vehicles[:, None] * share
    if np.isfinite(room).any():
        slots = np.where(np.isfinite(room), room, 1e6)[:, None] * np.arange(len(grid_s))
        out = np.minimum.accumulate(out - slots, axis=1) + slots
    place = (_bounds(seen) - offsets_s[:, None] - grid_s[0]) / STEP_S
    place = place.clip(0, len(grid_s) - 1.001)
    low = place.astype(np.intp)
    return np.diff(out[:, low] + (out[:, low + 1] - out[:, low]) * (place - low), axis=2)


def _bounds(seen: Seen) -> FloatArray:
    return np.append(seen.begin_s, seen.begin_s[-1] + seen.interval_s)


def _ends(offsets_s: FloatArray, weights: FloatArray, before: Ends, now: Ends) -> Ends:
    extended = now.extended(offsets_s)
    total = weights.sum()
    own = offsets_s - extended * before.longer_s
    own[-1] = 0.0
    shift_s = float(weights @ own / total)
    spread = (own - shift_s) ** 2
    spread[-1] = before.sd_s**2 + shift_s**2
    longer = float((weights[:-1] @ extended[:-1] + weights[-1] * before.longer) / total)
    return Ends(shift_s, float(np.sqrt(weights @ spread / total)), before.longer_s, longer)


def _all_vehicles(seen: Seen, prior: Cumulative) -> FloatArray:
    """Return the vehicles of an event at each detector; what is missing is filled up."""
    parts = np.diff(prior(_bounds(seen)))
    there = np.isfinite(seen.counts) @ parts  # of all visitors: some come before the first interval
    counted = np.nansum(seen.counts - seen.usual, axis=1)
    found: FloatArray = np.maximum(counted, 0.0) / np.maximum(there, 0.1)
    return found


def _most(seen: Sequence[Seen]) -> dict[str, float]:
    """Return what each detector lets pass at most, in veh/h.

    In a long interval hardly an exit is busy all the time: its most is no limit of the exit.
    """
    most: dict[str, float] = {}
    for one in seen:
        net = np.nan_to_num(one.counts - one.usual).max(axis=1) * 3600.0 / one.interval_s
        for detector, veh_h in zip(one.detectors, net.tolist(), strict=True):
            most[detector.edge] = max(most.get(detector.edge, 1.0), veh_h)
    limits = {d.edge: d.veh_h for one in seen for d in one.detectors}
    if seen[0].interval_s > LONG_S:
        return limits
    return {
        edge: min(limit, most[edge]) if np.isfinite(limit) else np.inf
        for edge, limit in limits.items()
    }


def _named(logs: FloatArray, one: str, other: str) -> dict[str, float]:
    return {one: float(np.exp(logs[0])), other: float(np.exp(logs[1]))}
