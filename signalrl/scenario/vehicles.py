"""The vehicles of an episode, and the route file that SUMO reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

import numpy as np

from signalrl.events.sampling import FloatArray
from signalrl.scenario.demand_schema import VehicleType


class Vehicle(NamedTuple):
    """A vehicle of an episode; vehicles sort by departure."""

    depart_s: float
    stream: str
    number: int
    kind: str
    origin: str
    destination: str
    route: tuple[str, ...]


def hundredths(times_s: FloatArray) -> list[float]:
    """Return times as the route file has them, in whole hundredths of a second."""
    whole: list[float] = (np.floor(times_s * 100.0) / 100.0).tolist()
    return whole


def routes_xml(
    kinds: Mapping[str, VehicleType], vehicles: Iterable[Vehicle], scale: float = 1.0
) -> Iterator[str]:
    """Yield the lines of a SUMO route file with types and vehicles, in their order.

    Args:
        kinds: The types by id.
        vehicles: The vehicles.
        scale: SUMO's factor on all traffic of the episode (``--scale``); these vehicles are drawn
            already, so their types take it back.
    """
    factor = "" if scale == 1.0 else f' scale="{1.0 / scale!r}"'
    yield "<routes>\n"
    for name in sorted(kinds):
        kind = kinds[name]
        # SUMO's rerouting device: the way is chosen at the departure, by the speeds of then.
        end = '><param key="has.rerouting.device" value="true"/></vType>' if kind.reroutes else "/>"
        yield (
            f"    <vType id={quoteattr(name)} vClass={quoteattr(kind.vclass)}"
            f' length="{kind.length_m}" minGap="{kind.min_gap_m}" accel="{kind.accel_m_s2}"'
            f' decel="{kind.decel_m_s2}" sigma="{kind.sigma}" tau="{kind.tau_s}"'
            f' maxSpeed="{kind.max_speed_m_s}"'
            f' speedFactor="{kind.speed_factor}" speedDev="{kind.speed_dev}"{factor}{end}\n'
        )
    quoted = cache(quoteattr)  # the names of streams, types and edges recur
    for v in vehicles:
        stream = quoted(v.stream)
        head = (
            f"id={stream[:-1]}.{v.number}{stream[-1]} type={quoted(v.kind)}"
            f' depart="{v.depart_s:.2f}" departLane="best" departSpeed="max"'
        )
        if v.route:
            edges = quoteattr(" ".join(v.route))
            yield f"    <vehicle {head}><route edges={edges}/></vehicle>\n"
        else:
            way = f"from={quoted(v.origin)} to={quoted(v.destination)}"
            yield f"    <trip {head} {way}/>\n"
    yield "</routes>\n"
