"""Draws the traffic of one episode. The seed decides everything.

Each flow has a random stream of its own, named after its edges, and each surge one of its own name,
so adding, moving or removing one leaves the vehicles of all others as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypeVar

import numpy as np

from signalrl.errors import ConfigError
from signalrl.events.sampling import FloatArray, draw_arrivals, draw_egress, throttled_by
from signalrl.events.shapes import Egress
from signalrl.scenario.demand_schema import VISITOR, Demand, Profile, Surge, VehicleType
from signalrl.scenario.event_demand import (
    Occasion,
    draw_event_traffic,
    draw_occasion,
    load_season,
    wall_offset_s,
)
from signalrl.scenario.schema import Scenario
from signalrl.scenario.streams import stream
from signalrl.scenario.vehicles import Vehicle, hundredths, routes_xml

T = TypeVar("T")
ROUTES = "demand.rou.xml"
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class EpisodeDemand:
    """What SUMO drives in one episode.

    Attributes:
        route_files: SUMO route files, fixed ones first.
        drawn_files: Those of them that were drawn for this episode.
        scale: SUMO's factor on the traffic of the fixed ones (``--scale``).
        sumo_seed: SUMO's seed, 1 to 2**31 - 1.
        occasion: The event that it is about, where the scenario has events.
    """

    route_files: tuple[Path, ...]
    drawn_files: tuple[Path, ...]
    scale: float
    sumo_seed: int
    occasion: Occasion | None = None


def draw_episode(
    scenario: Scenario,
    seed: int,
    folder: Path,
    occasion: Occasion | None = None,
    entries: Mapping[str, str] | None = None,
) -> EpisodeDemand:
    """Draw the traffic of an episode and write what is not in a fixed file.

    Args:
        scenario: The scenario.
        seed: Decides everything; the same seed gives the same bytes.
        folder: Existing folder for the drawn routes.
        occasion: What the episode is about, where the scenario has events; drawn by default.
        entries: Edges on which drawn vehicles begin in place of others, such as roads before gates.

    Returns:
        The files, the scale and the seed for SUMO.

    Raises:
        ConfigError: The seed is negative, or files of the scenario are missing.
    """
    if seed < 0:
        raise ConfigError(f"expected a seed of 0 or more, got {seed}")
    scale, drawn_files = 1.0, tuple[Path, ...]()
    if scenario.scale_range is not None:
        scale = float(stream(seed, "scale").uniform(*scenario.scale_range))
    kinds: dict[str, VehicleType] = {}
    vehicles: list[Vehicle] = []
    midnight_s = 0.0
    if scenario.events is not None:
        season = load_season(scenario)
        occasion = occasion or draw_occasion(scenario, season, seed)
        midnight_s = wall_offset_s(occasion.clock, scenario.begin_s)
        kinds[VISITOR] = scenario.events.vehicle
        window = (scenario.begin_s, scenario.end_s)
        vehicles += draw_event_traffic(season, scenario.events, occasion, *window, seed)
    if scenario.demand is not None:
        kinds |= scenario.demand.vehicles
        vehicles += _draw(scenario.demand, scenario.begin_s, scenario.end_s, midnight_s, seed)
    if entries:
        vehicles = [_entering(vehicle, entries) for vehicle in vehicles]
    if kinds:
        drawn = folder / ROUTES
        drawn.write_text("".join(routes_xml(kinds, sorted(vehicles), scale)), encoding="utf-8")
        drawn_files = (drawn,)
    routes = (*scenario.route_files, *drawn_files)
    return EpisodeDemand(routes, drawn_files, scale, 1 + seed % (2**31 - 1), occasion)


def _entering(vehicle: Vehicle, entries: Mapping[str, str]) -> Vehicle:
    """Let a vehicle begin on the edge before its own, where there is one."""
    before = entries.get(vehicle.origin)
    if before is None:
        return vehicle
    route = (before, *vehicle.route) if vehicle.route else ()
    return vehicle._replace(origin=before, route=route)


def _draw(
    demand: Demand, begin_s: float, end_s: float, midnight_s: float, seed: int
) -> Iterator[Vehicle]:
    scale = float(stream(seed, "scale").uniform(*demand.scale_range))
    shares = {name: kind.share for name, kind in demand.vehicles.items()}
    flows = sorted(
        demand.flows,
        key=lambda f: (f.origin, f.destination, f.route, f.veh_h, sorted(f.mix.items())),
    )
    for flow, name in _named((flow, f"{flow.origin}_to_{flow.destination}") for flow in flows):
        random = stream(seed, f"flow {name}")
        rate = flow.veh_h * scale / 3600.0
        departs_s = _poisson(random, rate, demand.profile, begin_s, end_s, midnight_s)
        kinds = _pick(random, flow.mix or shares, len(departs_s))
        for i, (depart_s, kind) in enumerate(zip(departs_s, kinds, strict=True)):
            yield Vehicle(depart_s, name, i, kind, flow.origin, flow.destination, flow.route)
    for surge, name in _named((surge, surge.name) for surge in demand.surges):
        random = stream(seed, f"surge {name}")
        for i, vehicle in enumerate(_surge(random, surge, shares)):
            depart_s, kind, origin, destination = vehicle
            if begin_s <= depart_s < end_s:
                yield Vehicle(depart_s, f"event_{name}", i, kind, origin, destination, ())


def _poisson(
    random: np.random.Generator,
    rate: float,
    profile: Profile,
    begin_s: float,
    end_s: float,
    midnight_s: float,
) -> list[float]:
    """Draw the times of a Poisson process of a rate that changes over time, by thinning."""
    peak = max(point.factor for point in profile.points)
    number = random.poisson(rate * peak * (end_s - begin_s))
    candidates = np.sort(random.uniform(begin_s, end_s, number))
    factor = profile_factors(profile, candidates, midnight_s)
    return hundredths(candidates[random.uniform(0.0, peak, number) < factor])


def profile_factors(
    profile: Profile, times_s: FloatArray, midnight_s: float | FloatArray
) -> FloatArray:
    """Return the factor on volumes at simulated times.

    Args:
        profile: How volumes change.
        times_s: Simulated times in s.
        midnight_s: What they lack to s after midnight, where the profile is that of a day; one
            number, or one for each time.
    """
    times = np.array([point.time_s for point in profile.points])
    factors = np.array([point.factor for point in profile.points])
    clock = (times_s + midnight_s) % DAY_S if profile.clock == "day" else times_s
    if profile.interpolation == "linear":
        found: FloatArray = np.interp(clock, times, factors)
    else:
        found = factors[np.maximum(np.searchsorted(times, clock, side="right") - 1, 0)]
    return found


def _surge(
    random: np.random.Generator, surge: Surge, shares: Mapping[str, float]
) -> list[tuple[float, str, str, str]]:
    """Draw departure, type, origin and destination of the vehicles of an event."""
    happens = random.uniform() < surge.probability
    start_s = random.uniform(*surge.start_s)
    number = int(random.integers(surge.vehicles[0], surge.vehicles[1], endpoint=True))
    shape = surge.shape
    if isinstance(shape, Egress):
        departs = draw_egress(random, shape, number, start_s)
    else:
        departs = draw_arrivals(random, shape, number, start_s, start_s)
    origins = _pick(random, _weights(surge.origin), number)
    destinations = _pick(random, _weights(surge.destination), number)
    kinds = _pick(random, surge.mix or shares, number)
    if surge.exit_veh_h is not None:
        departs = throttled_by(np.array(origins), departs, surge.exit_veh_h)
    vehicles = zip(hundredths(departs), kinds, origins, destinations, strict=True)
    return list(vehicles) if happens else []


def _named(parts: Iterable[tuple[T, str]]) -> Iterator[tuple[T, str]]:
    """Number the second and further parts of the same name."""
    taken: set[str] = set()
    for part, name in parts:
        unique = name
        for number in count(2):
            if unique not in taken:
                break
            unique = f"{name}_{number}"
        taken.add(unique)
        yield part, unique


def _weights(edges: str | Mapping[str, float]) -> Mapping[str, float]:
    return {edges: 1.0} if isinstance(edges, str) else edges


def _pick(random: np.random.Generator, weights: Mapping[str, float], number: int) -> list[str]:
    names = sorted(weights)
    odds = np.array([weights[name] for name in names])
    return [names[i] for i in random.choice(len(names), number, p=odds / odds.sum())]
