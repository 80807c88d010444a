"""What detectors report of real traffic: read in C and in Python, and checked against SUMO."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from signalrl.control.controllers import Greedy
from signalrl.control.loop import ControlLoop
from signalrl.control.measurement import COLUMNS, Column, FloatArray
from signalrl.network.model import Network
from signalrl.sumo import detectors
from signalrl.sumo.detectors import LaneReader
from signalrl.sumo.episode import scenario_network, start_episode
from signalrl.sumo.process import Simulation
from signalrl.sumo.zones import DETECTION_RANGE_M
from tests.scenarios import short

BOTH = [False, True] if detectors.COMPILED else [False]
Drive = Callable[[str], tuple[Network, Simulation, Iterator[None]]]


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Drive]:
    """Return a function that starts ten minutes of greedy control, to be stepped through."""
    running: list[Simulation] = []

    def start(name: str) -> tuple[Network, Simulation, Iterator[None]]:
        scenario = short(name, 10)
        network = scenario_network(scenario)
        simulation, plant = start_episode(scenario, network, 1, tmp_path)
        running.append(simulation)

        def decisions() -> Iterator[None]:
            loop, greedy = ControlLoop(network, scenario.timing), Greedy()
            seen, ended = loop.reset(plant), False
            while not ended:
                step = loop.step(greedy.decide(seen))
                seen, ended = step.observation, step.ended
                yield

        return network, simulation, decisions()

    yield start
    for simulation in running:
        simulation.close()


def empty(network: Network) -> FloatArray:
    return np.full((len(network.lanes), COLUMNS), np.nan, dtype=np.float32)


@pytest.mark.skipif(not detectors.COMPILED, reason="it was not compiled")
@pytest.mark.parametrize("name", ["resco-cologne1", "resco-cologne8", "resco-grid4x4", "single"])
def test_c_and_python_read_the_same(drive: Drive, name: str) -> None:
    network, simulation, decisions = drive(name)
    readers = [LaneReader(simulation, network, DETECTION_RANGE_M, native) for native in BOTH]
    assert [reader.native for reader in readers] == BOTH
    values, seen = [empty(network), empty(network)], np.zeros(COLUMNS, dtype=np.int64)
    for _ in decisions:
        for reader, into in zip(readers, values, strict=True):
            reader.read(into)
        np.testing.assert_array_equal(*values)
        seen += np.count_nonzero(values[0], axis=0)
    assert np.count_nonzero(seen) >= COLUMNS - 2  # nearly every column was tried


@pytest.mark.parametrize("native", BOTH)
def test_a_reading_adds_up_to_what_sumo_says_of_whole_lanes(drive: Drive, native: bool) -> None:
    network, simulation, decisions = drive("resco-ingolstadt1")
    reader, values, waits = LaneReader(simulation, network, 1e9, native), empty(network), 0
    assert reader.native == native
    zones = {part.lane for zone in network.zones for part in zone.parts}
    lane_api, vehicle_api = simulation.api.lane, simulation.api.vehicle
    for _ in decisions:
        reader.read(values)
        for lane, row in zip(network.lanes, values, strict=True):
            vehicles = lane_api.getLastStepVehicleIDs(lane.id)
            assert row[Column.QUEUED] == lane_api.getLastStepHaltingNumber(lane.id)
            if lane.id not in zones:
                continue
            assert row[Column.PRESENT] == len(vehicles)
            assert row[Column.QUEUED] + row[Column.APPROACHING] == row[Column.PRESENT]
            assert row[Column.QUEUE_25 : Column.QUEUE_FAR + 1].sum() == row[Column.QUEUED]
            if row[Column.WAIT]:
                waits += 1
                assert row[Column.WAIT] == vehicle_api.getWaitingTime(vehicles[-1])
    assert waits > 20


@pytest.mark.skipif(not detectors.COMPILED, reason="it was not compiled")
def test_c_refuses_what_does_not_fit_and_passes_on_what_sumo_says(drive: Drive) -> None:
    network, simulation, decisions = drive("resco-cologne1")
    reader = LaneReader(simulation, network, DETECTION_RANGE_M, native=True)
    next(decisions)
    with pytest.raises(ValueError, match="lanes"):
        reader.read(empty(network)[:1])
    simulation.close()
    with pytest.raises(Exception, match="is not known"):
        reader.read(empty(network))
