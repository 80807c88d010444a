"""How the visitors of an event spread over time, as data.

The shapes are those of FHWA, *Managing Travel for Planned Special Events* (FHWA-OP-04-010); their
parameters are starting points to be calibrated.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from signalrl.files import Strict


class Egress(Strict):
    """Departures after an event: the end + delay + Gamma(k, mean)."""

    direction: Literal["egress"] = "egress"
    delay_s: float = Field(
        300.0, description="From the end to the first departure, in s; below 0 before the end."
    )
    k: float = Field(2.0, gt=0, description="Shape of the Gamma distribution.")
    mean_s: float = Field(1500.0, gt=0, description="Mean of the Gamma distribution, in s.")


class Ingress(Strict):
    """Arrivals before an event: the beginning + Beta(a, b) on a window around it."""

    direction: Literal["ingress"] = "ingress"
    a: float = Field(5.0, gt=0, description="First parameter of the Beta distribution.")
    b: float = Field(2.0, gt=0, description="Second parameter of the Beta distribution.")
    first_s: float = Field(-9000.0, description="Start of the window, relative to the event, in s.")
    last_s: float = Field(900.0, description="End of the window, relative to the event, in s.")

    @model_validator(mode="after")
    def _has_length(self) -> Ingress:
        if self.last_s <= self.first_s:
            raise ValueError(
                f"last_s: expected a time after first_s ({self.first_s:g}), got {self.last_s:g}"
            )
        return self


class Stream(Strict):
    """Arrivals all the time while it is open: evenly, with a hump around the middle.

    They end ``closing_s`` before the event does, or half-way through a short one; the hump is a
    Beta(4, 4).
    """

    direction: Literal["stream"] = "stream"
    hump: float = Field(0.4, ge=0, le=1, description="Share of the visitors in the hump.")
    closing_s: float = Field(
        3600.0, ge=0, description="How long before the end nobody comes any more, in s."
    )


class Stay(Strict):
    """Departures after a stay, LogNormal(median, sigma); by the end plus some minutes all leave."""

    direction: Literal["stay"] = "stay"
    median_s: float = Field(10_800.0, gt=0, description="Median of the stay, in s.")
    sigma: float = Field(0.5, ge=0, description="Standard deviation of the stay's logarithm.")
    clearing_s: float = Field(
        1800.0, ge=0, description="Time after the end in which those who stayed leave evenly, in s."
    )


Arrivals = Annotated[Ingress | Stream, Field(discriminator="direction")]
Departures = Annotated[Egress | Stay, Field(discriminator="direction")]
