"""SUMO as a plant: sets signal states, lets time pass, reads every lane once per decision."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from signalrl.control.interlock import Change
from signalrl.control.measurement import COLUMNS, FloatArray, Measurement
from signalrl.network.model import Network
from signalrl.sumo.detectors import LaneReader
from signalrl.sumo.faults import Faults
from signalrl.sumo.process import Simulation
from signalrl.sumo.zones import DETECTION_RANGE_M


class SumoPlant:
    """A running simulation behind the plant interface.

    Vehicles are read where a detector would see them and added up at once; nothing about a single
    vehicle leaves :meth:`measure`.

    Args:
        simulation: A started SUMO.
        network: The signals and lanes.
        end_s: The horizon.
        faults: What falsifies the readings, if anything does.

    Attributes:
        time_s: Simulated time in s.
    """

    def __init__(
        self,
        simulation: Simulation,
        network: Network,
        end_s: float,
        faults: Faults | None = None,
    ) -> None:
        self._faults = faults
        self._simulation, self.api = simulation, simulation.api
        self._signals = [signal.id for signal in network.signals]
        self._end_s = end_s
        self.time_s = float(self.api.simulation.getTime())
        # Without the Python functions around them: the first looks for listeners that nobody adds.
        inner, api = simulation.inner, self.api
        self._step = getattr(inner, "simulation_step", api.simulationStep)
        self._set_state = getattr(
            inner,
            "trafficlight_setRedYellowGreenState",
            api.trafficlight.setRedYellowGreenState,
        )
        self._state_of = self.api.trafficlight.getRedYellowGreenState
        self._values: FloatArray = np.zeros((len(network.lanes), COLUMNS), dtype=np.float32)
        self._reader = LaneReader(simulation, network, DETECTION_RANGE_M)

    @property
    def ended(self) -> bool:
        """Whether the horizon is reached."""
        return self.time_s >= self._end_s

    def show(self, changes: Iterable[Change]) -> None:
        """Set signal states.

        Raises:
            SimulationError: SUMO failed.
        """
        try:
            for signal, state in changes:
                self._set_state(self._signals[signal], state)
        except Exception as error:
            self._simulation.fail(error)

    def shown(self) -> list[str]:
        """Return the state that each signal shows, whoever set it.

        Raises:
            SimulationError: SUMO failed.
        """
        try:
            return [str(self._state_of(signal)) for signal in self._signals]
        except Exception as error:
            self._simulation.fail(error)

    def advance(self, time_s: float) -> None:
        """Simulate until ``time_s``.

        Raises:
            SimulationError: SUMO failed.
        """
        if time_s > self.time_s:
            try:
                self._step(time_s)
            except Exception as error:
                self._simulation.fail(error)
            self.time_s = time_s

    def measure(self) -> Measurement:
        """Read every detector once. The array is overwritten by the next reading.

        Raises:
            SimulationError: SUMO failed.
        """
        try:
            self._reader.read(self._values)
        except Exception as error:
            self._simulation.fail(error)
        if self._faults is not None:
            self._faults.apply(self._values)
        return Measurement(self.time_s, self._values)
