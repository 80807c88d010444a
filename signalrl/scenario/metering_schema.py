"""The gates of a district as data: where inflow may be held, and at which accumulation."""

from __future__ import annotations

from pydantic import Field, model_validator

from signalrl.files import Strict
from signalrl.network.gridlock import Diagram


class Metering(Strict):
    """Where and how inflow is metered; the gates hold nobody unless a controller meters."""

    gates: dict[str, str] = Field(
        min_length=1,
        description="Names of gates, and the edges before which they stand; vehicles enter the "
        "network on these edges and come to them from nowhere else.",
    )
    critical_veh: float = Field(
        gt=0, description="Critical accumulation of the streets between signals (signalrl nfd)."
    )
    capacity_veh_h: float = Field(
        gt=0, description="Vehicles that reach their destination per hour then (signalrl nfd)."
    )
    setpoint_share: float = Field(
        0.95, gt=0, le=1, description="Share of the critical accumulation that is held."
    )
    longest_hold_s: float = Field(2700.0, ge=60, description="Longest hold at a gate in s.")
    proportional_per_h: float = Field(20.0, ge=0, description="Gain on the accumulation's change.")
    integral_per_h: float = Field(5.0, ge=0, description="Gain on its distance from the set point.")

    @property
    def diagram(self) -> Diagram:
        """What the district discharges."""
        return Diagram(self.critical_veh, self.capacity_veh_h)

    @model_validator(mode="after")
    def _has_distinct_edges(self) -> Metering:
        edges = list(self.gates.values())
        if twice := [edge for edge in edges if edges.count(edge) > 1]:
            raise ValueError(f"gates: expected every edge once, got {twice[0]!r} twice")
        return self
