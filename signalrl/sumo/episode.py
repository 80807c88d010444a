"""Starts one simulated episode of a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from signalrl.network.model import Network
from signalrl.scenario.demand import draw_episode
from signalrl.scenario.schema import Scenario
from signalrl.sumo.plant import SumoPlant
from signalrl.sumo.process import Backend, Simulation
from signalrl.sumo.reader import read_network


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where SUMO writes its own record of an episode.

    Attributes:
        folder: An existing folder; ``tripinfo.xml``, ``statistic.xml`` and, on request,
            ``edges.xml`` are written there.
        edges: Whether to write delay per edge.
    """

    folder: Path
    edges: bool = False

    @property
    def tripinfo(self) -> Path:
        """One row per vehicle, unfinished and never-inserted ones included."""
        return self.folder / "tripinfo.xml"

    @property
    def statistic(self) -> Path:
        """Counts of teleports, collisions and so on."""
        return self.folder / "statistic.xml"

    @property
    def edge_data(self) -> Path:
        """Delay and speed per edge over the whole episode."""
        return self.folder / "edges.xml"


def scenario_network(scenario: Scenario) -> Network:
    """Read the network of a scenario with the signals that it selects."""
    signals = None if scenario.signals == "all" else scenario.signals
    return read_network(scenario.network_file, signals, scenario.additional_files)


def start_episode(
    scenario: Scenario,
    network: Network,
    seed: int,
    folder: Path,
    *,
    backend: Backend = "auto",
    outputs: Outputs | None = None,
    additional: tuple[Path, ...] = (),
) -> tuple[Simulation, SumoPlant]:
    """Draw the demand of an episode and start SUMO on it.

    Args:
        scenario: What to simulate.
        network: Its network.
        seed: Decides everything that is random.
        folder: Existing folder for generated routes.
        backend: libsumo, traci or auto.
        outputs: What SUMO records; nothing by default.
        additional: Further SUMO files, such as programs that replace the stored ones.

    Returns:
        The running simulation and the plant on top of it.
    """
    demand = draw_episode(scenario, seed, folder)
    options = _options(scenario, additional)
    options += ["--route-files", ",".join(str(path) for path in demand.route_files)]
    options += ["--seed", str(demand.sumo_seed)]
    if demand.scale != 1.0:
        options += ["--scale", repr(demand.scale)]
    if outputs is not None:
        options += _recording(outputs)
    simulation = Simulation(options, backend)
    try:
        return simulation, SumoPlant(simulation, network, scenario.end_s)
    except BaseException:
        simulation.close()
        raise


def _options(scenario: Scenario, additional: tuple[Path, ...]) -> list[str]:
    sumo = scenario.sumo
    files = [*scenario.additional_files, *additional]
    options = [
        *("--net-file", str(scenario.network_file)),
        *("--begin", str(scenario.begin_s)),
        *("--end", str(scenario.end_s)),
        *("--step-length", str(sumo.step_length_s)),
        *("--time-to-teleport", str(sumo.time_to_teleport_s)),
        "--no-step-log",
        "--no-warnings",
        "--duration-log.disable",
    ]
    if sumo.ignore_junction_blocker_s is not None:
        options += ["--ignore-junction-blocker", str(sumo.ignore_junction_blocker_s)]
    if files:
        options += ["--additional-files", ",".join(str(path) for path in files)]
    return [*options, *sumo.options]


def _recording(outputs: Outputs) -> list[str]:
    options = [
        *("--tripinfo-output", str(outputs.tripinfo)),
        "--tripinfo-output.write-unfinished",
        "--tripinfo-output.write-undeparted",
        *("--statistic-output", str(outputs.statistic)),
    ]
    if outputs.edges:
        options += ["--edgedata-output", str(outputs.edge_data)]
    return options
