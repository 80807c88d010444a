"""The phase-scoring network as a policy of stable-baselines3."""

from __future__ import annotations

import copy
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor

from signalrl.learning.network import CENTRAL, PhaseCritic, PhaseScorer

STRUCTURE = ("hidden", "growth", "pressure", "central")
"""What of a policy is given, not learned: weights of one fit another only where these agree."""


class PhaseScoringPolicy(BasePolicy):
    """Actor and critic over ``(phases, features)`` rows, with the masks of the observation.

    Args:
        observation_space: ``(phases, features)``.
        action_space: ``Discrete(phases)``.
        lr_schedule: Learning rate over the remaining progress.
        hidden: Units of each hidden layer.
        prior: Weight of the greedy score at the start.
        switching_cost: Cost of a vehicle cut off in the greedy score.
        growth: How much that cost grows with the queue.
        pressure: Cost of a vehicle queued behind the signal in the greedy score.
        averaging: Share of the moving average of the actor's weights that each step of the
            optimiser leaves; 0 keeps no average.
        central: Whether the last columns of the observation are for the critic alone.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete[Any],
        lr_schedule: Schedule,
        hidden: int = 64,
        prior: float = 1.0,
        switching_cost: float = 1.0,
        growth: float = 0.0,
        pressure: float = 0.0,
        averaging: float = 0.0,
        central: bool = False,
        use_sde: bool = False,  # PPO passes it
    ) -> None:
        super().__init__(observation_space, action_space)
        greedy = {
            "prior": prior,
            "switching_cost": switching_cost,
            "growth": growth,
            "pressure": pressure,
        }
        self._settings = {"hidden": hidden, **greedy, "averaging": averaging, "central": central}
        assert observation_space.shape is not None
        features = observation_space.shape[-1]
        self._actor_sees = features - CENTRAL * central
        self.scorer = PhaseScorer(hidden, **greedy, features=self._actor_sees)
        self.critic = PhaseCritic(hidden, features)
        phases = int(action_space.n)
        self.action_dist = CategoricalDistribution(phases)
        self.optimizer = torch.optim.Adam(self.parameters(), lr=lr_schedule(1), eps=1e-5)
        self._averaging = averaging
        self.average: PhaseScorer | None = None
        if averaging:
            self.average = copy.deepcopy(self.scorer).requires_grad_(False)
            self.optimizer.register_step_post_hook(self._update_average)

    @property
    def structure(self) -> dict[str, Any]:
        """What of it is given, not learned."""
        return {key: self._settings[key] for key in STRUCTURE}

    @property
    def learned(self) -> PhaseScorer:
        """The actor that leaves the training: the average where one is kept."""
        return self.scorer if self.average is None else self.average

    def begin_as(self, other: PhaseScoringPolicy) -> None:
        """Begin with what another policy has learned: the actor that leaves it, and its critic."""
        self.scorer.load_state_dict(other.learned.state_dict())
        self.critic.load_state_dict(other.critic.state_dict())
        if self.average is not None:
            self.average.load_state_dict(self.scorer.state_dict())

    def forward(
        self, observation: Tensor, deterministic: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return actions, values and log probabilities."""
        distribution = self.get_distribution(observation)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, self.critic(observation), distribution.log_prob(actions)

    def get_distribution(self, observation: PyTorchObs) -> CategoricalDistribution:
        """Return the distribution over phases."""
        assert isinstance(observation, Tensor)
        seen = observation[:, :, : self._actor_sees]
        return self.action_dist.proba_distribution(self.scorer(seen))

    def evaluate_actions(
        self, observation: Tensor, actions: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return values, log probabilities of actions, and entropies."""
        distribution = self.get_distribution(observation)
        values = self.critic(observation)
        return values, distribution.log_prob(actions), distribution.entropy()

    def predict_values(self, observation: PyTorchObs) -> Tensor:
        """Return values ``(rows, 1)``."""
        values: Tensor = self.critic(observation)
        return values

    def reset_noise(self, n_envs: int = 1) -> None:
        """Do nothing: there is no state-dependent noise."""

    def _update_average(self, *_: Any) -> None:
        assert self.average is not None
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.scorer.parameters(), strict=True):
                mean.lerp_(now, 1.0 - self._averaging)

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        return self.get_distribution(observation).get_actions(deterministic=deterministic)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        data = super()._get_constructor_parameters()
        data.update(self._settings, lr_schedule=lambda _: 0.0)
        return data
