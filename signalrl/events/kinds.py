"""Kinds of events, as data: when visitors come and go, how long it lasts, how they travel.

Sources of the defaults: FHWA, *Managing Travel for Planned Special Events* (FHWA-OP-04-010), for
the shapes, the occupancy of cars and their share; the Barclays Center's transportation demand
management memo (2013) for the sharp egress; the laws of the game for the length of a match. They
are starting points; a city replaces them with its own counts.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from signalrl.events.shapes import Arrivals, Departures, Egress, Ingress, Stay, Stream
from signalrl.files import Strict

Setting = Literal["urban", "suburban"]
Share = Annotated[float, Field(ge=0, le=1)]


class Kind(Strict):
    """What events of one kind have in common."""

    arrivals: Arrivals = Field(Ingress(), description="When visitors come.")
    departures: Departures = Field(Egress(), description="When visitors leave.")
    duration_s: float | None = Field(
        None,
        gt=0,
        description="From the beginning to the usual end, in s; null for the calendar's end.",
    )
    end_sd_s: float = Field(
        0.0, ge=0, description="Standard deviation of the end around the usual one, in s."
    )
    extra_time_s: float = Field(0.0, ge=0, description="What an extension adds, in s.")
    extra_time_probability: float = Field(0.0, ge=0, le=1, description="That it is extended.")
    occupancy: float = Field(2.5, ge=1, description="People per car.")
    auto_share: dict[Setting, Share] = Field(
        {"urban": 0.5, "suburban": 0.8},
        description="Share of visitors who come by car, by the setting of the venue.",
    )
    ticketed: bool = Field(True, description="Whether the number of visitors is known beforehand.")
    open_air: bool = Field(False, description="Whether rain keeps visitors away.")


_MATCH_S = 112 * 60.0
"""Kick-off to final whistle: two halves of 45 minutes, 15 of break, and time added on."""

SPORTS = Kind(
    arrivals=Ingress(a=5, b=2, first_s=-150 * 60, last_s=15 * 60),
    departures=Egress(delay_s=5 * 60, k=2, mean_s=25 * 60),
    duration_s=_MATCH_S,
    end_sd_s=4 * 60,
    occupancy=2.5,
    auto_share={"urban": 0.50, "suburban": 0.85},
    open_air=True,
)

KINDS: dict[str, Kind] = {
    "sports": SPORTS,
    "knockout": SPORTS.model_copy(
        update={"extra_time_s": 35 * 60.0, "extra_time_probability": 0.25}
    ),
    "tailgating": Kind(
        arrivals=Ingress(a=5, b=2, first_s=-240 * 60, last_s=15 * 60),
        departures=Egress(delay_s=5 * 60, k=1.5, mean_s=45 * 60),
        end_sd_s=10 * 60,
        occupancy=2.7,
        auto_share={"urban": 0.85, "suburban": 0.85},
        open_air=True,
    ),
    "concert": Kind(
        arrivals=Ingress(a=4, b=2, first_s=-120 * 60, last_s=45 * 60),
        departures=Egress(delay_s=5 * 60, k=3, mean_s=25 * 60),
        end_sd_s=10 * 60,
        occupancy=2.3,
        auto_share={"urban": 0.50, "suburban": 0.80},
    ),
    "fireworks": Kind(
        arrivals=Ingress(a=3, b=1.5, first_s=-240 * 60, last_s=0),
        departures=Egress(delay_s=2 * 60, k=2, mean_s=20 * 60),
        end_sd_s=3 * 60,
        occupancy=2.8,
        auto_share={"urban": 0.70, "suburban": 0.70},
        ticketed=False,
        open_air=True,
    ),
    "parade": Kind(
        arrivals=Ingress(a=4, b=2, first_s=-150 * 60, last_s=30 * 60),
        departures=Egress(delay_s=0, k=2, mean_s=40 * 60),
        end_sd_s=10 * 60,
        occupancy=2.5,
        auto_share={"urban": 0.50, "suburban": 0.50},
        ticketed=False,
        open_air=True,
    ),
    "fair": Kind(
        arrivals=Stream(),
        departures=Stay(median_s=3 * 3600),
        occupancy=2.6,
        auto_share={"urban": 0.75, "suburban": 0.75},
        ticketed=False,
        open_air=True,
    ),
    "conference": Kind(
        arrivals=Ingress(a=5, b=2, first_s=-90 * 60, last_s=15 * 60),
        departures=Egress(delay_s=0, k=2, mean_s=30 * 60),
        end_sd_s=5 * 60,
        occupancy=1.3,
        auto_share={"urban": 0.60, "suburban": 0.60},
    ),
}
"""The kinds that every registry knows; a registry replaces or adds to them."""


class Uncertainty(Strict):
    """How far an evening may differ from what the calendar says."""

    attendance_cv_ticketed: float = Field(
        0.10, ge=0, description="Coefficient of variation of the attendance, with tickets."
    )
    attendance_cv_free: float = Field(0.35, ge=0, description="The same where nobody needs one.")
    no_show_mean: float = Field(0.08, ge=0, lt=1, description="Mean share of those who stay away.")
    no_show_concentration: float = Field(
        50.0, gt=0, description="Sum of the two parameters of its Beta distribution."
    )
    rain_probability: float = Field(0.3, ge=0, le=1, description="That it rains.")
    rain_factor: tuple[Share, Share] = Field(
        (0.7, 1.0), description="Bounds of the factor of rain on an open-air attendance."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Uncertainty:
        if self.rain_factor[1] < self.rain_factor[0]:
            raise ValueError(
                f"rain_factor: expected lower <= upper bound, got {list(self.rain_factor)}"
            )
        return self
