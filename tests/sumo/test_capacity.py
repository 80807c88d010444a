"""The capacity of an approach, beside what SUMO discharges from a queue that never ends."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pytest

from signalrl.network.capacity import Capacity, Movement, find_movements
from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.process import sumo_binary
from signalrl.sumo.reader import read_network

NETWORK = load_scenario("arena").network_file
CAPACITY = Capacity(find_movements(read_network(NETWORK)))
APPROACHES: dict[str, dict[str, Movement]] = defaultdict(dict)
for one in CAPACITY.movements:
    APPROACHES[one.key[0]][one.direction] = one
WANTED_VEH_H, LASTS_S, FILLING_S = 4500.0, 2400, 600


def discharged_veh_h(
    volumes: dict[tuple[str, str], float], entries: dict[str, str], counted: str, folder: Path
) -> float:
    """Drive more traffic than fits; return what leaves an approach once it is full, in veh/h."""
    routes = "".join(
        f'<flow id="{origin == counted}{i}" from="{entries.get(origin, origin)}" to="{to}" '
        f'begin="0" end="{LASTS_S}" vehsPerHour="{veh_h}" departLane="best" departSpeed="max"/>'
        for i, ((origin, to), veh_h) in enumerate(volumes.items())
    )
    (folder / "routes.xml").write_text(f"<routes>{routes}</routes>")
    command = [
        *(sumo_binary(), "-n", NETWORK, "-r", folder / "routes.xml", "-e", str(LASTS_S)),
        *("--tripinfo-output", folder / "trips.xml", "--no-step-log", "--no-warnings"),
        *("--duration-log.disable", "--time-to-teleport", "-1"),
    ]
    subprocess.run(command, check=True)
    trips = ElementTree.parse(folder / "trips.xml").getroot()
    left = [t for t in trips if t.get("id", "").startswith("True")]
    passed = sum(float(trip.get("arrival", 0)) > FILLING_S for trip in left)
    return passed / (LASTS_S - FILLING_S) * 3600.0


def as_array(
    capacity: Capacity, volumes: Mapping[tuple[str, str], float]
) -> npt.NDArray[np.float64]:
    return np.array([volumes.get(movement.key, 0.0) for movement in capacity.movements])


def capacity_veh_h(
    capacity: Capacity, volumes: Mapping[tuple[str, str], float]
) -> dict[str, float]:
    found = capacity.of_approaches(as_array(capacity, volumes))
    return dict(zip(capacity.approaches, found.tolist(), strict=True))


@pytest.mark.parametrize(
    ("approach", "shares", "opposing", "veh_h", "within"),
    [
        ("west2_a2", {"s": 1.0}, "", 0, 0.10),  # two lanes straight on
        ("west2_a2", {"s": 0.7, "r": 0.1, "l": 0.2}, "b2_a2", 500, 0.10),  # with a bay
        ("west3_a3", {"s": 0.7, "r": 0.3}, "", 0, 0.10),  # one lane that turns share
        ("west3_a3", {"l": 1.0}, "b3_a3", 200, 0.15),  # left turns that yield
        (
            "west3_a3",
            {"s": 0.7, "r": 0.1, "l": 0.2},
            "b3_a3",
            300,
            0.30,
        ),  # who yields holds up the rest
        ("west4_a4", {"s": 0.7, "r": 0.1, "l": 0.2}, "b4_a4", 500, 0.15),  # two lanes, shared
        ("d3_d4", {"l": 0.2, "r": 0.8}, "", 0, 0.10),  # a shared lane, a longer green for the left
        ("d3_d4", {"l": 0.8, "r": 0.2}, "", 0, 0.45),  # in which the others stand before it
        ("park_e2_out", {"s": 0.3, "r": 0.1, "l": 0.6}, "", 0, 0.15),  # the exit of a car park
    ],
)
def test_capacity_is_what_sumo_discharges(
    approach: str,
    shares: dict[str, float],
    opposing: str,
    veh_h: float,
    within: float,
    tmp_path: Path,
) -> None:
    stops = {
        name: f"{name}_stop" if f"{name}_stop" in APPROACHES else name
        for name in (approach, opposing)
    }
    movements = APPROACHES[stops[approach]]
    volumes = {movements[turn].key: WANTED_VEH_H * share for turn, share in shares.items()}
    if opposing:
        volumes[APPROACHES[stops[opposing]]["s"].key] = veh_h
    entries = {stop: name for name, stop in stops.items()}
    measured = discharged_veh_h(volumes, entries, stops[approach], tmp_path)
    capacity = capacity_veh_h(CAPACITY, volumes)[stops[approach]]
    assert abs(capacity / measured - 1.0) < within, (capacity, measured)


def test_more_opposing_traffic_leaves_less_for_those_who_yield() -> None:
    left, against = APPROACHES["west3_a3"]["l"].key, APPROACHES["b3_a3"]["s"].key
    at = [movement.key for movement in CAPACITY.movements].index(left)
    found = [
        CAPACITY.of_movements(as_array(CAPACITY, {against: veh_h}))[at]
        for veh_h in range(0, 1500, 100)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] > 400
    assert found[-1] == 0


def test_a_turn_has_no_more_than_its_own_green_of_a_lane_that_it_shares() -> None:
    straight = Movement(("a", "s"), "x", "s", ("a_0",), ((45, "go"), (45, "stop")))
    left = Movement(("a", "l"), "x", "l", ("a_0",), ((9, "go"), (81, "stop")))
    both = Capacity([left, straight])
    alone = capacity_veh_h(both, {left.key: 1.0})["a"]
    found = capacity_veh_h(both, {straight.key: 1.0, left.key: 1.0})["a"]
    assert alone < found < 2 * alone


def test_a_long_cycle_discharges_as_a_short_one_of_the_same_greens() -> None:
    found = [
        float(
            Capacity(
                [Movement(("a", "s"), "x", "s", ("a_0",), ((c / 2, "go"), (c / 2, "stop")))]
            ).of_approaches([500.0])[0]
        )
        for c in (200, 240, 300, 400)
    ]
    assert found == pytest.approx([found[0]] * 4, rel=0.02)  # in whole parts of the cycle


def test_the_lane_that_is_short_decides() -> None:
    movements = APPROACHES["west2_a2_stop"]
    found = {
        name: capacity_veh_h(
            CAPACITY, {movements[turn].key: 1000 * part for turn, part in shares.items()}
        )["west2_a2_stop"]
        for name, shares in {
            "straight": {"s": 1.0},
            "mixed": {"s": 0.7, "l": 0.3},
            "left": {"l": 1.0},
            "most": {"s": 0.1, "l": 0.9},
        }.items()
    }
    assert found["left"] < found["straight"] < found["mixed"]  # the bay adds to the other lanes
    assert found["most"] == pytest.approx(found["left"] / 0.9, rel=0.01)
