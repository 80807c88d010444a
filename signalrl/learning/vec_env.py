"""The worker pool as a vectorised environment of stable-baselines3."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from signalrl.control.observation import LIMIT
from signalrl.env.pool import EpisodeEnd, WorkerPool


class SignalVecEnv(VecEnv):
    """Workers times signals rows that share one policy.

    Args:
        pool: The workers.
        reward_scale: The reward is minus the delay rate times this.
        neighbours: Weight of the delay rate of each signal next to one, beside its own.

    Attributes:
        on_episode: Called for every episode that ends; set it to keep a learning curve.
    """

    def __init__(
        self, pool: WorkerPool, reward_scale: float = 1.0, neighbours: float = 0.0
    ) -> None:
        self.pool, self._reward_scale = pool, reward_scale
        self._around = np.float32(neighbours) * pool.network.adjacent
        self.on_episode: Callable[[EpisodeEnd], None] = lambda end: None
        phases = pool.network.max_phases
        super().__init__(
            pool.rows,
            spaces.Box(0.0, LIMIT, (phases, pool.features), np.float32),
            spaces.Discrete(phases),
        )

    def reset(self) -> npt.NDArray[np.float32]:
        """Begin new episodes."""
        return self.pool.reset()

    def step_async(self, actions: npt.NDArray[np.int64]) -> None:
        """Start a step."""
        self.pool.send(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Finish a step; rows whose episode ended are truncated and begin anew."""
        observations, delay_rates, ends = self.pool.receive()
        dones = np.zeros(self.num_envs, dtype=np.bool_)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for end in ends:
            first = end.worker * len(end.final)
            for i, final in enumerate(end.final):
                dones[first + i] = True
                infos[first + i] = {"terminal_observation": final, "TimeLimit.truncated": True}
            self.on_episode(end)
        if self._around.any():
            own = delay_rates.reshape(-1, len(self._around))
            delay_rates = (own + own @ self._around).ravel()
        return observations, delay_rates * -self._reward_scale, dones, infos

    def close(self) -> None:
        """End the workers."""
        self.pool.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the pool, once per row."""
        value = None if attr_name == "render_mode" else getattr(self.pool, attr_name)
        return [value] * len(self._indices(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the pool, which all rows share."""
        setattr(self.pool, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the pool once; every row gets the answer."""
        answer = getattr(self.pool, method_name)(*method_args, **method_kwargs)
        return [answer] * len(self._indices(indices))

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """No row is wrapped."""
        return [False] * len(self._indices(indices))

    def _indices(self, indices: int | Iterable[int] | None) -> Sequence[int]:
        if indices is None:
            return range(self.num_envs)
        return [indices] if isinstance(indices, int) else list(indices)
