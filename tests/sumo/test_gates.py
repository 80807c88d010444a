"""Gates in SUMO: they change nothing of a network, hold at their rate, and open when told to."""

from __future__ import annotations

import gzip
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from signalrl.control.measurement import Measurement
from signalrl.env.session import Session
from signalrl.errors import ConfigError, NetworkError
from signalrl.network.model import Network
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.metering_schema import Metering
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import Outputs, scenario_network, start_episode
from signalrl.sumo.gates import add_gates
from signalrl.sumo.metered import MeteredPlant
from signalrl.sumo.outputs import read_metrics
from signalrl.sumo.reader import read_network

GATES = {"west": "west_j1", "east": "east_j5", "north-1": "n1_j1"}


def scenario(minutes: float = 15.0, **metering: float) -> Scenario:
    """An arterial with gates on three of its arms."""
    settings = {"critical_veh": 1.0, "capacity_veh_h": 3000.0, **metering}
    return load_scenario(
        "corridor", settings={"end_s": 60.0 * minutes, "metering": {"gates": GATES, **settings}}
    )


def drive(session: Session, seed: int = 1) -> None:
    """Let the phases take turns."""
    session.reset(seed)
    phases = np.array([len(signal.phases) for signal in session.network.signals])
    k = 0
    while not session.step(k // 5 % phases).ended:
        k += 1


def test_a_network_with_gates_has_all_that_it_had(tmp_path: Path) -> None:
    source = load_scenario("arena").network_file
    path, _, roads = add_gates(source, ["west1_a1", "park_e2_out"], tmp_path)
    assert [road.lanes for road in roads] == [2, 2]
    before, after = (
        {
            (element.tag, tuple(sorted(element.attrib.items())))
            for element in ET.parse(file).getroot()
            if element.tag in ("edge", "connection", "tlLogic")
        }
        for file in (source, path)
    )
    assert before < after
    assert len(after - before) == 2 + 2 + 4  # roads, signals, ways through them


def test_a_compressed_network_gets_gates_and_a_broken_one_is_told(tmp_path: Path) -> None:
    source = load_scenario("arena").network_file
    packed = tmp_path / "arena.net.xml.gz"
    packed.write_bytes(gzip.compress(source.read_bytes()))
    plain = add_gates(source, ["west1_a1"], tmp_path)[0].read_bytes()
    assert add_gates(packed, ["west1_a1"], tmp_path)[0].read_bytes() == plain
    packed.write_bytes(packed.read_bytes()[:-100])
    with pytest.raises(NetworkError, match="expected a network of SUMO at "):
        add_gates(packed, ["west1_a1"], tmp_path)


def test_the_signals_under_control_stay_as_they_are(tmp_path: Path) -> None:
    arena = load_scenario("arena")
    assert arena.metering is not None
    edges = list(arena.metering.gates.values())
    path, _, roads = add_gates(arena.network_file, edges, tmp_path)
    before: Network = scenario_network(arena)
    after = read_network(path, tuple(s.id for s in before.signals), ())
    assert after.hash == before.hash
    assert {road.id for road in roads}.isdisjoint(lane.edge for lane in after.lanes)


@pytest.mark.parametrize("edge", ["no-such-edge", "a1_b1"])
def test_a_gate_stands_where_vehicles_enter(edge: str, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="expected"):
        add_gates(load_scenario("arena").network_file, [edge], tmp_path)


def test_two_gates_need_two_junctions(tmp_path: Path) -> None:
    """Two exits of a car park that begin at one node."""
    source = load_scenario("arena").network_file
    root = ET.parse(source).getroot()
    edges = {edge.attrib["id"]: edge for edge in root.iter("edge")}
    edges["park_e3_out"].attrib["from"] = edges["park_e2_out"].attrib["from"]
    ET.ElementTree(root).write(tmp_path / "a.net.xml")
    with pytest.raises(NetworkError, match="a junction of its own"):
        add_gates(tmp_path / "a.net.xml", ["park_e2_out", "park_e3_out"], tmp_path)


def test_open_gates_hardly_change_the_traffic(tmp_path: Path) -> None:
    """A set point that is never reached: the same vehicles come through, and nobody is held."""
    delays = []
    for metered in (False, True):
        outputs = Outputs(tmp_path / str(metered))
        outputs.folder.mkdir()
        with Session(
            scenario(critical_veh=1e6), backend="traci", outputs=outputs, metered=metered
        ) as session:
            drive(session)
            session.stop()
            if metered:
                assert isinstance(session.plant, MeteredPlant)
                course = session.plant.course
                assert set(course.allowed_veh_h) == {-1.0}
                assert max(max(row) for row in course.waiting_veh) < 20
        delays.append(read_metrics(outputs).mean_delay_s)
    assert delays[1] == pytest.approx(delays[0], rel=0.15)


def test_a_full_district_lets_in_what_is_allowed() -> None:
    """One vehicle between signals is too many, so gates soon let pass the least."""
    with Session(scenario(longest_hold_s=3600.0), backend="traci", metered=True) as session:
        drive(session)
        plant = session.plant
        assert isinstance(plant, MeteredPlant)
        course = plant.course
    passed = np.diff(np.array(course.passed_veh), axis=0).sum(axis=1)
    allowed = np.array(course.allowed_veh_h[:-1]) / 60.0
    waiting = np.array(course.waiting_veh[:-1])
    holds = allowed > 0
    assert holds[3:].all()
    lanes = sum(road.lanes for road in plant.roads)
    assert (passed <= allowed + 2 * lanes)[holds].all()
    queued = holds & (waiting > 20).all(axis=1)
    queued[:3] = False  # who was between the gate and its detector, and the yellow
    assert queued.any()
    assert passed[queued].mean() == pytest.approx(allowed[queued].mean(), rel=0.2)


def test_recorded_trips_enter_behind_a_gate_and_are_not_counted_there(tmp_path: Path) -> None:
    routes = tmp_path / "recorded.rou.xml.gz"
    trips = "".join(
        f'<vehicle id="r{i}" depart="{15 * i}"><route edges="west_j1 west_j1_stop"/></vehicle>'
        for i in range(20)
    )
    routes.write_bytes(gzip.compress(f"<routes>{trips}</routes>".encode()))
    (tmp_path / "scenario.yaml").write_text(
        f"network: {load_scenario('corridor').network_file}\nroutes: [recorded.rou.xml.gz]\n"
        "end_s: 400\nmetering: {gates: {west: west_j1}, critical_veh: 1, capacity_veh_h: 3000}\n"
        "demand: {flows: [{from: east_j5, to: j1_west, veh_h: 300}]}\n"
    )
    with Session(load_scenario(tmp_path), backend="traci", metered=True) as session:
        drive(session)
        plant = session.plant
        assert isinstance(plant, MeteredPlant)
        plant.end_course()
        assert plant.api.vehicle.getIDCount() > 0
        assert plant.course.time_s[-1] == plant.time_s
        assert [path.name for path in plant.routes] == ["demand.rou.xml"]
        course = plant.course
    assert np.array(course.passed_veh).max() == 0


def test_a_bus_lane_is_no_lane_of_cars(tmp_path: Path) -> None:
    root = ET.parse(load_scenario("arena").network_file).getroot()
    lanes = {lane.attrib["id"]: lane for lane in root.iter("lane")}
    lanes["west1_a1_0"].attrib["allow"] = "bus pedestrian"
    ET.ElementTree(root).write(tmp_path / "a.net.xml")
    _, _, (road,) = add_gates(tmp_path / "a.net.xml", ["west1_a1"], tmp_path)
    assert (road.lanes, road.car_lanes) == (2, 1)
    lanes["west1_a1_1"].attrib["disallow"] = "passenger truck"
    ET.ElementTree(root).write(tmp_path / "a.net.xml")
    with pytest.raises(NetworkError, match="an edge for cars"):
        add_gates(tmp_path / "a.net.xml", ["west1_a1"], tmp_path)


def test_an_evening_that_arms_no_gate_is_the_one_without_gates(tmp_path: Path) -> None:
    """A usual event: the same traffic, to the byte."""
    usual = {"events": {"calendars": ["held-out-m.ics"]}, "end_s": 300}
    arena = load_scenario("arena", settings=usual)
    hashes = []
    for metered in (False, True):
        outputs = Outputs(tmp_path / str(metered))
        outputs.folder.mkdir()
        with Session(arena, backend="traci", outputs=outputs, metered=metered) as session:
            session.start(1).advance(300.0)
            assert not isinstance(session.plant, MeteredPlant)
            session.stop()
        hashes.append(read_metrics(outputs).tripinfo_sha256)
    assert hashes[0] == hashes[1]


def test_an_environment_without_gates_cant_be_metered(tmp_path: Path) -> None:
    one = load_scenario("single")
    with pytest.raises(ConfigError, match="gates"):
        start_episode(one, scenario_network(one), 1, tmp_path, metered=True)


def test_the_measurement_is_that_of_the_plant_without_gates() -> None:
    with Session(scenario(1.0), backend="traci", metered=True) as session:
        plant = session.start(1)
        assert isinstance(plant.measure(), Measurement)
        assert plant.measure().values.shape[0] == len(session.network.lanes)


def test_a_gate_has_one_name_and_one_edge() -> None:
    with pytest.raises(ValueError, match="once"):
        Metering(gates={"a": "x", "b": "x"}, critical_veh=1.0, capacity_veh_h=1.0)
