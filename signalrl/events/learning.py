"""Learns the kinds of events of each venue from past counts; thin data leave them as they were."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signalrl.events.event_days import EventDay
from signalrl.events.fitting import fit_arrivals, fit_departures
from signalrl.events.kinds import Kind, Setting
from signalrl.events.shapes import Egress, Ingress
from signalrl.events.turnout import expected_people, mean_vehicles
from signalrl.events.venues import Registry, Venue

PRIOR_EVENTS = 3.0
"""How many events the prior counts for."""
MIN_EVENTS = 3
"""A venue has a kind of its own from so many events on."""
NEARLY_FULL = 0.8
"""Of what is sold out to this part, the spread is not that of other events."""
FULL = 0.95
"""Part of their spaces from which on car parks may have turned visitors away."""
CENSORED_ROUNDS = 100
"""How often the numbers that are not known are estimated from the mean, and it from them."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What was learned of one kind of event at one venue.

    Attributes:
        venue: The venue.
        name: Name of the prior kind.
        events: How many events were seen.
        arrivals: Of how many of them the arrivals.
        departures: Of how many the departures.
        prior: The kind before.
        kind: The kind now; its numbers have four digits.
        vehicles: Vehicles per expected person against what the prior says, as a factor.
    """

    venue: str
    name: str
    events: int
    arrivals: int
    departures: int
    prior: Kind
    kind: Kind
    vehicles: float

    @property
    def key(self) -> str:
        """Its name in the registry."""
        return f"{self.venue}.{self.name}"


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned.

    Attributes:
        registry: The registry with the kinds and the uncertainty that were learned.
        profiles: Sorted by venue and kind.
        prior_events: How many events the prior counted for.
    """

    registry: Registry
    profiles: tuple[Profile, ...]
    prior_events: float


def before_learning(registry: Registry) -> Registry:
    """Return a registry without what was learned for single venues: the prior."""
    kinds = {}
    for key, kind in registry.kinds.items():
        venue, _, name = key.partition(".")
        if venue not in registry.venues or name not in registry.all_kinds:
            kinds[key] = kind
    return registry.model_copy(update={"kinds": kinds})


def learn(
    days: Sequence[EventDay],
    registry: Registry,
    prior_events: float = PRIOR_EVENTS,
    min_events: int = MIN_EVENTS,
) -> Learned:
    """Learn the kinds of each venue, and how far attendances are from what was expected.

    Args:
        days: What was seen; their kinds are those of ``registry``.
        registry: The prior.
        prior_events: How many events the prior counts for.
        min_events: A venue has a kind of its own from so many events on.
    """
    groups: dict[tuple[str, str], list[EventDay]] = defaultdict(list)
    for day in days:
        groups[day.event.venue, day.event.kind].append(day)
    profiles, spread = [], dict[bool, list[float]]({True: [], False: []})
    for (venue, name), group in sorted(groups.items()):
        if len(group) >= max(1, min_events):
            profile, rest = _profile(venue, name, group, registry, prior_events)
            profiles.append(profile)
            spread[profile.kind.ticketed] += rest
    kinds = dict(registry.kinds) | {profile.key: profile.kind for profile in profiles}
    changes = {
        name: _cv(getattr(registry.uncertainty, name), spread[ticketed], prior_events)
        for name, ticketed in (("attendance_cv_ticketed", True), ("attendance_cv_free", False))
    }
    uncertainty = registry.uncertainty.model_copy(update=changes)
    changed = registry.model_copy(update={"kinds": kinds, "uncertainty": uncertainty})
    return Learned(changed, tuple(profiles), prior_events)


def was_full(day: EventDay, registry: Registry) -> bool:
    """Whether the car parks of an event were full, so that nobody knows how many would have come.

    Where visitors come and go all day long (a fair) a space serves many.
    """
    kind, parks = registry.kind(day.event.kind), registry.venue(day.event.venue).car_parks
    at_once = isinstance(kind.arrivals, Ingress) and isinstance(kind.departures, Egress)
    spaces = sum(park.spaces for park in parks.values())
    return at_once and 0 < FULL * spaces <= day.vehicles


def _profile(
    venue: str, name: str, days: Sequence[EventDay], registry: Registry, weight: float
) -> tuple[Profile, list[float]]:
    """Return what was learned of one kind, and the spread of its attendances that is left."""
    prior = registry.kind(name)
    come = [day.arrivals for day in days if day.arrivals is not None]
    leave = [day.departures for day in days if day.departures is not None]
    update: dict[str, object] = {}
    if isinstance(prior.arrivals, Ingress):
        update["arrivals"] = _short(fit_arrivals(prior.arrivals, come, weight))
    if isinstance(prior.departures, Egress):
        shape, ends = fit_departures(prior.departures, prior, leave, weight)
        # Counts tell when departures begin, and not how long before the event ended.
        delay_s = shape.delay_s + ends.shift_s
        if prior.duration_s is not None and delay_s < 0.0:
            update["duration_s"] = _digits(max(60.0, prior.duration_s + delay_s))
            delay_s = 0.0
        update["departures"] = _short(shape.model_copy(update={"delay_s": delay_s}))
        update["end_sd_s"] = _digits(ends.sd_s)
        update["extra_time_probability"] = _digits(ends.longer)
    factor = _factor(days, prior, registry, weight)
    update |= _with_vehicles(prior, registry.venue(venue), factor)
    kind = prior.model_copy(update=update)
    found = Profile(venue, name, len(days), len(come), len(leave), prior, kind, factor)
    return found, _spread(days, prior, registry.venue(venue), registry)


