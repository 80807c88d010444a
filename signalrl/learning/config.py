"""What a training run is told, as a typed file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from signalrl.errors import ConfigError
from signalrl.files import Strict, explain, read_model
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.schema import Scenario


class PolicyConfig(Strict):
    """The phase-scoring network."""

    hidden: int = Field(64, ge=1, description="Units of each hidden layer.")
    prior: float = Field(
        1.0,
        description="Weight, at the start, of the greedy score that is added to the logits; "
        "0 starts from chance.",
    )
    switching_cost: float = Field(
        1.0, ge=0, description="Cost of a vehicle cut off, in that greedy score."
    )
    growth: float = Field(
        0.0,
        ge=0,
        description="How much that cost grows from 6 queued vehicles at the signal to 20, by this "
        "many times itself; 4 begins as `greedy-adaptive`.",
    )
    pressure: float = Field(
        0.0,
        ge=0,
        description="Cost of a vehicle that is queued behind the signal, in that greedy score; "
        "with 0 none is counted.",
    )
    averaging: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the average of the weights that each step of the optimiser leaves; "
        "the average is what is exported. 0 exports the last weights.",
    )
    central: bool = Field(
        False,
        description="Whether the critic sees the delay rates of its signal, of those next to it "
        "and of the network, too; the actor never does.",
    )


class PPOConfig(Strict):
    """Proximal policy optimisation (Schulman et al. 2017), as stable-baselines3 has it."""

    gamma: float = Field(0.85, ge=0, lt=1, description="Discount per decision.")
    gae_lambda: float = Field(0.9, ge=0, le=1, description="GAE's lambda.")
    learning_rate: float = Field(5e-4, gt=0, description="At the start.")
    final_learning_rate: float = Field(5e-5, gt=0, description="At the end; falls linearly.")
    clip_range: float = Field(0.2, gt=0, description="PPO's clipping range.")
    ent_coef: float = Field(0.01, ge=0, description="Weight of the entropy bonus.")
    vf_coef: float = Field(0.5, ge=0, description="Weight of the critic's loss.")
    max_grad_norm: float = Field(0.5, gt=0, description="Gradients are clipped to this norm.")
    n_epochs: int = Field(6, ge=1, description="Passes over the rows of an update.")
    batch_size: int = Field(256, ge=2, description="Rows of a minibatch.")
    rows_per_update: int = Field(
        1440,
        ge=2,
        description="Rows (a signal at a decision) collected per update, about: a whole number of "
        "updates makes an episode.",
    )


class TrainConfig(Strict):
    """A training run.

    A row is one decision of one signal: an hour of a network with 8 signals has 5,760 rows.
    """

    scenario: str = Field(description="Name or folder of the scenario.")
    settings: dict[str, Any] = Field(
        {},
        description="Values in place of the scenario's own, such as `{events: {probability: 0}}`.",
    )
    start_from: str | None = Field(
        None,
        description="Folder of a run whose last weights it begins with: for a network or traffic "
        "of one's own, or as the next stage of a curriculum. Without it, it begins with the prior.",
    )
    timesteps: int = Field(ge=1, description="Rows to learn from.")
    workers: int = Field(4, ge=1, description="Simulations side by side.")
    seed: int = Field(
        1, ge=0, le=2**31 - 1, description="Of episodes, initial weights and sampling."
    )
    reward_scale: float = Field(
        0.1, gt=0, description="The reward is minus the delay rate times this."
    )
    neighbours: float = Field(
        0.0, ge=0, description="Weight, in the reward, of the delay rate of each signal next to it."
    )
    checkpoint_every: int = Field(
        1, ge=1, description="Checkpoints are this many episodes of each worker apart."
    )
    policy: PolicyConfig = PolicyConfig()
    ppo: PPOConfig = PPOConfig()

    def load_scenario(self) -> Scenario:
        """Load the scenario with its settings.

        Raises:
            ConfigError: There is none, or the settings don't fit.
        """
        return load_scenario(self.scenario, settings=self.settings)


def load_config(path: Path | str, **overrides: Any) -> TrainConfig:
    """Read a training configuration; overrides that are not None replace its values.

    Raises:
        ConfigError: The file is missing, is no YAML, or has unknown or wrong values.
    """
    config = read_model(TrainConfig, Path(path))
    given = {key: value for key, value in overrides.items() if value is not None}
    try:
        return TrainConfig.model_validate({**config.model_dump(), **given})
    except ValidationError as error:
        raise ConfigError(explain(TrainConfig, given, error)) from error
