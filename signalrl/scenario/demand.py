"""Draws the traffic of one episode. The seed decides everything.

Each flow has a random stream of its own, named after its edges, and each surge one of its own name,
so adding, moving or removing one leaves the vehicles of all others as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypeVar
from xml.sax.saxutils import quoteattr

import numpy as np
import numpy.typing as npt

from signalrl.errors import ConfigError
from signalrl.events.sampling import draw_arrivals, draw_egress, throttled_by
from signalrl.events.shapes import Egress
from signalrl.scenario.demand_schema import Demand, Profile, Surge, VehicleType
from signalrl.scenario.schema import Scenario

FloatArray = npt.NDArray[np.float64]

T = TypeVar("T")
ROUTES = "demand.rou.xml"


@dataclass(frozen=True, slots=True)
class EpisodeDemand:
    """What SUMO drives in one episode.

    Attributes:
        route_files: SUMO route files, fixed ones first.
        scale: SUMO's factor on the traffic of the fixed ones (``--scale``).
        sumo_seed: SUMO's seed, 1 to 2**31 - 1.
    """

    route_files: tuple[Path, ...]
    scale: float
    sumo_seed: int


@dataclass(frozen=True, slots=True, order=True)
class _Vehicle:
    depart_s: float
    stream: str
    number: int
    kind: str
    origin: str
    destination: str
    route: tuple[str, ...]


def draw_episode(scenario: Scenario, seed: int, folder: Path) -> EpisodeDemand:
    """Draw the traffic of an episode and write what is not in a fixed file.

    Args:
        scenario: The scenario.
        seed: Decides everything; the same seed gives the same bytes.
        folder: Existing folder for the drawn routes.

    Returns:
        The files, the scale and the seed for SUMO.

    Raises:
        ConfigError: The seed is negative, or files of the scenario are missing.
    """
    if seed < 0:
        raise ConfigError(f"expected a seed of 0 or more, got {seed}")
    routes, scale = scenario.route_files, 1.0
    if scenario.scale_range is not None:
        scale = float(stream(seed, "scale").uniform(*scenario.scale_range))
    if scenario.demand is not None:
        drawn = folder / ROUTES
        vehicles = sorted(_draw(scenario.demand, scenario.begin_s, scenario.end_s, seed))
        drawn.write_text("".join(_xml(scenario.demand.vehicles, vehicles)), encoding="utf-8")
        routes = (*routes, drawn)
    return EpisodeDemand(routes, scale, 1 + seed % (2**31 - 1))


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random numbers that belong to a seed and a name, and to nothing else."""
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    key = tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _draw(demand: Demand, begin_s: float, end_s: float, seed: int) -> Iterator[_Vehicle]:
    scale = float(stream(seed, "scale").uniform(*demand.scale_range))
    shares = {name: kind.share for name, kind in demand.vehicles.items()}
    flows = sorted(demand.flows, key=lambda f: (f.origin, f.destination, f.route, f.veh_h))
    for flow, name in _named((flow, f"{flow.origin}_to_{flow.destination}") for flow in flows):
        random = stream(seed, f"flow {name}")
        departs_s = _poisson(random, flow.veh_h * scale / 3600.0, demand.profile, begin_s, end_s)
        kinds = _pick(random, flow.mix or shares, len(departs_s))
        for i, (depart_s, kind) in enumerate(zip(departs_s, kinds, strict=True)):
            yield _Vehicle(depart_s, name, i, kind, flow.origin, flow.destination, flow.route)
    for surge, name in _named((surge, surge.name) for surge in demand.surges):
        random = stream(seed, f"surge {name}")
        for i, vehicle in enumerate(_surge(random, surge, shares)):
            depart_s, kind, origin, destination = vehicle
            if begin_s <= depart_s < end_s:
                yield _Vehicle(depart_s, f"event_{name}", i, kind, origin, destination, ())


def _poisson(
    random: np.random.Generator, rate: float, profile: Profile, begin_s: float, end_s: float
) -> list[float]:
    """Draw the times of a Poisson process of a rate that changes over time, by thinning."""
    times = np.array([point.time_s for point in profile.points])
    factors = np.array([point.factor for point in profile.points])
    peak = float(factors.max())
    number = random.poisson(rate * peak * (end_s - begin_s))
    candidates = np.sort(random.uniform(begin_s, end_s, number))
    if profile.interpolation == "linear":
        factor = np.interp(candidates, times, factors)
    else:
        factor = factors[np.maximum(np.searchsorted(times, candidates, side="right") - 1, 0)]
    return _hundredths(candidates[random.uniform(0.0, peak, number) < factor])


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
    vehicles = zip(_hundredths(departs), kinds, origins, destinations, strict=True)
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


def _hundredths(times_s: FloatArray) -> list[float]:
    return [float(time) for time in np.floor(times_s * 100.0) / 100.0]


def _xml(kinds: Mapping[str, VehicleType], vehicles: Iterable[_Vehicle]) -> Iterator[str]:
    yield "<routes>\n"
    for name in sorted(kinds):
        kind = kinds[name]
        yield (
            f"    <vType id={quoteattr(name)} vClass={quoteattr(kind.vclass)}"
            f' length="{kind.length_m}" minGap="{kind.min_gap_m}" accel="{kind.accel_m_s2}"'
            f' decel="{kind.decel_m_s2}" sigma="{kind.sigma}" tau="{kind.tau_s}"'
            f' maxSpeed="{kind.max_speed_m_s}"'
            f' speedFactor="{kind.speed_factor}" speedDev="{kind.speed_dev}"/>\n'
        )
    for v in vehicles:
        head = (
            f"id={quoteattr(f'{v.stream}.{v.number}')} type={quoteattr(v.kind)}"
            f' depart="{v.depart_s:.2f}" departLane="best" departSpeed="max"'
        )
        if v.route:
            edges = quoteattr(" ".join(v.route))
            yield f"    <vehicle {head}><route edges={edges}/></vehicle>\n"
        else:
            way = f"from={quoteattr(v.origin)} to={quoteattr(v.destination)}"
            yield f"    <trip {head} {way}/>\n"
    yield "</routes>\n"
