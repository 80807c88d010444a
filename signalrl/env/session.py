"""A scenario that can be run episode after episode: what every environment is a face of."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy.typing as npt

from signalrl.control.loop import ControlLoop, Step
from signalrl.control.observation import Observation
from signalrl.errors import ConfigError
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
        metered: Whether the scenario's gates meter inflow.

    Attributes:
        network: The signals and lanes.
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
        metered: bool = False,
    ) -> None:
        self.scenario, self._backend, self._outputs = scenario, backend, outputs
        self._additional, self._metered = additional, metered
        self.network = network if network is not None else scenario_network(scenario)
        self.loop = ControlLoop(self.network, scenario.timing, scenario.decision_interval_s)
        self._folder = tempfile.TemporaryDirectory(prefix="signalrl-")
        self._simulation: Simulation | None = None

    def reset(self, seed: int) -> Observation:
        """Start a new episode; the seed decides demand and driving."""
        return self.loop.reset(self.start(seed))

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
