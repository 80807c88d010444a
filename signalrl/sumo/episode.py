"""Starts one simulated episode of a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from signalrl.network.model import Network
from signalrl.scenario.demand import draw_episode
from signalrl.scenario.schema import Detectors, Scenario
from signalrl.sumo.faults import Faults
from signalrl.sumo.plant import SumoPlant
from signalrl.sumo.process import Backend, Simulation
from signalrl.sumo.reader import read_network

EDGE_PERIOD_S = 300.0
"""How often the record of the edges begins anew."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where SUMO writes its own record of an episode.

    Attributes:
        folder: An existing folder; ``tripinfo.xml`` and ``statistic.xml`` are written there.
        details: Whether to record emissions, and the edges every five minutes, in ``edges.xml``;
            that makes a simulation some 10 to 20 % slower.
    """

    folder: Path
    details: bool = False

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
        """What happened on each edge, every five minutes."""
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
    if outputs is not None and outputs.details:
        additional = (*additional, _record_edges(outputs, folder))
    options = sumo_options(scenario, additional)
    options += ["--route-files", ",".join(str(path) for path in demand.route_files)]
    options += ["--seed", str(demand.sumo_seed)]
    if demand.scale != 1.0:
        options += ["--scale", repr(demand.scale)]
    if outputs is not None:
        options += _recording(outputs)
    faults = None
    if scenario.detectors != Detectors():
        faults = Faults(scenario.detectors, len(network.lanes), seed)
    simulation = Simulation(options, backend)
    try:
        return simulation, SumoPlant(simulation, network, scenario.end_s, faults=faults)
    except BaseException:
        simulation.close()
        raise


def sumo_options(scenario: Scenario, additional: tuple[Path, ...] = ()) -> list[str]:
    """Return what SUMO has to be told of a scenario, all but its demand."""
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
    if outputs.details:
        options += ["--device.emissions.probability", "1"]
    return options


def _record_edges(outputs: Outputs, folder: Path) -> Path:
    """Write the additional file that makes SUMO record its edges."""
    path = folder / "edges.add.xml"
    target = quoteattr(str(outputs.edge_data.resolve()))
    path.write_text(
        f'<additional><edgeData id="edges" file={target} period="{EDGE_PERIOD_S:g}"'
        ' excludeEmpty="true"/></additional>\n',
        encoding="utf-8",
    )
    return path