def _factor(days: Sequence[EventDay], prior: Kind, registry: Registry, weight: float) -> float:
    """Return the vehicles of events against those that the prior expects.

    Half the variance of a logarithm lies between the mean that is expected and the mean of logs.
    Where car parks were full at least so many wanted to come, and how many is what the others make
    likely (Tobin, Econometrica 1958).
    """
    u = registry.uncertainty
    cv = u.attendance_cv_ticketed if prior.ticketed else u.attendance_cv_free
    seen = []
    for day in days:
        variance = math.log1p(cv**2) + _known_variance(day, registry)
        least = _log_ratio(day, registry) + variance / 2
        seen.append((least, math.sqrt(variance) if was_full(day, registry) else None))
    mean = 0.0
    for _ in range(CENSORED_ROUNDS):
        likely = (x if sd is None else _mean_above(x, mean, sd) for x, sd in seen)
        mean = sum(likely) / (len(seen) + weight)
    return math.exp(mean)


def _mean_above(least: float, mean: float, sd: float) -> float:
    """Return the mean of what is normally distributed and at least so much."""
    z = (least - mean) / sd
    above = math.erfc(z / math.sqrt(2.0)) / 2.0
    density = math.exp(-(z**2) / 2.0) / math.sqrt(2.0 * math.pi)
    return mean + sd * (density / above if above > 1e-200 else z)


def _spread(days: Sequence[EventDay], prior: Kind, venue: Venue, registry: Registry) -> list[float]:
    """Return the variance of attendances that each event tells of, around the events' own mean.

    Where car parks were full at some, the others are the small ones, and alike for that reason.
    """
    most = NEARLY_FULL * venue.capacity if prior.ticketed else math.inf  # a street holds any crowd
    open_days = [day for day in days if expected_people(day.event, venue) < most]
    n = len(open_days)
    if n < 2 or any(was_full(day, registry) for day in open_days):
        return []
    ratios = [_log_ratio(day, registry) for day in open_days]
    mean = sum(ratios) / n
    return [
        (ratio - mean) ** 2 * n / (n - 1) - _known_variance(day, registry)
        for day, ratio in zip(open_days, ratios, strict=True)
    ]


def _log_ratio(day: EventDay, registry: Registry) -> float:
    """Return the logarithm of an event's vehicles against those that the prior expects."""
    return math.log(day.vehicles / mean_vehicles(day.event, registry))


def _known_variance(day: EventDay, registry: Registry) -> float:
    """Return the variance of the logarithm of vehicles that is not the attendance's."""
    u, kind = registry.uncertainty, registry.kind(day.event.kind)
    mean = u.no_show_mean
    stays = mean / (1.0 - mean) / (u.no_show_concentration + 1.0)
    low, high = u.rain_factor
    p, wet = u.rain_probability, (low + high) / 2
    square = p * (wet**2 + (high - low) ** 2 / 12) + 1.0 - p
    rain = square / (p * wet + 1.0 - p) ** 2 - 1.0 if kind.open_air else 0.0
    return stays + rain + 1.0 / day.counted


def _cv(prior: float, spread: Sequence[float], weight: float) -> float:
    """Return a coefficient of variation of which the prior is so many observations."""
    if not spread:
        return prior
    variance = (weight * math.log1p(prior**2) + sum(spread)) / (weight + len(spread))
    return _digits(math.sqrt(math.expm1(min(max(variance, 1e-4), 1.0))))


def _with_vehicles(prior: Kind, venue: Venue, factor: float) -> Mapping[str, object]:
    """Return share of cars and people per car for so many times the vehicles per person."""
    if factor == 1.0:
        return {}
    if venue.auto_share is not None:  # it counts instead of the kind's
        return {"occupancy": _digits(max(1.0, prior.occupancy / factor))}
    most = min(factor, 1.0 / max(prior.auto_share[venue.setting], 1e-9))
    shares: dict[Setting, float] = {
        setting: _digits(min(1.0, share * most)) for setting, share in prior.auto_share.items()
    }
    occupancy = prior.occupancy if most == factor else prior.occupancy * most / factor
    return {"auto_share": shares, "occupancy": _digits(max(1.0, occupancy))}


def _digits(value: float) -> float:
    return float(f"{value:.4g}")


def _short(shape: Ingress | Egress) -> Ingress | Egress:
    numbers = {
        name: _digits(value)
        for name, value in shape.model_dump().items()
        if isinstance(value, float)
    }
    return shape.model_copy(update=numbers)
