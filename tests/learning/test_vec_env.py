"""The reward of a signal, alone and with its neighbours'."""

from __future__ import annotations

import numpy as np

from signalrl.env.pool import WorkerPool
from signalrl.learning.network import CENTRAL
from signalrl.learning.vec_env import DELAY_SCALE, SignalVecEnv
from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.episode import scenario_network

STEPS = 12


def rewards(neighbours):
    """Return two workers' rewards in the first minute of the corridor, ``(2 * STEPS, signals)``."""
    env = SignalVecEnv(WorkerPool("corridor", workers=2), 0.1, neighbours)
    try:
        env.reset()
        actions = np.zeros(env.num_envs, dtype=np.int64)
        return np.array([env.step(actions)[1] for _ in range(STEPS)]).reshape(2 * STEPS, -1)
    finally:
        env.close()


def test_a_signal_pays_for_the_delay_at_those_next_to_it():
    adjacent = scenario_network(load_scenario("corridor")).adjacent
    own = rewards(0.0)
    assert (own <= 0).all()
    assert own.sum() < 0
    assert np.allclose(rewards(0.5), own + 0.5 * own @ adjacent, atol=1e-5)


def test_a_central_critic_sees_the_delay_that_signals_pay_for():
    def drive(central):
        env = SignalVecEnv(WorkerPool("corridor", workers=2), 1.0, 0.0, central)
        try:
            seen, paid = [env.reset()], []
            for _ in range(STEPS):
                observations, rewards, _, _ = env.step(np.zeros(env.num_envs, dtype=np.int64))
                seen.append(observations)
                paid.append(rewards)
            assert seen[0].shape[1:] == env.observation_space.shape
            return np.array(seen), np.array(paid)
        finally:
            env.close()

    (plain, paid), (central, _) = drive(False), drive(True)
    assert np.array_equal(central[..., :-CENTRAL], plain)
    adjacent = scenario_network(load_scenario("corridor")).adjacent
    own = -paid.reshape(STEPS, 2, -1) / DELAY_SCALE
    mean = np.repeat(own.mean(axis=2, keepdims=True), own.shape[2], axis=2)
    expected = np.stack([own, own @ adjacent, mean], axis=3).reshape(STEPS, -1, 1, CENTRAL)
    assert expected.max() > 0.0
    assert (central[0, ..., -CENTRAL:] == 0.0).all()
    assert np.allclose(central[1:, ..., -CENTRAL:], expected, atol=1e-6)


def test_signals_are_adjacent_where_a_street_joins_them():
    network = scenario_network(load_scenario("arena"))  # a grid: columns a to e, rows 1 to 4
    places = [(ord(signal.id[0]), int(signal.id[1])) for signal in network.signals]
    for i, (column, row) in enumerate(places):
        apart = [abs(column - c) + abs(row - r) for c, r in places]
        assert network.adjacent[i].tolist() == [distance == 1 for distance in apart]
