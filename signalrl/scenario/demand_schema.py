"""What drawn demand is made of, as data: flows, their profile over time, and surges of events."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from signalrl.events.shapes import Egress, Ingress
from signalrl.files import Strict


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= bounds[0] <= bounds[1]:
        raise ValueError(f"expected 0 <= lower <= upper bound, got {list(bounds)}")
    return bounds


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
IntRange = Annotated[tuple[int, int], AfterValidator(_ordered)]
Weight = Annotated[float, Field(gt=0)]

VISITOR = "visitor"
"""Vehicle type of those who come to an event."""


class VehicleType(Strict):
    """Vehicles of one kind; the defaults are SUMO's passenger car."""

    share: float = Field(1.0, ge=0, description="Relative share in traffic that has no own mix.")
    vclass: str = Field("passenger", description="SUMO's vehicle class, such as truck or bus.")
    length_m: float = Field(5.0, gt=0, description="Length in m.")
    min_gap_m: float = Field(2.5, ge=0, description="Gap to the leader at standstill, in m.")
    accel_m_s2: float = Field(2.6, gt=0, description="Acceleration in m/s2.")
    decel_m_s2: float = Field(4.5, gt=0, description="Comfortable deceleration in m/s2.")
    sigma: float = Field(0.5, ge=0, le=1, description="Imperfection of the driver, 0 to 1.")
    tau_s: float = Field(1.0, gt=0, description="Headway that the driver keeps, in s.")
    max_speed_m_s: float = Field(55.55, gt=0, description="Top speed in m/s.")
    speed_factor: float = Field(1.0, gt=0, description="Mean of wanted speed over speed limit.")
    speed_dev: float = Field(0.1, ge=0, description="Standard deviation of the speed factor.")
    reroutes: bool = Field(
        False,
        description="Whether drivers have SUMO's rerouting device, a navigator that knows the "
        "speeds on all roads. Without it, too, SUMO looks for the way when they set off.",
    )


class Flow(Strict):
    """Traffic from one edge to another, with Poisson arrivals."""

    origin: str = Field(alias="from", description="Edge where vehicles enter.")
    destination: str = Field(alias="to", description="Edge where vehicles leave.")
    veh_h: float = Field(ge=0, description="Mean volume at profile and scale 1, in veh/h.")
    route: tuple[str, ...] = Field(
        (), description="All edges from first to last; empty for the fastest way."
    )
    mix: dict[str, Weight] = Field(
        {}, description="Weights of the vehicle types; empty for their shares."
    )

    @model_validator(mode="after")
    def _route_fits(self) -> Flow:
        if self.route and (self.route[0], self.route[-1]) != (self.origin, self.destination):
            raise ValueError(
                f"route: expected it to begin with {self.origin!r} and end with "
                f"{self.destination!r}, got {self.route[0]!r} and {self.route[-1]!r}"
            )
        return self


class ProfilePoint(Strict):
    """A factor on all flows from a time on."""

    time_s: float = Field(ge=0, description="Time in s, on the clock of the profile.")
    factor: float = Field(ge=0, description="Factor on the volumes.")


