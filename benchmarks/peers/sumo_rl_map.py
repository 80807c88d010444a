"""A map of ours as sumo-rl's parallel environment; runs in the peer's virtual environment.

Everything that decides about its learning is sumo-rl's default: observation, reward, 5 s between
decisions, 5 s of minimum green. What the map fixes for everybody comes from a file: network,
routes, times, yellow, and the options of SUMO.
"""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any


def load_map(path: Path) -> dict[str, Any]:
    """Read what ``compare.py`` wrote about a map."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def make_env(about: dict[str, Any], seed: int | str = "random", options: str = "") -> Any:
    """Return the map as a PettingZoo parallel environment, padded to one shape for all signals.

    Args:
        about: The map, from :func:`load_map`.
        seed: SUMO's seed; drawn anew for each episode by default.
        options: Further options of SUMO.
    """
    spec = importlib.util.find_spec("sumo")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("expected the package eclipse-sumo, found none; see sumo-rl.txt")
    # sumo-rl reads both when it is imported. Through libsumo it is some eight times faster.
    os.environ["SUMO_HOME"] = next(iter(spec.submodule_search_locations))
    os.environ["LIBSUMO_AS_TRACI"] = "1"
    import sumo_rl
    import supersuit
    from sumo_rl.environment.env import SumoEnvironmentPZ

    SumoEnvironmentPZ.render_mode = None  # what PettingZoo and SuperSuit have asked for since
    env = sumo_rl.parallel_env(
        net_file=about["network"],
        route_file=",".join(about["routes"]),
        begin_time=about["begin_s"],
        num_seconds=about["end_s"] - about["begin_s"],
        yellow_time=about["yellow_s"],
        time_to_teleport=-1,
        sumo_seed=seed,
        sumo_warnings=False,
        add_system_info=False,  # for logs alone, and on grid4x4 a third of a step's time
        add_per_agent_info=False,
        additional_sumo_cmd=f"{about['options']} {options}",
    )
    return supersuit.pad_action_space_v0(supersuit.pad_observations_v0(env))
