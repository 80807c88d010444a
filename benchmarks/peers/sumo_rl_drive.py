"""Drives one episode with a policy of the peer; runs in the peer's environment.

SUMO writes its own record of all vehicles to a folder. What comes of it is for others to measure.
``random`` and ``hold`` (each signal stays in its first phase) are no policies: with them one sees
that the measure responds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.utils import set_random_seed
from sumo_rl_map import load_map, make_env

Decide = Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]
"""From what the signals see, a row each, to a phase each."""


def controller(name: str, checkpoint: Path | None, sampled: bool, phases: list[int]) -> Decide:
    """Return what decides, given the number of phases of each signal."""
    if name == "hold":
        return lambda seen: np.zeros(len(phases), np.int64)
    if name == "random":
        random = np.random.default_rng(0)
        return lambda seen: random.integers(phases)
    model = {"ppo": PPO, "dqn": DQN}[name].load(checkpoint, device="cpu")
    return lambda seen: model.predict(seen, deterministic=not sampled)[0]


def main() -> None:
    """Drive the episode."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--map", type=Path, required=True)
    parser.add_argument("--policy", choices=("ppo", "dqn", "random", "hold"), required=True)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--sampled", action="store_true", help="draw actions, not the likeliest")
    parser.add_argument("--sumo-seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="an existing folder")
    args = parser.parse_args()
    set_random_seed(args.sumo_seed)  # for sampled actions
    about = load_map(args.map)
    outputs = (
        f"--end {about['end_s']} --tripinfo-output {args.out / 'tripinfo.xml'} "
        "--tripinfo-output.write-unfinished --tripinfo-output.write-undeparted "
        f"--statistic-output {args.out / 'statistic.xml'}"
    )
    env = make_env(about, args.sumo_seed, outputs)
    signals = env.possible_agents
    phases = [int(env.action_space(signal).n) for signal in signals]
    decide = controller(args.policy, args.checkpoint, args.sampled, phases)
    seen, _ = env.reset()
    while env.agents:
        chosen = decide(np.stack([seen[signal] for signal in signals]))
        seen, *_ = env.step({s: int(c) for s, c in zip(signals, chosen, strict=True)})
    env.close()


if __name__ == "__main__":
    main()