class Profile(Strict):
    """How volumes change over an episode; surges are not affected."""

    clock: Literal["episode", "day"] = Field(
        "episode",
        description="Whether times are simulated s, or s from midnight where the event is; the "
        "latter needs events.",
    )
    interpolation: Literal["steps", "linear"] = Field(
        "steps", description="Whether a factor holds until the next point or leads to it."
    )
    points: tuple[ProfilePoint, ...] = Field(
        (ProfilePoint(time_s=0.0, factor=1.0),),
        min_length=1,
        description="Points in the order of time; the first and last hold beyond them.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Profile:
        times = [point.time_s for point in self.points]
        if any(a >= b for a, b in pairwise(times)):
            raise ValueError(f"points: expected rising time_s, got {times}")
        return self


class Surge(Strict):
    """The traffic of one event, with its own draw of size and time in each episode."""

    name: str = Field(
        "event",
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Name of the event; its vehicles and its random stream are named after it.",
    )
    origin: str | dict[str, Weight] = Field(
        alias="from", description="Edge where vehicles enter, or weights of several."
    )
    destination: str | dict[str, Weight] = Field(
        alias="to", description="Edge where vehicles leave, or weights of several."
    )
    vehicles: IntRange = Field(description="Bounds of the number of vehicles, both included.")
    start_s: Range = Field(
        description="Bounds of the time of the event, in simulated s: its end for an egress, its "
        "beginning for an ingress."
    )
    probability: float = Field(1.0, ge=0, le=1, description="That it happens in an episode.")
    shape: Annotated[Egress | Ingress, Field(discriminator="direction")] = Field(
        Egress(), description="Direction and spread in time."
    )
    exit_veh_h: float | None = Field(
        None,
        gt=0,
        description="Capacity of each origin's exit after an egress in veh/h, the rest queues "
        "inside; null for no limit. A lane of a car park lets 300 to 500 veh/h pass.",
    )
    mix: dict[str, Weight] = Field(
        {}, description="Weights of the vehicle types; empty for their shares."
    )

    @model_validator(mode="after")
    def _has_edges(self) -> Surge:
        if not self.origin or not self.destination:
            raise ValueError("expected at least one edge in from and in to, got none")
        if self.exit_veh_h is not None and self.shape.direction == "ingress":
            raise ValueError("exit_veh_h: expected it with an egress only, got an ingress")
        return self


class Demand(Strict):
    """Traffic that is drawn anew for each episode."""

    vehicles: dict[str, VehicleType] = Field(
        {"car": VehicleType()}, min_length=1, description="Vehicle types by id."
    )
    flows: tuple[Flow, ...] = Field((), description="Traffic that is always there.")
    profile: Profile = Field(Profile(), description="How the flows change over time.")
    scale_range: Range = Field(
        (1.0, 1.0), description="Bounds of the factor on all flows, drawn for each episode."
    )
    surges: tuple[Surge, ...] = Field((), description="Traffic of events, on top of the flows.")

    @model_validator(mode="after")
    def _is_consistent(self) -> Demand:
        if not self.flows and not self.surges:
            raise ValueError("expected at least one flow or surge, got none")
        for mix in (part.mix for parts in (self.flows, self.surges) for part in parts):
            if unknown := sorted(set(mix) - set(self.vehicles)):
                raise ValueError(
                    f"mix: expected ids of vehicles ({', '.join(sorted(self.vehicles))}), "
                    f"got {unknown[0]!r}"
                )
        if sum(kind.share for kind in self.vehicles.values()) <= 0:
            raise ValueError("vehicles: expected a share above 0 of at least one type, got none")
        return self


Phase = Literal["ingress", "egress"]


class EventTraffic(Strict):
    """Traffic of the events of a calendar: each episode is the beginning or the end of one.

    Its event and its phase are drawn, and it begins ``lead_s`` before the event's beginning or
    usual end. Other events of that day are on the road as well.
    """

    venues: str = Field(description="Registry of the venues, relative to the folder.")
    calendars: tuple[str, ...] = Field(
        min_length=1, description="Calendars, .ics, .json or .csv, relative to the folder."
    )
    first_day: date = Field(description="First day of the season.")
    last_day: date = Field(description="Last day of the season, included.")
    phases: tuple[Phase, ...] = Field(
        ("ingress", "egress"), min_length=1, description="What an episode may be."
    )
    lead_s: dict[Phase, Annotated[float, Field(ge=0)]] = Field(
        {"ingress": 5400.0, "egress": 900.0},
        description="From the episode's begin to the event's beginning or usual end, in s.",
    )
    probability: float = Field(
        1.0, ge=0, le=1, description="That an event happens; else it is a day like any other."
    )
    attendance_factor: Range = Field(
        (1.0, 1.0), description="Bounds of a factor on the attendance, drawn for each event."
    )
    vehicle: VehicleType = Field(
        VehicleType(reroutes=True), description="Vehicles of the visitors."
    )
    corrections: str | None = Field(
        None,
        description="What past evenings taught of the forecast's errors (signalrl rehearse), "
        "relative to the folder.",
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> EventTraffic:
        if self.last_day < self.first_day:
            raise ValueError(
                f"last_day: expected a day from {self.first_day} on, got {self.last_day}"
            )
        if missing := sorted(set(self.phases) - set(self.lead_s)):
            raise ValueError(f"lead_s: expected a value for {missing[0]}, got none")
        return self
