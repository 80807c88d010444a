"""Starts one simulated episode of a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from signalrl.errors import ConfigError
from signalrl.network.model import Network
from signalrl.scenario.arming import armed_times
from signalrl.scenario.demand import EpisodeDemand, draw_episode
from signalrl.scenario.event_demand import draw_occasion, load_season
from signalrl.scenario.metering_schema import Metering
from signalrl.scenario.schema import Detectors, Scenario
from signalrl.sumo.faults import Faults
from signalrl.sumo.gates import GateRoad, add_gates
from signalrl.sumo.metered import MeteredPlant
from signalrl.sumo.plant import SumoPlant
from signalrl.sumo.process import Backend, Simulation
from signalrl.sumo.reader import read_network
from signalrl.sumo.ways import read_traffic

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
    metered: bool = False,
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
        metered: Whether the scenario's gates meter inflow. Where the calendar does not arm them,
            the episode is the one without gates.

    Returns:
        The running simulation and the plant on top of it.

    Raises:
        ConfigError: The scenario has no gates.
    """
    armed_s = _armed(scenario, seed) if metered else ()
    network_file, roads = scenario.network_file, list[GateRoad]()
    if armed_s:
        edges = tuple(_metering(scenario).gates.values())
        network_file, loops, roads = add_gates(network_file, edges, folder)
        additional = (*additional, loops)
    demand = draw_episode(scenario, seed, folder, entries={r.edge: r.id for r in roads})
    if outputs is not None and outputs.details:
        additional = (*additional, _record_edges(outputs, folder))
    options = sumo_options(scenario, additional, network_file) + demand_options(demand)
    if outputs is not None:
        options += _recording(outputs)
    faults = None
    if scenario.detectors != Detectors():
        faults = Faults(scenario.detectors, len(network.lanes), seed)
    simulation = Simulation(options, backend)
    try:
        if not armed_s:
            return simulation, SumoPlant(simulation, network, scenario.end_s, faults=faults)
        at = simulation, network, scenario.end_s
        return simulation, MeteredPlant(
            *at, roads, _metering(scenario), armed_s, demand.drawn_files, faults
        )
    except BaseException:
        simulation.close()
        raise


def sumo_options(
    scenario: Scenario, additional: tuple[Path, ...] = (), network_file: Path | None = None
) -> list[str]:
    """Return what SUMO has to be told of a scenario, all but its demand.

    Args:
        scenario: The scenario.
        additional: Further SUMO files.
        network_file: A network in place of the scenario's own.
    """
    sumo = scenario.sumo
    files = [*scenario.additional_files, *additional]
    options = [
        *("--net-file", str(network_file or scenario.network_file)),
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


def demand_options(demand: EpisodeDemand) -> list[str]:
    """Return what SUMO has to be told of the demand of an episode."""
    options = ["--route-files", ",".join(str(path) for path in demand.route_files)]
    options += ["--seed", str(demand.sumo_seed)]
    if demand.scale != 1.0:
        options += ["--scale", repr(demand.scale)]
    return options


def _metering(scenario: Scenario) -> Metering:
    if scenario.metering is None:
        raise ConfigError(
            f"{scenario.name}: expected an environment with gates (the key metering), got one "
            "without; see docs/metering.md on how to add them"
        )
    return scenario.metering


def _armed(scenario: Scenario, seed: int) -> tuple[tuple[float, float], ...]:
    """Return when gates may begin to hold: always, where no calendar tells who comes when."""
    metering = _metering(scenario)
    if scenario.events is None:
        return ((scenario.begin_s, scenario.end_s),)
    season = load_season(scenario)
    occasion = draw_occasion(scenario, season, seed)
    recorded_s = [trip.depart_s for trip, _ in read_traffic(scenario)] if scenario.routes else []
    spans = armed_times(scenario, season, occasion, metering.diagram, recorded_s)
    return tuple(span for span in spans if span[0] < scenario.end_s and span[1] > scenario.begin_s)


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
