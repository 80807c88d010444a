"""Every shipped environment keeps the contracts of Gymnasium, stable-baselines3 and PettingZoo."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import parallel_api_test
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import signalrl  # noqa: F401  (registers the environments)
from signalrl.control.observation import FEATURES, LIMIT
from signalrl.env.parallel_env import SignalParallelEnv
from signalrl.env.signal_env import SignalEnv
from signalrl.errors import ConfigError
from signalrl.scenario.catalog import gym_id, scenario_names
from tests.scenarios import short


@pytest.mark.parametrize("name", scenario_names())
def test_gymnasium_accepts_every_environment(name):
    env = gymnasium.make(gym_id(name)).unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_env(env, skip_render_check=True)
    env.close()


@pytest.mark.parametrize("name", scenario_names())
def test_stable_baselines3_accepts_every_environment(name):
    env = SignalEnv(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it advises against observations that are no vectors
        sb3_check_env(env, warn=False)
    env.close()


@pytest.mark.parametrize("name", scenario_names())
def test_pettingzoo_accepts_every_environment(name):
    env = SignalParallelEnv(short(name, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parallel_api_test(env, num_cycles=30)
    env.close()


def test_observations_stay_in_their_space_and_episodes_truncate():
    env = SignalEnv(short("resco-cologne8", 5))
    observation, info = env.reset(seed=3)
    assert observation.shape == (8, 4, FEATURES)
    assert info["episode_seed"] == 3
    steps, truncated = 0, False
    random = np.random.default_rng(0)
    while not truncated:
        action = [random.choice(np.flatnonzero(mask)) for mask in env.action_masks()]
        observation, reward, terminated, truncated, info = env.step(action)
        assert observation in env.observation_space
        assert observation.max() <= LIMIT
        assert reward <= 0
        assert not terminated
        assert info["held"] == {}
        steps += 1
    assert steps == 60
    env.close()


def test_a_masked_phase_is_held_and_reported():
    env = SignalEnv(short("resco-cologne1", 5))
    _, info = env.reset(seed=1)
    env.step(0)
    env.step(1)  # granted: the minimum green of 5 s is over
    _, _, _, _, info = env.step(2)  # the green of phase 1 began 2 s ago
    (why,) = info["held"].values()
    assert why == "held: minimum green, 3 s left"
    env.close()


def test_one_seed_gives_one_episode_and_another_gives_another():
    def observations(seed):
        env = SignalEnv(short("resco-cologne1", 5))
        rows = [env.reset(seed=seed)[0]]
        rows += [env.step(i // 4 % 4)[0] for i in range(60)]
        env.close()
        return np.stack(rows)

    assert np.array_equal(observations(5), observations(5))
    assert not np.array_equal(observations(5), observations(6))


def test_agents_of_the_parallel_environment_see_what_the_joint_one_sees():
    scenario = short("resco-cologne8", 3)
    joint, parallel = SignalEnv(scenario, backend="libsumo"), SignalParallelEnv(scenario, "traci")
    rows, _ = joint.reset(seed=4)
    views, _ = parallel.reset(seed=4)
    truncated = False
    while not truncated:
        assert np.array_equal(rows, np.stack([views[a] for a in parallel.possible_agents]))
        action = joint.action_masks().argmax(axis=1)
        rows, reward, _, truncated, _ = joint.step(action)
        views, rewards, *_ = parallel.step(dict(zip(parallel.possible_agents, action, strict=True)))
        assert reward == pytest.approx(sum(rewards.values()), rel=1e-5)
    assert parallel.agents == []
    joint.close()
    parallel.close()


def test_agents_get_masks_of_their_own_phases_and_the_reason_why_they_are_held():
    env = SignalParallelEnv(short("corridor", 2))
    _, infos = env.reset(seed=4)
    assert {info["episode_seed"] for info in infos.values()} == {4}
    held = []
    for step in range(12):
        for agent, info in infos.items():
            assert env.action_space(agent).sample(mask=info["action_mask"].view("int8")) >= 0
        _, _, _, _, infos = env.step(dict.fromkeys(env.agents, step % 3))
        held += [info["held"] for info in infos.values() if info["held"] is not None]
    assert any("minimum green" in why or "clearance" in why for why in held)
    with pytest.raises(ConfigError, match="got none for"):
        env.step({})
    env.close()


def test_a_second_simulation_in_one_process_uses_traci_and_libsumo_says_why():
    first = SignalEnv(short("resco-cologne1", 1), backend="libsumo")
    first.reset(seed=1)
    second = SignalEnv(short("resco-cologne1", 1))
    second.reset(seed=1)
    third = SignalEnv(short("resco-cologne1", 1), backend="libsumo")
    with pytest.raises(ConfigError, match="one libsumo simulation per process"):
        third.reset(seed=1)
    for env in (first, second, third):
        env.close()


def test_stepping_before_a_reset_says_so():
    env = SignalEnv(short("resco-cologne1", 1))
    with pytest.raises(ConfigError, match="call reset first"):
        env.step(0)
    env.close()
