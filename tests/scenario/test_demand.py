from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalrl.errors import ConfigError
from signalrl.scenario.demand import draw_episode
from signalrl.scenario.demand_schema import (
    Demand,
    Egress,
    Flow,
    Ingress,
    Profile,
    ProfilePoint,
    Surge,
    VehicleType,
)
from signalrl.scenario.schema import Scenario

AB = Flow(origin="a", destination="b", veh_h=360)
AC = Flow(origin="a", destination="c", veh_h=200)
EVENT = Surge(origin="d", destination={"b": 1, "c": 3}, vehicles=(50, 80), start_s=(600, 1200))


def scenario_of(demand: Demand | None, folder: Path, **values: Any) -> Scenario:
    return Scenario(name="test", folder=folder, network="a.net.xml", demand=demand, **values)


def drawn(demand: Demand, seed: int, folder: Path, **values: Any) -> list[dict[str, str]]:
    episode = draw_episode(scenario_of(demand, folder, **values), seed, folder)
    root = ElementTree.parse(episode.route_files[-1]).getroot()
    return [dict(element.attrib) for element in root if element.tag in {"trip", "vehicle"}]


def departs(demand: Demand, seed: int, folder: Path, **values: Any) -> np.ndarray:
    return np.array([float(v["depart"]) for v in drawn(demand, seed, folder, **values)])


def of_stream(vehicles: list[dict[str, str]], stream: str) -> list[dict[str, str]]:
    return [vehicle for vehicle in vehicles if vehicle["id"].rpartition(".")[0] == stream]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**63))
