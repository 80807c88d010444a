"""The registry of venues, as data: the schema of ``venues.yaml``.

A venue says where the traffic of its events enters and leaves the network, and what holds it back.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from datetime import time
from functools import lru_cache
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from signalrl.errors import ConfigError
from signalrl.events.kinds import KINDS, Kind, Setting, Share, Uncertainty
from signalrl.files import Strict, read_model, suggestion

GRAVITY_PER_MIN = 0.06
"""How trips thin out with each minute of travel: a town at 30 minutes sends 17 % of its visitors
where one next door would send all."""
NEAR_M = 300.0
"""A place is the venue that is so near to it."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise ValueError(
            f"expected the name of a time zone, such as Europe/Berlin, got {name!r}"
        ) from error
    return name


Zone = Annotated[str, AfterValidator(_zone)]
Weight = Annotated[float, Field(gt=0)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


class Location(Strict):
    """A point on the map."""

    lat: float = Field(ge=-90, le=90, description="Latitude in degrees (WGS 84).")
    lon: float = Field(ge=-180, le=180, description="Longitude in degrees.")

    def distance_m(self, other: Location) -> float:
        """Return the distance to another point in m, on a sphere (haversine formula)."""
        lat1, lon1, lat2, lon2 = map(math.radians, (self.lat, self.lon, other.lat, other.lon))
        half = math.sin((lat2 - lat1) / 2) ** 2
        half += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
        return 2 * 6_371_000.0 * math.asin(math.sqrt(half))


class CarPark(Strict):
    """A car park with its ways in and out."""

    spaces: int = Field(gt=0, description="Cars that it holds.")
    entrances: tuple[str, ...] = Field(min_length=1, description="Edges on which cars enter it.")
    exits: dict[str, Weight] = Field(
        min_length=1,
        description="Edges on which cars leave, and how many leave there at most, in veh/h; a lane "
        "of a car park lets 300 to 500 pass.",
    )


class Gate(Strict):
    """A road on which visitors come from afar and leave again.

    Its part of the traffic is its weight, or follows from the people at its end and the minutes
    to them by the gravity model, population * exp(-0.06 * minutes).
    """

    inbound: str = Field(description="Edge on which they enter the network.")
    outbound: str = Field(description="Edge on which they leave it.")
    weight: float | None = Field(None, gt=0, description="Relative part of the visitors.")
    population: float | None = Field(None, gt=0, description="People who live at its end.")
    minutes: float | None = Field(None, ge=0, description="Travel time from them, in min.")

    @model_validator(mode="after")
    def _has_one_measure(self) -> Gate:
        given = (self.weight is not None, self.population is not None, self.minutes is not None)
        if given not in ((True, False, False), (False, True, True)):
            raise ValueError("expected either weight, or population and minutes")
        return self

    @property
    def pull(self) -> float:
        """Its relative part of the visitors."""
        if self.weight is not None:
            return self.weight
        assert self.population is not None
        assert self.minutes is not None
        return self.population * math.exp(-GRAVITY_PER_MIN * self.minutes)


class Venue(Strict):
    """A place where events happen."""

    name: str = Field("", description="What people call it; the id, where empty.")
    aliases: tuple[str, ...] = Field((), description="What calendars call it, too.")
    location: Location | None = Field(None, description="Where it is.")
    zone: Zone | None = Field(None, description="Its time zone; null for the registry's.")
    capacity: int = Field(gt=0, description="People that it holds.")
    attendance: int | None = Field(
        None, gt=0, description="People who come where the calendar doesn't say; null for all."
    )
    kind: str = Field("sports", description="Kind of an event where the calendar doesn't say.")
    usual_begin: time | None = Field(
        None,
        description="When events begin where the calendar has a date alone, such as 19:30; null to "
        "leave these out.",
    )
    setting: Setting = Field("urban", description="Which of a kind's shares of cars applies.")
    auto_share: Share | None = Field(
        None, description="Share of visitors who come by car; null for the kind's."
    )
    car_parks: dict[Id, CarPark] = Field({}, description="Car parks by id.")
    gates: dict[Id, Gate] = Field({}, description="Roads from and to the visitors by id.")

    @model_validator(mode="after")
    def _is_consistent(self) -> Venue:
        if self.attendance is not None and self.attendance > self.capacity:
            raise ValueError(
                f"attendance: expected at most the capacity of {self.capacity}, "
                f"got {self.attendance}"
            )
        if {gate.weight is None for gate in self.gates.values()} == {True, False}:
            raise ValueError(
                "gates: expected weight at all of them, or population and minutes at all of them"
            )
        exits: dict[str, float] = {}
        for key, park in self.car_parks.items():
            for edge, veh_h in park.exits.items():
                if exits.setdefault(edge, veh_h) != veh_h:
                    raise ValueError(
                        f"car_parks.{key}.exits.{edge}: expected {exits[edge]:g} veh/h, which "
                        f"another car park says of the same exit, got {veh_h:g}"
                    )
        return self


class Registry(Strict):
    """The content of a ``venues.yaml``."""

    zone: Zone = Field("UTC", description="Time zone of the venues, and of times without one.")
    venues: dict[Id, Venue] = Field(min_length=1, description="Venues by id.")
    kinds: dict[str, Kind] = Field(
        {}, description="Kinds of events beside the usual ones; VENUE.KIND is that of one venue."
    )
    uncertainty: Uncertainty = Field(Uncertainty(), description="How sure a calendar is.")

    @model_validator(mode="after")
    def _is_consistent(self) -> Registry:
        names: dict[str, str] = {}
        for key, venue in self.venues.items():
            if venue.kind not in self.all_kinds:
                raise ValueError(f"venues.{key}.kind: {self._unknown_kind(venue.kind)}")
            for name in {folded(text) for text in (key, venue.name, *venue.aliases) if text}:
                if names.setdefault(name, key) != key:
                    raise ValueError(
                        f"venues.{key}: expected a name of its own, got {name!r}, which is "
                        f"a name of {names[name]} too"
                    )
        settings = {v.setting for v in self.venues.values() if v.auto_share is None}
        for name, kind in self.kinds.items():
            if missing := sorted(settings - kind.auto_share.keys()):
                raise ValueError(
                    f"kinds.{name}.auto_share: expected a share for {missing[0]}, which is the "
                    "setting of a venue, got none; add it"
                )
        return self

    @property
    def all_kinds(self) -> Mapping[str, Kind]:
        """The usual kinds and those of this registry, by name."""
        return KINDS | self.kinds

    @property
    def local(self) -> ZoneInfo:
        """The time zone of the registry."""
        return ZoneInfo(self.zone)

    def kind(self, name: str) -> Kind:
        """Return a kind of event by name.

        Raises:
            ConfigError: There is none of this name.
        """
        if name not in self.all_kinds:
            raise ConfigError(self._unknown_kind(name))
        return self.all_kinds[name]

    def kind_at(self, venue: str, name: str) -> str:
        """Return ``VENUE.KIND`` where a venue has a kind of its own, else the name itself."""
        own = f"{venue}.{name}"
        return own if own in self.kinds else name

    def venue(self, key: str) -> Venue:
        """Return a venue by its id.

        Raises:
            ConfigError: There is none of this id.
        """
        if key not in self.venues:
            known = sorted(self.venues)
            raise ConfigError(
                f"expected a venue of {', '.join(known)}, got {key!r}{suggestion(key, known)}"
            )
        return self.venues[key]

    def zone_of(self, venue: str) -> ZoneInfo:
        """Return the time zone of a venue, given by its id."""
        return ZoneInfo(self.venue(venue).zone or self.zone)

    def find(self, text: str) -> str | None:
        """Return the id of the venue with this id, name or alias, whatever its case, or None."""
        wanted = folded(text)
        for key, venue in self.venues.items():
            if wanted in {folded(name) for name in (key, venue.name, *venue.aliases) if name}:
                return key
        return None

    def near(self, location: Location) -> str | None:
        """Return the id of the nearest venue, or None where none is within 300 m."""
        found = [
            (venue.location.distance_m(location), key)
            for key, venue in self.venues.items()
            if venue.location is not None
        ]
        distance_m, key = min(found, default=(math.inf, ""))
        return key if distance_m <= NEAR_M else None

    def _unknown_kind(self, name: str) -> str:
        known = sorted(self.all_kinds)
        return f"expected one of {', '.join(known)}, got {name!r}{suggestion(name, known)}"


@lru_cache(maxsize=4096)  # the names of venues are asked for once per entry of a calendar
def folded(text: str) -> str:
    """Return a name without regard to case, white space and forms of letters, for comparing."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def read_venues(path: Path) -> Registry:
    """Read a registry of venues.

    Raises:
        ConfigError: The file is missing, no YAML, or does not follow the schema; one line.
    """
    return read_model(Registry, path)
