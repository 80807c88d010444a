"""SUMO as a plant with gates: metering signals that hold inflow, beside whoever controls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from signalrl.control.measurement import VEHICLE_SPACE_M, Column, Measurement
from signalrl.control.metering import GateSignal, Meter, MeteringRules, Reading
from signalrl.network.gridlock import core_edges
from signalrl.network.model import Network
from signalrl.scenario.metering_schema import Metering
from signalrl.sumo.faults import Faults
from signalrl.sumo.gates import GateRoad
from signalrl.sumo.plant import SumoPlant
from signalrl.sumo.process import Simulation

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GateCourse:
    """What was seen of the gates, one entry per decision of the meter.

    Attributes:
        gates: Their names.
        time_s: When.
        accumulation_veh: Vehicles between the signals.
        allowed_veh_h: What all gates let pass; -1 where they hold nobody.
        waiting_veh: Vehicles before each gate.
        passed_veh: Vehicles that have passed each gate.
        hold_s: How long who passes has waited there, by the counts.
    """

    gates: tuple[str, ...]
    time_s: list[float]
    accumulation_veh: list[float]
    allowed_veh_h: list[float]
    waiting_veh: list[list[float]]
    passed_veh: list[list[float]]
    hold_s: list[list[float]]


class MeteredPlant(SumoPlant):
    """A running simulation with gates, which a meter runs on its own.

    The meter sees what detectors count: vehicles between signals, and before and behind each gate.
    Before a gate the simulator counts those, too, who find no room on its road yet.

    Args:
        simulation: A started SUMO with the roads of gates.
        network: The signals and lanes, without gates.
        end_s: The horizon.
        roads: The roads of the gates.
        metering: Where and how inflow is metered.
        armed_s: From when to when gates may hold.
        routes: The route files that are driven, for the record.
        faults: What falsifies the readings, if anything does.

    Attributes:
        roads: The roads of the gates.
        routes: The route files.
        course: What was seen so far.
    """

    def __init__(
        self,
        simulation: Simulation,
        network: Network,
        end_s: float,
        roads: Sequence[GateRoad],
        metering: Metering,
        armed_s: Sequence[tuple[float, float]],
        routes: Sequence[Path] = (),
        faults: Faults | None = None,
    ) -> None:
        super().__init__(simulation, network, end_s, faults=faults)
        self.roads, self.routes = tuple(roads), tuple(routes)
        self._rules = rules_of(metering)
        self._meter = Meter([road.car_lanes for road in roads], self._rules, armed_s)
        self._lights = [GateSignal(road.car_lanes) for road in roads]
        core = core_edges(network)
        self._core = np.array([lane.edge in core for lane in network.lanes])
        spaces = [max(lane.length_m, VEHICLE_SPACE_M) / VEHICLE_SPACE_M for lane in network.lanes]
        self._spaces = np.array(spaces)
        self._next_s = -math.inf
        self.course = GateCourse(tuple(metering.gates), [], [], [], [], [], [])

    def advance(self, time_s: float) -> None:
        """Simulate until ``time_s``, and change the lights of gates on the way.

        Raises:
            SimulationError: SUMO failed.
        """
        while self.time_s < time_s:
            change_s = min((light.next_change_s for light in self._lights), default=math.inf)
            super().advance(min(time_s, max(change_s, self.time_s)))
            changed = [light.advance(self.time_s) for light in self._lights]
            self._show_gates(changed)

    def measure(self) -> Measurement:
        """Read every detector once, and let the meter decide when it is time to.

        Raises:
            SimulationError: SUMO failed.
        """
        measurement = super().measure()
        if self.time_s >= self._next_s:
            self._next_s = self.time_s + self._rules.interval_s
            self._decide(measurement)
        return measurement

    def end_course(self) -> None:
        """See the gates once more, at the end of an episode.

        Raises:
            SimulationError: SUMO failed.
        """
        if not self.course.time_s or self.course.time_s[-1] < self.time_s:
            self._decide(super().measure())

    def _decide(self, measurement: Measurement) -> None:
        meter = self._meter
        counts = measurement[Column.OCCUPANCY] * self._spaces
        waiting, passed = self._count()
        reading = Reading(self.time_s, float(counts[self._core].sum()), waiting, passed)
        meter.update(self.time_s, reading)
        for light, rate in zip(self._lights, meter.rates_veh_h, strict=True):
            light.set_rate(float(rate), self.time_s)
        self._show_gates([True] * len(self._lights))
        course = self.course
        course.time_s.append(self.time_s)
        course.accumulation_veh.append(round(reading.accumulation_veh, 1))
        course.allowed_veh_h.append(round(meter.allowed_veh_h, 1) if meter.holds else -1.0)
        course.waiting_veh.append(waiting.tolist())
        course.passed_veh.append(passed.tolist())
        course.hold_s.append(meter.hold_s.tolist())

    def _count(self) -> tuple[FloatArray, FloatArray]:
        """Return how many wait before each gate, room or no room, and how many have passed."""
        api = self.api
        try:
            waiting = [
                api.edge.getLastStepVehicleNumber(road.id)
                + len(api.edge.getPendingVehicles(road.id))
                for road in self.roads
            ]
            passed = [
                sum(api.inductionloop.getIntervalVehicleNumber(loop) for loop in road.loops)
                for road in self.roads
            ]
        except Exception as error:
            self._simulation.fail(error)
        return np.array(waiting, np.float64), np.array(passed, np.float64)

    def _show_gates(self, changed: Sequence[bool]) -> None:
        try:
            for road, light, is_new in zip(self.roads, self._lights, changed, strict=True):
                if is_new:
                    self._set_state(road.id, light.light.value * road.lanes)
        except Exception as error:
            self._simulation.fail(error)


def rules_of(metering: Metering) -> MeteringRules:
    """Return the rules of a meter from an environment's data."""
    return MeteringRules(
        metering.setpoint_share * metering.critical_veh,
        proportional_per_h=metering.proportional_per_h,
        integral_per_h=metering.integral_per_h,
        longest_hold_s=metering.longest_hold_s,
    )
