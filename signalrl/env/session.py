"""A scenario that can be run episode after episode: what every environment is a face of."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy.typing as npt

from signalrl.control.inflow import ExpectedInflow
from signalrl.control.loop import ControlLoop, Step
from signalrl.control.observation import Observation, feature_names
from signalrl.errors import ConfigError
from signalrl.forecast.inflow import InflowForecast
from signalrl.network.model import Network
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import Outputs, scenario_network, start_episode
from signalrl.sumo.plant import SumoPlant
from signalrl.sumo.process import Backend, Simulation


class Session:
    """Runs episodes of a scenario in SUMO under the control loop.

    Args:
        scenario: What to run.
        backend: libsumo, traci or auto.
        network: The scenario's network where it has been read already.
        outputs: What SUMO records of each episode; nothing by default.
        additional: Further SUMO files, such as programs that replace the stored ones.
        forecasts: Existing folder in which forecasts for this scenario are left and found; one of
            its own by default.
        metered: Whether the scenario's gates meter inflow.

    Attributes:
        network: The signals and lanes.
        features: Names of the features of a phase, as the scaled observations have them.
        loop: The control loop of the current episode.
        plant: The simulation of the current episode.
    """

    plant: SumoPlant

    def __init__(
        self,
        scenario: Scenario,
        *,
        backend: Backend = "auto",
        network: Network | None = None,
        outputs: Outputs | None = None,
        additional: tuple[Path, ...] = (),
        forecasts: Path | None = None,
        metered: bool = False,
    ) -> None:
        self.scenario, self._backend, self._outputs = scenario, backend, outputs
        self._additional, self._metered = additional, metered
        self.network = network if network is not None else scenario_network(scenario)
        self.loop = ControlLoop(self.network, scenario.timing, scenario.decision_interval_s)
        self._folder = tempfile.TemporaryDirectory(prefix="signalrl-")
        self._simulation: Simulation | None = None
        self._inflow: InflowForecast | None = None
        self.features = feature_names(scenario.forecast.inflow)
        if scenario.forecast.inflow:
            folder = forecasts or Path(self._folder.name)
            self._inflow = InflowForecast(scenario, self.network, folder)

    def reset(self, seed: int) -> Observation:
        """Start a new episode; the seed decides demand and driving."""
        expected = self.expected_inflow(seed)
        return self.loop.reset(self.start(seed), expected)

    def expected_inflow(self, seed: int) -> ExpectedInflow | None:
        """Return what the calendar leads to expect; None where observations do without."""
        return None if self._inflow is None else self._inflow.of(seed)

    def start(self, seed: int) -> SumoPlant:
        """Start a new episode and leave the signals to SUMO's programs: nobody steps it here."""
        self.stop()
        self._simulation, self.plant = start_episode(
            self.scenario,
            self.network,
            seed,
            Path(self._folder.name),
            backend=self._backend,
            outputs=self._outputs,
            additional=self._additional,
            metered=self._metered,
        )
        return self.plant

    def step(self, phases: npt.ArrayLike) -> Step:
        """Request a phase per signal and let one decision interval pass.

        Raises:
            ConfigError: There is no episode: reset first.
        """
        if self._simulation is None:
            raise ConfigError("expected a running episode, got none; call reset first")
        return self.loop.step(phases)

    def stop(self) -> None:
        """End the episode, so that SUMO writes its outputs."""
        if self._simulation is not None:
            self._simulation.close()
            self._simulation = None

    def close(self) -> None:
        """End everything; may be called twice."""
        self.stop()
        self._folder.cleanup()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
