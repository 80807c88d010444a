"""The PettingZoo environment: one agent per signal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from pettingzoo import ParallelEnv

from signalrl.control.observation import LIMIT, Observation
from signalrl.env.session import Session
from signalrl.errors import ConfigError
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import Outputs
from signalrl.sumo.process import Backend


class SignalParallelEnv(ParallelEnv):  # type: ignore[misc]  # PettingZoo is untyped here
    """The signals of a scenario, each an agent that sees and earns for itself.

    Agents are the ids of the signals. An observation is ``(phases, features)``, padded to the most
    phases of any signal, so that one policy serves all; an action is a phase of the signal. The
    reward is minus the delay rate of the signal's own approaches. ``infos[agent]["action_mask"]``
    says which of its phases may be requested next, ``["held"]`` why a request was not granted. See
    :class:`signalrl.env.SignalEnv` for the arguments.
    """

    metadata: dict[str, Any] = {"name": "signalrl_v0", "render_modes": []}  # noqa: RUF012  (theirs)

    def __init__(
        self,
        scenario: str | Path | Scenario = "single",
        backend: Backend = "auto",
        outputs: Outputs | None = None,
    ) -> None:
        if not isinstance(scenario, Scenario):
            scenario = load_scenario(scenario)
        self.session = Session(scenario, backend=backend, outputs=outputs)
        network = self.session.network
        self.possible_agents = [signal.id for signal in network.signals]
        self.agents: list[str] = []
        self.render_mode = None
        shape = (network.max_phases, len(self.session.features))
        self.observation_spaces = {
            agent: spaces.Box(0.0, LIMIT, shape, np.float32) for agent in self.possible_agents
        }
        self.action_spaces = {
            signal.id: spaces.Discrete(len(signal.phases)) for signal in network.signals
        }
        self._random = np.random.default_rng()

    def observation_space(self, agent: str) -> spaces.Box:
        """Return the observation space of a signal."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Discrete[Any]:
        """Return the action space of a signal."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, dict[str, Any]]]:
        """Start an episode; without a seed, one is drawn."""
        if seed is not None:
            self._random = np.random.default_rng(seed)
        episode = seed if seed is not None else int(self._random.integers(2**31 - 1))
        self.agents = list(self.possible_agents)
        observation = self.session.reset(episode)
        infos = self._infos(observation)
        for info in infos.values():
            info["episode_seed"] = episode
        return self._split(observation), infos

    def step(
        self, actions: dict[str, int]
    ) -> tuple[
        dict[str, npt.NDArray[np.float32]],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Request a phase per signal and let one decision interval pass."""
        agents = self.possible_agents
        if missing := [agent for agent in agents if agent not in actions]:
            raise ConfigError(
                f"expected a phase for each of {len(agents)} signals, got none for {missing[0]!r}; "
                "give one to every agent"
            )
        step = self.session.step([actions[agent] for agent in agents])
        observation = step.observation
        rewards = {a: -float(r) for a, r in zip(agents, observation.delay_rate, strict=True)}
        infos = self._infos(observation)
        for i, why in step.held:
            infos[agents[i]]["held"] = why
        if step.ended:
            self.agents = []
        return (
            self._split(observation),
            rewards,
            dict.fromkeys(agents, False),
            dict.fromkeys(agents, step.ended),
            infos,
        )

    def close(self) -> None:
        """End SUMO."""
        self.session.close()

    def _split(self, observation: Observation) -> dict[str, npt.NDArray[np.float32]]:
        return dict(zip(self.possible_agents, observation.scaled(), strict=True))

    def _infos(self, observation: Observation) -> dict[str, dict[str, Any]]:
        infos: dict[str, dict[str, Any]] = {}
        for agent, mask in zip(self.possible_agents, observation.requestable, strict=True):
            own = mask[: self.action_spaces[agent].n].copy()
            infos[agent] = {"time_s": observation.time_s, "action_mask": own, "held": None}
        return infos
