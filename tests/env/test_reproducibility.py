"""The same seed gives the same traffic, and the same actions the same signal states."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from signalrl.env.pool import FIRST_TRAINING_SEED, WorkerPool, episode_seed
from signalrl.env.session import Session
from signalrl.scenario.catalog import load_scenario, scenario_names
from tests.scenarios import short_folder

EPISODE = """
import sys, tempfile
from pathlib import Path
from signalrl.control.controllers import Greedy
from signalrl.env.session import Session
from signalrl.sumo.episode import Outputs
from signalrl.sumo.outputs import read_trips
from tests.scenarios import short

with tempfile.TemporaryDirectory() as folder:
    outputs = Outputs(Path(folder))
    with Session(short(sys.argv[1], 10), outputs=outputs) as session:
        observation, controller, ended = session.reset(11), Greedy(), False
        while not ended:
            step = session.step(controller.decide(observation))
            observation, ended = step.observation, step.ended
        session.stop()
        print(read_trips(outputs.tripinfo).sha256)
"""


@pytest.mark.parametrize("name", scenario_names())
def test_a_seed_decides_the_traffic_whatever_the_hash_seed(name):
    root = Path(__file__).parents[2]
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", EPISODE, name],
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)},
        )
        for hash_seed in ("1", "2")
    ]
    hashes = [run.communicate()[0].strip() for run in runs]
    assert len(hashes[0]) == 64
    assert hashes[0] == hashes[1]


def test_training_and_benchmark_show_the_same_states_for_the_same_actions(tmp_path):
    folder = short_folder(tmp_path / "short")
    states = tmp_path / "states.xml"
    (folder / "states.add.xml").write_text(
        '<additional><timedEvent type="SaveTLSStates" source="GS_cluster_357187_359543" '
        f'dest="{states}"/></additional>'
    )
    with (folder / "scenario.yaml").open("a") as file:
        file.write("additional: [states.add.xml]\n")
    scenario = load_scenario(folder)
    actions = np.random.default_rng(0).integers(0, 4, size=(60, 1))

    pool = WorkerPool(scenario, workers=1, seed=3)
    trained = [pool.reset()]
    kept = tmp_path / "kept.xml"
    states.rename(kept)  # the next episode, which begins at once, makes a file of its own
    for action in actions:
        pool.send(action)
        rows, _, ends = pool.receive()
        trained.append(ends[0].final if ends else rows)
    pool.close()
    shown_in_training = kept.read_text().split("-->")[-1]

    with Session(scenario) as session:
        benchmarked = [session.reset(episode_seed(3, 0, 0)).scaled()]
        benchmarked += [session.step(action).observation.scaled() for action in actions]
    assert np.array_equal(np.stack(trained), np.stack(benchmarked))
    assert states.read_text().split("-->")[-1] == shown_in_training
    assert shown_in_training.count("<tlsState ") >= 299


def test_training_never_draws_a_seed_of_the_evaluation():
    seeds = [episode_seed(s, w, e) for s in range(20) for w in range(10) for e in range(50)]
    assert min(seeds) >= FIRST_TRAINING_SEED
    assert max(seeds) < 2**31
    assert len(set(seeds)) > 0.999 * len(seeds)
