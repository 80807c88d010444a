"""Chooses what to record of an episode: the busiest signal, and the busiest corridor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from signalrl.network.model import Network
from signalrl.scenario.demand import draw_episode
from signalrl.scenario.schema import Scenario
from signalrl.sumo.corridor import find_corridor
from signalrl.sumo.reader import load_net
from signalrl.sumo.recording import Recording, write_recording
from signalrl.sumo.roads import busiest_signal
from signalrl.sumo.traffic import traffic_by_edge


def watch_busiest(
    scenario: Scenario,
    network: Network,
    seed: int,
    folder: Path,
    *,
    native: bool,
    additional: Sequence[Path] = (),
) -> Recording:
    """Prepare the record of the signal, and of the corridor, that most vehicles want to pass.

    What is chosen follows from the scenario and the seed alone, so that it is the same for every
    controller. Give ``Recording.additional`` to SUMO, and call
    :func:`signalrl.sumo.recording.read_recording` when the episode is over and SUMO has ended.

    Args:
        scenario: What is simulated.
        network: Its network.
        seed: Of the episode.
        folder: Existing folder for the files; nothing else may lie there under their names.
        native: Whether SUMO's programs run, rather than our control loop.
        additional: Files whose programs replace those of the scenario.
    """
    net = load_net(scenario.network_file)
    demand = draw_episode(scenario, seed, folder)
    traffic = traffic_by_edge(net, demand.route_files, scenario.begin_s, scenario.end_s)
    return write_recording(
        net,
        network,
        busiest_signal(net, network, traffic),
        folder,
        corridor=find_corridor(net, network, traffic),
        rules=None if native else scenario.timing,
        additional=(*scenario.additional_files, *additional),
    )
