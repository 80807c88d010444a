"""Draws what an event brings: how many people come, when they come and leave, and by which roads.

One random generator gives one turnout. Times are s after the beginning that the calendar gives, so
that the traffic of an event can be put on any clock.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from signalrl.errors import ConfigError
from signalrl.events.event import Event
from signalrl.events.kinds import Kind, Uncertainty
from signalrl.events.sampling import FloatArray, draw_arrivals, draw_departures, throttled_by
from signalrl.events.venues import CarPark, Registry, Venue

EdgeArray = npt.NDArray[np.str_]
IndexArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Trips:
    """Vehicles on their way from edge to edge, in the order of departure.

    Attributes:
        depart_s: When each enters the network, in s after the event's beginning, ``(vehicles,)``.
        edges: The edges of the venue, sorted.
        enters: Place among them of the edge on which each enters, ``(vehicles,)``.
        leaves: The same of that on which it leaves.
    """

    depart_s: FloatArray
    edges: EdgeArray
    enters: IndexArray
    leaves: IndexArray

    @property
    def origin(self) -> EdgeArray:
        """Edge on which each enters, ``(vehicles,)``."""
        return self.edges[self.enters]

    @property
    def destination(self) -> EdgeArray:
        """Edge on which each leaves, ``(vehicles,)``."""
        return self.edges[self.leaves]

    def __len__(self) -> int:
        """Return the number of vehicles."""
        return len(self.depart_s)


@dataclass(frozen=True, slots=True)
class Turnout:
    """What one draw of an event brings.

    Attributes:
        people: Visitors who came.
        end_s: When it ended, in s after its beginning.
        rained: Whether rain kept visitors away.
        extended: Whether there was extra time.
        vehicles: Cars that came, those that found no space included.
        without_space: Cars that found every car park full; they park outside of the network.
        arrivals: From the gates to the car parks.
        departures: From the exits of the car parks to the gates.
    """

    people: int
    end_s: float
    rained: bool
    extended: bool
    vehicles: int
    without_space: int
    arrivals: Trips
    departures: Trips


def draw_turnout(
    random: np.random.Generator, event: Event, registry: Registry, factor: float = 1.0
) -> Turnout:
    """Draw one turnout of an event.

    Vehicles are attendance * (1 - no-show) * share of cars / people per car, in the mean; how far
    an evening may differ is the registry's ``uncertainty``.

    Args:
        random: Source of all chance; one state gives one turnout.
        event: The event.
        registry: The registry of its venue and kind.
        factor: How many times the expected people are expected.

    Raises:
        ConfigError: The registry has no venue or kind of this name, or no roads of the venue.
    """
    venue, kind = registry.venue(event.venue), registry.kind(event.kind)
    if not venue.gates or not venue.car_parks:
        raise ConfigError(
            f"venues.{event.venue}: expected gates and car_parks, on which the traffic of its "
            "events enters and leaves the network, got none; add them"
        )
    rained = bool(random.uniform() < registry.uncertainty.rain_probability) and kind.open_air
    expected = factor * expected_people(event, venue)
    people = _people(random, expected, venue, kind, registry.uncertainty, rained)
    extended = bool(random.uniform() < kind.extra_time_probability)
    end_s = max(0.0, usual_end_s(event, kind) + random.normal(0.0, kind.end_sd_s))
    end_s += kind.extra_time_s * extended
    vehicles = int(random.poisson(people * auto_share(venue, kind) / kind.occupancy))
    come_s = draw_arrivals(random, kind.arrivals, vehicles, 0.0, end_s)
    leave_s = draw_departures(random, kind.departures, come_s, end_s)
    parks = _parked(random, come_s, leave_s, venue.car_parks)
    has_space = parks >= 0
    gates = _draw_places(random, {key: g.pull for key, g in venue.gates.items()}, vehicles)
    arrivals, departures = _trips(
        random,
        venue,
        come_s[has_space],
        leave_s[has_space],
        parks[has_space],
        gates[has_space],
    )
    lost = vehicles - int(has_space.sum())
    return Turnout(people, end_s, rained, extended, vehicles, lost, arrivals, departures)


def usual_end_s(event: Event, kind: Kind) -> float:
    """Return when an event usually ends, in s after its beginning."""
    return event.duration.total_seconds() if kind.duration_s is None else kind.duration_s


def expected_people(event: Event, venue: Venue) -> int:
    """Return how many people are expected: by the calendar, else as usual, else a full house."""
    if event.attendance is not None:
        return event.attendance
    return venue.capacity if venue.attendance is None else venue.attendance


def auto_share(venue: Venue, kind: Kind) -> float:
    """Return the share of visitors who come by car."""
    return kind.auto_share[venue.setting] if venue.auto_share is None else venue.auto_share


def mean_people(event: Event, registry: Registry) -> float:
    """Return how many people come in the mean of all draws."""
    venue, kind, u = registry.venue(event.venue), registry.kind(event.kind), registry.uncertainty
    expected = float(expected_people(event, venue))
    if kind.ticketed and expected > 0:  # the mean of what is lognormal up to the capacity
        sigma = math.sqrt(math.log1p(u.attendance_cv_ticketed**2)) or 1e-9
        full = (math.log(venue.capacity / expected) + sigma**2 / 2) / sigma
        expected *= _normal(full - sigma)
        expected += venue.capacity * (1.0 - _normal(full))
    rain = u.rain_probability * (1.0 - sum(u.rain_factor) / 2) if kind.open_air else 0.0
    return expected * (1.0 - u.no_show_mean) * (1.0 - rain)


def mean_vehicles(event: Event, registry: Registry) -> float:
    """Return how many vehicles come in the mean of all draws; 1 at least."""
    venue, kind = registry.venue(event.venue), registry.kind(event.kind)
    return max(1.0, mean_people(event, registry) * auto_share(venue, kind) / kind.occupancy)


def _normal(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2


def _people(
    random: np.random.Generator,
    expected: float,
    venue: Venue,
    kind: Kind,
    uncertainty: Uncertainty,
    rained: bool,
) -> int:
    cv = uncertainty.attendance_cv_ticketed if kind.ticketed else uncertainty.attendance_cv_free
    sigma = np.sqrt(np.log1p(cv**2))
    attendance = expected * random.lognormal(-(sigma**2) / 2, sigma)
    if kind.ticketed:
        attendance = min(attendance, venue.capacity)
    mean, total = uncertainty.no_show_mean, uncertainty.no_show_concentration
    stay_away = random.beta(mean * total, (1.0 - mean) * total) if mean else 0.0
    weather = random.uniform(*uncertainty.rain_factor)
    return round(float(attendance * (1.0 - stay_away) * (weather if rained else 1.0)))


def _parked(
    random: np.random.Generator,
    come_s: FloatArray,
    leave_s: FloatArray,
    parks: Mapping[str, CarPark],
) -> IndexArray:
    """Return the car park of each car by its place in the sorted ids, -1 where all were full.

    A car goes to a park with odds by its spaces, and on to the one with most room if it is full.
    """
    spaces = np.array([parks[key].spaces for key in sorted(parks)], np.intp)
    chosen = random.choice(len(spaces), len(come_s), p=spaces / spaces.sum())
    if (np.bincount(chosen, minlength=len(spaces)) <= spaces).all():
        return chosen
    room, inside = spaces.copy(), list[tuple[float, int]]()
    for car, (come, leave) in enumerate(zip(come_s.tolist(), leave_s.tolist(), strict=True)):
        while inside and inside[0][0] <= come:
            room[heapq.heappop(inside)[1]] += 1
        if room[chosen[car]] == 0:
            chosen[car] = int(np.argmax(room)) if room.any() else -1
        if chosen[car] >= 0:
            room[chosen[car]] -= 1
            heapq.heappush(inside, (leave, int(chosen[car])))
    return chosen


def _trips(
    random: np.random.Generator,
    venue: Venue,
    come_s: FloatArray,
    leave_s: FloatArray,
    parks: IndexArray,
    gates: IndexArray,
) -> tuple[Trips, Trips]:
    """Return the ways in and out of the cars that found a space; each leaves as it came."""
    roads = [venue.gates[key] for key in sorted(venue.gates)]
    inbound, outbound = ([getattr(gate, way) for gate in roads] for way in ("inbound", "outbound"))
    parking = [e for park in venue.car_parks.values() for e in (*park.entrances, *park.exits)]
    edges = np.unique(np.array([*inbound, *outbound, *parking], np.str_))

    def places(names: Iterable[str]) -> IndexArray:
        return np.searchsorted(edges, list(names))

    entrance, exits = np.empty(len(parks), np.intp), np.empty(len(parks), np.intp)
    capacity: dict[int, float] = {}
    for place, key in enumerate(sorted(venue.car_parks)):
        park, mine = venue.car_parks[key], np.flatnonzero(parks == place)
        ways_in = dict.fromkeys(park.entrances, 1.0)
        entrance[mine] = places(sorted(ways_in))[_draw_places(random, ways_in, len(mine))]
        exits[mine] = places(sorted(park.exits))[_draw_places(random, park.exits, len(mine))]
        capacity |= zip(places(park.exits).tolist(), park.exits.values(), strict=True)
    order = np.argsort(leave_s, kind="stable")
    ways = exits[order]
    depart_s = throttled_by(ways, leave_s[order], capacity)
    by_time = np.argsort(depart_s, kind="stable")
    home = places(outbound)[gates][order]
    return (
        Trips(come_s, edges, places(inbound)[gates], entrance),
        Trips(depart_s[by_time], edges, ways[by_time], home[by_time]),
    )


def _draw_places(
    random: np.random.Generator, weights: Mapping[str, float], number: int
) -> IndexArray:
    """Draw places in the sorted names by weight, so that no dictionary's order matters."""
    odds = np.array([weights[name] for name in sorted(weights)])
    return random.choice(len(odds), number, p=odds / odds.sum())
