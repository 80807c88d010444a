"""Trains sumo-rl's documented PPO or DQN on a map for a time; runs in the peer's environment.

The hyperparameters are those of sumo-rl's own examples, which it publishes as
``experiments/sb3_grid4x4.py`` (PPO, one policy for all signals) and
``experiments/dqn_2way-single-intersection.py`` (DQN, one signal; here one policy for all, too).
Two simulations run side by side, as in the first; each has a process of its own, which libsumo
needs and which is faster on two cores.

A checkpoint is saved at the first step after each mark. The clock starts with the learning:
imports and the start of processes do not count, SUMO's starts and saving checkpoints do.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import supersuit
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecMonitor
from sumo_rl_map import load_map, make_env

SIMULATIONS = 2
FOREVER = 10**9
EXPLORING = 10_000
"""Rows over which the example's DQN lowers its exploration: a tenth of its 100,000."""
EXAMPLES: dict[str, tuple[type[BaseAlgorithm], dict[str, Any]]] = {
    "ppo": (
        PPO,
        {
            "gamma": 0.95,
            "n_steps": 256,
            "ent_coef": 0.0905168,
            "learning_rate": 0.00062211,
            "vf_coef": 0.042202,
            "max_grad_norm": 0.9,
            "gae_lambda": 0.99,
            "n_epochs": 5,
            "clip_range": 0.3,
            "batch_size": 256,
        },
    ),
    "dqn": (
        DQN,
        {
            "learning_rate": 0.001,
            "learning_starts": 0,
            "train_freq": 1,
            "target_update_interval": 500,
            "exploration_initial_eps": 0.05,
            "exploration_final_eps": 0.01,
            "exploration_fraction": EXPLORING / FOREVER,
        },
    ),
}


class Keeper(BaseCallback):
    """Saves a checkpoint at each mark and ends the training at the last one."""

    def __init__(self, out: Path, marks_s: list[float]) -> None:
        super().__init__()
        self._out, self._marks_s, self._began = out, marks_s, time.monotonic()
        self._count = 0

    def _on_step(self) -> bool:
        wall_s = time.monotonic() - self._began
        if wall_s < self._marks_s[0]:
            return True
        self.model.save(self._out / f"{self._count:02d}.zip")
        about = {"wall_s": round(wall_s, 2), "rows": self.num_timesteps}
        (self._out / f"{self._count:02d}.json").write_text(json.dumps(about) + "\n")
        self._count += 1
        self._marks_s = [mark for mark in self._marks_s if mark > wall_s]
        return bool(self._marks_s)


def main() -> None:
    """Train until the last mark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--map", type=Path, required=True)
    parser.add_argument("--algorithm", choices=sorted(EXAMPLES), required=True)
    parser.add_argument("--marks-s", type=float, nargs="+", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    set_random_seed(args.seed)
    env = supersuit.pettingzoo_env_to_vec_env_v1(make_env(load_map(args.map)))
    env = supersuit.concat_vec_envs_v1(
        env, SIMULATIONS, num_cpus=SIMULATIONS, base_class="stable_baselines3"
    )
    kind, settings = EXAMPLES[args.algorithm]
    model = kind("MlpPolicy", VecMonitor(env), device="cpu", **settings)
    args.out.mkdir(parents=True, exist_ok=True)
    model.learn(FOREVER, callback=Keeper(args.out, sorted(args.marks_s)))
    env.close()


if __name__ == "__main__":
    main()
