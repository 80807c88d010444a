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
from signalrl.learning.network import CENTRAL

FloatArray = npt.NDArray[np.float32]

DELAY_SCALE = 20.0
"""Scale of the delay rates that a central critic sees."""


class SignalVecEnv(VecEnv):
    """Workers times signals rows that share one policy.

    Args:
        pool: The workers.
        reward_scale: The reward is minus the delay rate times this.
        neighbours: Weight of the delay rate of each signal next to one, beside its own.
        central: Whether observations end with the delay rates of the signal, of those next to it
            and of the mean signal of the network, for a critic that sees more than the actor does.

    Attributes:
        on_episode: Called for every episode that ends; set it to keep a learning curve.
    """

    def __init__(
        self,
        pool: WorkerPool,
        reward_scale: float = 1.0,
        neighbours: float = 0.0,
        central: bool = False,
    ) -> None:
        self.pool, self._reward_scale, self._central = pool, reward_scale, central
        self._around = np.float32(neighbours) * pool.network.adjacent
        self.on_episode: Callable[[EpisodeEnd], None] = lambda end: None
        phases = pool.network.max_phases
        super().__init__(
            pool.rows,
            spaces.Box(
                0.0,
                np.inf if central else LIMIT,
                (phases, pool.features + CENTRAL * central),
                np.float32,
            ),
            spaces.Discrete(phases),
        )

    def reset(self) -> npt.NDArray[np.float32]:
        """Begin new episodes."""
        context = self._context(np.zeros(self.num_envs, np.float32))
        return _joined(self.pool.reset(), context)

    def step_async(self, actions: npt.NDArray[np.int64]) -> None:
        """Start a step."""
        self.pool.send(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Finish a step; rows whose episode ended are truncated and begin anew."""
        observations, delay_rates, ends = self.pool.receive()
        context = self._context(delay_rates)
        dones = np.zeros(self.num_envs, dtype=np.bool_)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for end in ends:
            rows = slice(end.worker * len(end.final), (end.worker + 1) * len(end.final))
            dones[rows] = True
            for i, final in zip(
                range(rows.start, rows.stop), _joined(end.final, context[rows]), strict=True
            ):
                infos[i] = {"terminal_observation": final, "TimeLimit.truncated": True}
            context[rows] = 0.0  # the next episode begins with empty streets
            self.on_episode(end)
        if self._around.any():
            own = delay_rates.reshape(-1, len(self._around))
            delay_rates = (own + own @ self._around).ravel()
        return _joined(observations, context), delay_rates * -self._reward_scale, dones, infos

    def _context(self, delay_rates: FloatArray) -> FloatArray:
        """Return what only the critic sees, ``(rows, CENTRAL)``, or ``(rows, 0)``."""
        if not self._central:
            return np.zeros((len(delay_rates), 0), np.float32)
        adjacent = self.pool.network.adjacent
        own = delay_rates.reshape(-1, len(adjacent)) / np.float32(DELAY_SCALE)
        around, mean = own @ adjacent, own.mean(axis=1, keepdims=True)
        seen = np.stack([own, around, np.broadcast_to(mean, own.shape)], axis=2)
        return seen.reshape(-1, CENTRAL).astype(np.float32)

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


def _joined(observations: FloatArray, context: FloatArray) -> FloatArray:
    """Return observations ``(rows, phases, features)`` with the same columns behind each phase."""
    if not context.shape[1]:
        return observations
    repeated = np.repeat(context[:, None], observations.shape[1], axis=1)
    return np.concatenate([observations, repeated], axis=2)
