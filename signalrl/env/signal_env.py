"""The Gymnasium environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from signalrl.control.observation import LIMIT, Observation
from signalrl.env.session import Session
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import Outputs
from signalrl.sumo.process import Backend


class SignalEnv(gymnasium.Env[npt.NDArray[np.float32], Any]):
    """The signals of a scenario under the control of one agent.

    With one signal the action is a phase (``Discrete``) and the observation ``(phases, features)``;
    with several it is a phase each (``MultiDiscrete``) and ``(signals, phases, features)``, padded
    to the most phases. The features are those of :class:`signalrl.control.observation.Feature`,
    scaled, and those of the expected inflow where the scenario asks for it (``forecast``). The
    reward is minus the delay rate of the signals' approaches, in vehicle-seconds per second.
    Episodes truncate at the scenario's horizon.

    A phase that the interlock does not grant is held; ``info["held"]`` says why, per signal.
    ``info["action_mask"]`` says which phases may be requested next.

    Args:
        scenario: Name, Gymnasium id or folder of a scenario, or a loaded one.
        backend: ``"libsumo"``, ``"traci"`` or ``"auto"``.
        outputs: What SUMO records of each episode; nothing by default.

    Raises:
        ConfigError: The scenario is unknown or broken.
        NetworkError: Its network can't be controlled.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  (Gymnasium's own attribute)

    def __init__(
        self,
        scenario: str | Path | Scenario = "single",
        backend: Backend = "auto",
        outputs: Outputs | None = None,
    ) -> None:
        if not isinstance(scenario, Scenario):
            scenario = load_scenario(scenario)
        self.session = Session(scenario, backend=backend, outputs=outputs)
        signals = self.session.network.signals
        self.single = len(signals) == 1
        shape: tuple[int, ...] = (self.session.network.max_phases, len(self.session.features))
        counts = [len(signal.phases) for signal in signals]
        self.action_space: Any = spaces.MultiDiscrete(counts)
        if self.single:
            self.action_space = spaces.Discrete(counts[0])
        else:
            shape = (len(signals), *shape)
        self.observation_space = spaces.Box(0.0, LIMIT, shape, np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Start an episode; without a seed, one is drawn from the last seed's generator."""
        super().reset(seed=seed)
        episode = seed if seed is not None else int(self.np_random.integers(2**31 - 1))
        self._observation = self.session.reset(episode)
        return self._rows(self._observation), {**self._info(), "episode_seed": episode}

    def step(
        self, action: Any
    ) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Request phases and let one decision interval pass."""
        step = self.session.step(np.asarray(action).reshape(-1) if self.single else action)
        observation = self._observation = step.observation
        info = self._info()
        info["held"] = {}
        if step.held:
            signals = self.session.network.signals
            info["held"] = {signals[i].id: why for i, why in step.held}
        reward = -sum(observation.delay_rate.tolist())
        return self._rows(observation), reward, False, step.ended, info

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Return which phases may be requested now: ``(phases,)``, or ``(signals, phases)``."""
        mask = self._observation.requestable  # as it is kept; each caller gets an array of its own
        return mask[0] if self.single else mask.view()

    def close(self) -> None:
        """End SUMO."""
        self.session.close()

    def _rows(self, observation: Observation) -> npt.NDArray[np.float32]:
        rows = observation.scaled()
        return rows[0] if self.single else rows

    def _info(self) -> dict[str, Any]:
        return {"time_s": self._observation.time_s, "action_mask": self.action_masks()}
