"""What a signal program is written for: one episode of one scenario."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from signalrl.network.model import Network
from signalrl.scenario.demand import EpisodeDemand, draw_episode
from signalrl.scenario.schema import Scenario


@dataclass(frozen=True, slots=True)
class Site:
    """An episode for which a program is to be written.

    Attributes:
        scenario: The scenario.
        network: Its signals.
        seed: Decides the traffic of the episode.
        folder: An existing folder to write into; it is dropped after the episode.
    """

    scenario: Scenario
    network: Network
    seed: int
    folder: Path

    def traffic(self) -> EpisodeDemand:
        """Draw the traffic of the episode, the same that will be driven.

        Raises:
            ConfigError: The seed is negative, or files of the scenario are missing.
        """
        folder = self.folder / "traffic"
        folder.mkdir(exist_ok=True)
        return draw_episode(self.scenario, self.seed, folder)
