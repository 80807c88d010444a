"""The option of a forecast: two features more, and the same traffic."""

from __future__ import annotations

import numpy as np
import pytest

from signalrl.control.observation import FEATURES, feature_names
from signalrl.env.parallel_env import SignalParallelEnv
from signalrl.env.pool import WorkerPool, episode_seed
from signalrl.env.session import Session
from signalrl.env.signal_env import SignalEnv
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.schema import Scenario

EXPECTING = len(feature_names(inflow=True))


def arena(inflow: bool = True) -> Scenario:
    events = {"calendars": ["held-out-m.ics"], "phases": ["ingress"]}
    settings = {"events": events, "forecast": {"inflow": inflow}, "end_s": 60}
    return load_scenario("arena", settings=settings)


def test_a_forecast_adds_features_and_changes_nothing_else() -> None:
    seen = []
    for inflow in (False, True):
        with Session(arena(inflow)) as session:
            seen.append(session.reset(1).scaled())
            assert seen[-1].shape[2] == len(session.features)
    plain, expecting = seen
    assert np.array_equal(expecting[:, :, :FEATURES], plain)
    assert expecting[:, :, FEATURES:].any()


@pytest.mark.parametrize("face", [SignalEnv, SignalParallelEnv])
def test_spaces_have_room_for_them(face: type[SignalEnv] | type[SignalParallelEnv]) -> None:
    env = face(arena())
    seen, _ = env.reset(seed=1)
    if isinstance(env, SignalEnv):
        assert seen in env.observation_space
        assert seen.shape[-1] == EXPECTING
    else:
        assert all(rows in env.observation_space(agent) for agent, rows in seen.items())
        assert {rows.shape[-1] for rows in seen.values()} == {EXPECTING}
    env.close()


def test_workers_see_what_a_session_sees() -> None:
    pool = WorkerPool(arena(), workers=1)
    try:
        rows = pool.reset()
        seed = episode_seed(pool.seed, 0, 0)
        assert rows.shape == (pool.rows, 4, EXPECTING)
    finally:
        pool.close()
    with Session(arena()) as session:
        assert np.array_equal(session.reset(seed).scaled(), rows)
