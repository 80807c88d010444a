"""How well learned profiles foretell event days that they have not seen, beside the prior.

Each event day is held out in its turn, alone or with a fifth of the others. What the two registries
expect of it are draws of :func:`signalrl.events.turnout.draw_turnout`, throttled exits included.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from signalrl.events.event import Event
from signalrl.events.event_days import EventDay, Seen
from signalrl.events.history import FloatArray
from signalrl.events.learning import MIN_EVENTS, PRIOR_EVENTS, learn
from signalrl.events.scoring import covered, pinball
from signalrl.events.turnout import Trips, draw_turnout
from signalrl.events.venues import Registry

QUANTILES = (0.1, 0.5, 0.9)
BIN_S = 900.0
FOLDS = 5
ALONE = 10
"""Up to so many event days, each is held out alone."""


@dataclass(frozen=True, slots=True)
class Skill:
    """Errors on held-out event days of one venue and kind; bins as of :func:`bin_s`.

    Attributes:
        venue: The venue.
        name: Name of the kind.
        events: Event days.
        bins: Bins in which somebody was counted or expected.
        pinball: Mean pinball loss at 10, 50 and 90 % of the learned profiles, in vehicles.
        prior_pinball: The same of the prior.
        coverage: Share of the bins inside the learned 80 % interval.
        prior_coverage: The same of the prior.
    """

    venue: str
    name: str
    events: int
    bins: int
    pinball: float
    prior_pinball: float
    coverage: float
    prior_coverage: float


def held_out(
    days: Sequence[EventDay],
    registry: Registry,
    prior_events: float = PRIOR_EVENTS,
    min_events: int = MIN_EVENTS,
    draws: int = 100,
) -> tuple[Skill, ...]:
    """Return the errors of profiles that were learned from the other event days.

    Args:
        days: What was seen; two at least, or nothing can be held out.
        registry: The prior.
        prior_events: How many events the prior counts for.
        min_events: As for :func:`signalrl.events.learning.learn`.
        draws: Turnouts of each event from which quantiles are taken.
    """
    if len(days) < 2:
        return ()
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, day in enumerate(days):
        groups[day.event.venue, day.event.kind].append(number)
    skills = []
    for (venue, name), group in sorted(groups.items()):
        folds = len(group) if len(group) <= ALONE else FOLDS
        scores: dict[int, FloatArray] = {}
        for fold in range(folds):
            out = group[fold::folds]
            rest = [days[number] for number in group if number not in out]
            # Those who are held out count for whether there is enough to learn from.
            enough = max(1, min_events - len(out))
            learned = learn(rest, registry, prior_events, enough).registry
            for number in out:
                scores[number] = _scores(days[number], (learned, registry), draws, number)
        found = [scores[number] for number in sorted(scores)]
        if any(len(one) for one in found):
            skills.append(_skill(venue, name, found))
    return tuple(skills)


def predicted(day: EventDay, registry: Registry, draws: int, seed: int) -> list[FloatArray]:
    """Return drawn counts of each direction that was seen, ``(draws, bins)`` each."""
    event = day.event
    own = registry.kind_at(event.venue, event.kind)
    found: list[list[FloatArray]] = [[] for _ in _directions(day)]
    for number in range(draws):
        random = np.random.default_rng([seed, number])
        turnout = draw_turnout(random, _renamed(event, own), registry)
        for place, (name, seen) in enumerate(_directions(day)):
            trips = turnout.arrivals if name == "arrivals" else turnout.departures
            after_s = 0.0 if name == "arrivals" else day.end_s
            found[place].append(_in_bins(trips, seen, after_s, random))
    return [np.array(rows) for rows in found]


def bin_s(seen: Seen) -> float:
    """Return the length of a bin in s: 15 minutes, or an interval that doesn't fit into them."""
    return seen.interval_s if BIN_S % seen.interval_s else BIN_S


def counted(seen: Seen) -> FloatArray:
    """Return the counts of all detectors in bins, ``(bins,)``, NaN where one is missing."""
    return _grouped(seen.counts.sum(axis=0), seen)


def bins_of(seen: Seen) -> FloatArray:
    """Return the beginnings of these bins in s, on the clock of ``seen``, ``(bins,)``."""
    step = _step(seen)
    return seen.begin_s[: len(seen.begin_s) // step * step : step]


def _directions(day: EventDay) -> list[tuple[str, Seen]]:
    pairs = (("arrivals", day.arrivals), ("departures", day.departures))
    return [(name, seen) for name, seen in pairs if seen is not None]


def _renamed(event: Event, kind: str) -> Event:
    return event if kind == event.kind else replace(event, kind=kind)


def _in_bins(trips: Trips, seen: Seen, after_s: float, random: np.random.Generator) -> FloatArray:
    """Count the trips of a draw where and when it was counted, the usual traffic on top."""
    depart_s = np.concatenate(
        [
            trips.depart_s[(trips.origin if d.at == "origin" else trips.destination) == d.edge]
            for d in seen.detectors
        ]
    )
    bounds = np.append(seen.begin_s, seen.begin_s[-1] + seen.interval_s)
    visitors = np.histogram(depart_s - after_s, bounds)[0]
    return _grouped(visitors + random.poisson(seen.usual.sum(axis=0)), seen)


def _grouped(values: FloatArray, seen: Seen) -> FloatArray:
    step = _step(seen)
    found: FloatArray = values[: len(values) // step * step].reshape(-1, step).sum(axis=1)
    return found


def _step(seen: Seen) -> int:
    return round(bin_s(seen) / seen.interval_s)


def _scores(day: EventDay, registries: Sequence[Registry], draws: int, seed: int) -> FloatArray:
    """Return pinball loss and whether it is inside, ``(bins, registries, 2)``."""
    counts = [counted(seen) for _, seen in _directions(day)]
    quantiles = [
        [np.quantile(rows, QUANTILES, axis=0) for rows in predicted(day, registry, draws, seed)]
        for registry in registries
    ]
    rows = []
    for place, count in enumerate(counts):
        tops = np.max([of[place][-1] for of in quantiles], axis=0)
        counts_here = np.isfinite(count) & ((count > 0) | (tops > 0))
        each = [_score(count[counts_here], of[place][:, counts_here]) for of in quantiles]
        rows.append(np.stack(each, axis=1))
    return np.concatenate(rows)


def _score(count: FloatArray, quantiles: FloatArray) -> FloatArray:
    return np.stack((pinball(quantiles, count, QUANTILES), covered(quantiles, count)), axis=1)


def _skill(venue: str, name: str, found: Sequence[FloatArray]) -> Skill:
    scores = np.concatenate(found)
    (loss, coverage), (prior_loss, prior_coverage) = scores.mean(axis=0).tolist()
    return Skill(venue, name, len(found), len(scores), loss, prior_loss, coverage, prior_coverage)