def test_seed_decides_everything(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    demand = Demand(flows=(AB, AC), surges=(EVENT,), scale_range=(0.5, 1.5))
    bytes_of = []
    episodes = []
    for draw in (seed, seed, seed + 1):
        folder = tmp_path_factory.mktemp("draw")
        episode = draw_episode(scenario_of(demand, folder), draw, folder)
        episodes.append(episode)
        bytes_of.append(episode.route_files[0].read_bytes())
    assert bytes_of[0] == bytes_of[1] != bytes_of[2]
    assert episodes[0].sumo_seed == episodes[1].sumo_seed != episodes[2].sumo_seed
    assert all(0 < episode.sumo_seed < 2**31 for episode in episodes)
    assert all(episode.scale == 1.0 for episode in episodes)


def test_adding_moving_or_removing_a_part_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    other = Surge(name="match", origin="a", destination="d", vehicles=(5, 9), start_s=(0, 0))
    few = drawn(Demand(flows=(AC,), surges=(EVENT,)), 3, tmp_path)
    many = drawn(Demand(flows=(AB, AC), surges=(other, EVENT)), 3, tmp_path)
    turned = drawn(Demand(flows=(AC, AB), surges=(EVENT, other)), 3, tmp_path)
    for stream in ("a_to_c", "event_event"):
        assert of_stream(few, stream) == of_stream(many, stream) != []
    assert many == turned
    assert of_stream(few, "a_to_b") == []


def test_flows_of_the_same_edges_are_drawn_apart(tmp_path: Path) -> None:
    vehicles = drawn(Demand(flows=(AB, AB)), 1, tmp_path)
    first, second = of_stream(vehicles, "a_to_b"), of_stream(vehicles, "a_to_b_2")
    assert [v["depart"] for v in first] != [v["depart"] for v in second]
    assert len({v["id"] for v in vehicles}) == len(vehicles) == len(first) + len(second)


def test_flows_that_differ_in_their_mix_alone_may_be_moved(tmp_path: Path) -> None:
    kinds = {"car": VehicleType(), "truck": VehicleType(vclass="truck")}
    flows = tuple(AB.model_copy(update={"mix": {kind: 1.0}}) for kind in kinds)
    one, other = (
        drawn(Demand(vehicles=kinds, flows=order), 3, tmp_path) for order in (flows, flows[::-1])
    )
    assert one == other


def test_totals_are_poisson(tmp_path: Path) -> None:
    totals = [len(drawn(Demand(flows=(AB,)), seed, tmp_path)) for seed in range(300)]
    mean, variance = np.mean(totals), np.var(totals, ddof=1)
    assert abs(mean - 360) < 4 * np.sqrt(360 / 300)
    assert abs(variance / 360 - 1) < 4 * np.sqrt(2 / 299)


@pytest.mark.parametrize(
    ("interpolation", "points", "seconds"),
    [
        ("steps", [(600, 1), (1200, 0), (2400, 3)], [1200, 0, 3600]),
        ("linear", [(0, 0), (1200, 1), (2400, 1), (3600, 3)], [600, 1200, 2400]),
    ],
)
def test_arrivals_follow_the_profile(
    interpolation: Any, points: list[tuple[float, float]], seconds: list[float], tmp_path: Path
) -> None:
    profile = Profile(
        interpolation=interpolation,
        points=tuple(ProfilePoint(time_s=t, factor=f) for t, f in points),
    )
    flow = Flow(origin="a", destination="b", veh_h=18_000)
    times = departs(Demand(flows=(flow,), profile=profile), 1, tmp_path)
    counts = np.histogram(times, bins=[0, 1200, 2400, 3600])[0]
    expected = 18_000 / 3600 * np.array(seconds)
    assert np.all(np.abs(counts - expected) <= 4 * np.sqrt(expected))


def test_scale_multiplies_flows_and_leaves_surges(tmp_path: Path) -> None:
    flow = Flow(origin="a", destination="b", veh_h=4000)
    demand = Demand(flows=(flow,), surges=(EVENT,), scale_range=(0.5, 0.5))
    vehicles = drawn(demand, 1, tmp_path)
    assert abs(len(of_stream(vehicles, "a_to_b")) - 2000) < 4 * np.sqrt(2000)
    assert of_stream(vehicles, "event_event") == of_stream(
        drawn(Demand(surges=(EVENT,)), 1, tmp_path), "event_event"
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), begin=st.integers(0, 90_000))
def test_vehicles_come_in_order_and_within_the_episode(
    seed: int, begin: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("draw")
    event = EVENT.model_copy(update={"start_s": (begin, begin + 3600)})
    demand = Demand(flows=(AB, AC), surges=(event,))
    times = departs(demand, seed, folder, begin_s=begin, end_s=begin + 900)
    assert np.all(np.diff(times) >= 0)
    assert np.all((times >= begin) & (times < begin + 900))


def test_types_follow_the_mix_and_the_shares(tmp_path: Path) -> None:
    flows = (
        Flow(origin="a", destination="b", veh_h=4000, mix={"car": 70, "bus": 30}),
        Flow(origin="a", destination="c", veh_h=4000),
    )
    kinds = {
        "car": VehicleType(share=9),
        "truck": VehicleType(share=1),
        "bus": VehicleType(share=0),
    }
    vehicles = drawn(Demand(vehicles=kinds, flows=flows), 1, tmp_path)
    for stream, kind, share in (("a_to_b", "bus", 0.3), ("a_to_c", "truck", 0.1)):
        counted = Counter(v["type"] for v in of_stream(vehicles, stream))
        total = counted.total()
        assert abs(counted[kind] / total - share) < 4 * np.sqrt(share * (1 - share) / total)
    assert "truck" not in {v["type"] for v in of_stream(vehicles, "a_to_b")}
    assert "bus" not in {v["type"] for v in of_stream(vehicles, "a_to_c")}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_egress_has_its_size_and_begins_after_the_event(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shape = Egress(delay_s=120, k=2, mean_s=300)
    surge = EVENT.model_copy(update={"shape": shape, "start_s": (600, 700)})
    vehicles = drawn(Demand(surges=(surge,)), seed, tmp_path_factory.mktemp("draw"), end_s=90_000)
    assert 50 <= len(vehicles) <= 80
    assert min(float(v["depart"]) for v in vehicles) >= 720
    assert {v["from"] for v in vehicles} == {"d"}
    assert {v["to"] for v in vehicles} <= {"b", "c"}


def test_egress_is_gamma_and_splits_by_weight(tmp_path: Path) -> None:
    shape = Egress(delay_s=300, k=2, mean_s=1500)
    surge = Surge(
        origin="d",
        destination={"b": 1, "c": 3},
        vehicles=(20_000, 20_000),
        start_s=(1000, 1000),
        shape=shape,
    )
    vehicles = drawn(Demand(surges=(surge,)), 1, tmp_path, end_s=90_000)
    times = np.array([float(v["depart"]) for v in vehicles]) - 1300
    deviation = 1500 / np.sqrt(2)
    assert abs(times.mean() - 1500) < 4 * deviation / np.sqrt(20_000)
    assert abs(times.std() / deviation - 1) < 0.03
    share = np.mean([v["to"] == "c" for v in vehicles])
    assert abs(share - 0.75) < 4 * np.sqrt(0.75 * 0.25 / 20_000)


def test_exits_let_no_more_vehicles_pass_than_they_can(tmp_path: Path) -> None:
    origin = {"d": 1.0, "e": 1.0}
    free = EVENT.model_copy(update={"origin": origin, "shape": Egress(delay_s=0, mean_s=60)})
    metered = free.model_copy(update={"exit_veh_h": 400.0})
    before, after = (drawn(Demand(surges=(s,)), 1, tmp_path, end_s=9000) for s in (free, metered))
    assert len(before) == len(after)
    for edge in origin:
        times = [float(v["depart"]) for v in after if v["from"] == edge]
        assert np.diff(times).min() >= 9.0 - 0.011
    early = {v["id"]: float(v["depart"]) for v in before}
    assert all(float(v["depart"]) >= early[v["id"]] for v in after)


def test_ingress_is_beta_on_its_window(tmp_path: Path) -> None:
    surge = Surge(
        origin={"b": 1, "c": 1},
        destination="d",
        vehicles=(5000, 5000),
        start_s=(10_000, 10_000),
        shape=Ingress(a=5, b=2, first_s=-9000, last_s=900),
    )
    times = departs(Demand(surges=(surge,)), 1, tmp_path, end_s=20_000)
    assert times.min() >= 1000
    assert times.max() <= 10_900
    assert abs(times.mean() - (1000 + 9900 * 5 / 7)) < 4 * 9900 * 0.16 / np.sqrt(5000)


def test_event_happens_as_often_as_it_is_likely(tmp_path: Path) -> None:
    surge = EVENT.model_copy(update={"probability": 0.3})
    happened = [bool(drawn(Demand(surges=(surge,)), seed, tmp_path)) for seed in range(200)]
    assert abs(np.mean(happened) - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 200)


def test_route_is_written_as_given_and_names_are_escaped(tmp_path: Path) -> None:
    flow = Flow(origin="a&1", destination="c", veh_h=60, route=("a&1", 'b"', "c"))
    episode = draw_episode(scenario_of(Demand(flows=(flow,)), tmp_path), 1, tmp_path)
    root = ElementTree.parse(episode.route_files[0]).getroot()
    assert {route.get("edges") for route in root.iter("route")} == {'a&1 b" c'}
    assert root.find("trip") is None


def test_fixed_routes_are_handed_on_with_a_drawn_scale(tmp_path: Path) -> None:
    (tmp_path / "a.rou.xml").write_text("<routes/>")
    fixed = scenario_of(None, tmp_path, routes=("a.rou.xml",))
    scaled = fixed.model_copy(update={"scale_range": (0.8, 1.2)})
    episode = draw_episode(fixed, 7, tmp_path)
    assert (episode.route_files, episode.scale) == ((tmp_path / "a.rou.xml",), 1.0)
    scales = [draw_episode(scaled, seed, tmp_path).scale for seed in range(20)]
    assert len(set(scales)) == 20
    assert all(0.8 <= scale <= 1.2 for scale in scales)


def test_fixed_routes_and_drawn_demand_go_together(tmp_path: Path) -> None:
    (tmp_path / "a.rou.xml").write_text("<routes/>")
    both = scenario_of(Demand(surges=(EVENT,)), tmp_path, routes=("a.rou.xml",))
    files = draw_episode(both, 1, tmp_path).route_files
    assert files[0] == tmp_path / "a.rou.xml"
    assert len(files) == 2


def test_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a seed of 0 or more, got -1"):
        draw_episode(scenario_of(Demand(flows=(AB,)), tmp_path), -1, tmp_path)


def test_five_thousand_vehicles_take_less_than_a_second(tmp_path: Path) -> None:
    flows = tuple(Flow(origin=f"a{i}", destination="b", veh_h=100) for i in range(50))
    start = time.perf_counter()
    vehicles = drawn(Demand(flows=flows), 1, tmp_path)
    assert time.perf_counter() - start < 1.0
    assert len(vehicles) > 4500
