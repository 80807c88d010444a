import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from signalrl.errors import NetworkError
from signalrl.network.model import (
    Lane,
    Link,
    Network,
    Phase,
    Program,
    ProgramStep,
    Signal,
    StoredSignal,
    Zone,
    ZonePart,
)

STEPS = (ProgramStep("Gr", 30.0, 5.0, 50.0), ProgramStep("rG", 20.0, 20.0, 20.0))


@pytest.fixture
def network() -> Network:
    signal = Signal(
        id="J",
        junctions=("J",),
        links=(
            Link(0, "a_0", "b_0", "s", 12.5, 13.89, 13.89),
            Link(1, ":J_w0_0", ":J_c0_0", "s", 8.0, 2.78, 2.78, crossing=True),
        ),
        phases=(Phase(0, "Gr"), Phase(1, "rG")),
        program=Program("0", "static", 3.0, STEPS),
        foes=np.array([[False, True], [True, False]]),
        notes=("mended",),
    )
    return Network(
        signals=(signal,),
        lanes=(Lane("a_0", "a", 90.0, 13.89), Lane("b_0", "b", 120.0, 8.33)),
        zones=(Zone("J", "a_0", (ZonePart("a_0", 1.0, 0.0),)),),
        uncontrolled=(("K", "not selected"),),
    )


def changed(network: Network, change: Callable[[dict[str, Any]], None]) -> Network:
    data = json.loads(json.dumps(network.to_dict()))
    change(data)
    return Network.from_dict(data)


def test_survives_json(network: Network) -> None:
    again = changed(network, lambda data: None)
    assert again.to_dict() == network.to_dict()
    assert again.hash == network.hash
    assert again.signals[0].links == network.signals[0].links
    assert np.array_equal(again.signals[0].foes, network.signals[0].foes)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["signals"][0].update(phases=["Gr", "rg"]),
        lambda data: data["signals"][0].update(foes=["00", "00"]),
        lambda data: data["signals"][0]["links"][0].update(length_m=12.6),
        lambda data: data["signals"][0]["program"]["steps"][0].update(duration_s=31.0),
        lambda data: data["lanes"][1].update(speed_m_s=8.34),
        lambda data: data["zones"][0]["parts"][0].update(share=0.5),
    ],
    ids=["phase", "foes", "link", "program", "lane", "zone"],
)
def test_hash_feels_a_change(network: Network, change: Callable[[dict[str, Any]], None]) -> None:
    assert changed(network, change).hash != network.hash


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["signals"][0].update(notes=["said otherwise"]),
        lambda data: data.update(uncontrolled=[]),
    ],
    ids=["notes", "uncontrolled"],
)
def test_hash_ignores_words(network: Network, change: Callable[[dict[str, Any]], None]) -> None:
    assert changed(network, change).hash == network.hash


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        None,
        {"signals": 1, "lanes": [], "zones": [], "uncontrolled": []},
        {"signals": [], "lanes": [{"id": "a"}], "zones": [], "uncontrolled": []},
        {"signals": [], "lanes": [], "zones": [], "uncontrolled": ["abc"]},
    ],
)
def test_other_data_is_refused(data: Any) -> None:
    with pytest.raises(NetworkError, match="expected network data"):
        Network.from_dict(data)


def test_knows_its_sizes(network: Network) -> None:
    assert network.max_phases == 2
    assert network.lane_index == {"a_0": 0, "b_0": 1}
    assert network.signals[0].size == 2
    assert network.signals[0].approach_lanes == ("a_0",)


def test_a_position_shared_with_vehicles_is_no_crossing() -> None:
    walk = Link(1, ":J_w0_0", ":J_c0_0", "s", 8.0, 2.78, 2.78, crossing=True)
    ride = Link(1, "a_1", "b_1", "s", 8.0, 5.0, 5.0)
    none = np.zeros((2, 2), dtype=np.bool_)
    assert StoredSignal("J", ("J",), (walk,), (), none, none).crossings == {1}
    assert StoredSignal("J", ("J",), (walk, ride), (), none, none).crossings == frozenset()
