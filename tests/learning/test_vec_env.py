"""The reward of a signal, alone and with its neighbours'."""

from __future__ import annotations

import numpy as np

from signalrl.env.pool import WorkerPool
from signalrl.learning.vec_env import SignalVecEnv
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


def test_signals_are_adjacent_where_a_street_joins_them():
    network = scenario_network(load_scenario("arena"))  # a grid: columns a to e, rows 1 to 4
    places = [(ord(signal.id[0]), int(signal.id[1])) for signal in network.signals]
    for i, (column, row) in enumerate(places):
        apart = [abs(column - c) + abs(row - r) for c, r in places]
        assert network.adjacent[i].tolist() == [distance == 1 for distance in apart]
