from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from signalrl.errors import ConfigError
from signalrl.scenario.catalog import envs_folder, gym_id, load_scenario, scenario_names

GOOD = "network: a.net.xml\nroutes: [a.rou.xml]\n"

SHIPPED = {
    "arena": "signalrl/Arena-v1",
    "cologne-concert": "signalrl/CologneConcert-v1",
    "corridor": "signalrl/Corridor-v1",
    "ingolstadt-matchday": "signalrl/IngolstadtMatchday-v1",
    "resco-arterial4x4": "signalrl/RescoArterial4x4-v1",
    "resco-cologne1": "signalrl/RescoCologne1-v1",
    "resco-cologne3": "signalrl/RescoCologne3-v1",
    "resco-cologne8": "signalrl/RescoCologne8-v1",
    "resco-grid4x4": "signalrl/RescoGrid4x4-v1",
    "resco-ingolstadt1": "signalrl/RescoIngolstadt1-v1",
    "resco-ingolstadt21": "signalrl/RescoIngolstadt21-v1",
    "resco-ingolstadt7": "signalrl/RescoIngolstadt7-v1",
    "rilsa": "signalrl/Rilsa-v1",
    "single": "signalrl/Single-v1",
}


def test_names_and_ids_are_known() -> None:
    assert dict(zip(scenario_names(), map(gym_id, scenario_names()), strict=True)) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_name_id_and_folder_load_the_same(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.gym_id == gym_id(name)
    folder = envs_folder() / name
    for way in (gym_id(name), folder, str(folder), folder / "scenario.yaml"):
        assert load_scenario(way) == scenario


def test_scenario_survives_the_way_to_a_worker() -> None:
    scenario = load_scenario("single")
    assert pickle.loads(pickle.dumps(scenario)) == scenario


def test_own_folder_loads_with_its_own_name(tmp_path: Path) -> None:
    folder = tmp_path / "my-town_2"
    folder.mkdir()
    (folder / "scenario.yaml").write_text(GOOD + "version: 3\nbegin_s: 60\n")
    for file in ("a.net.xml", "a.rou.xml"):
        (folder / file).touch()
    scenario = load_scenario(folder)
    assert scenario.gym_id == "signalrl/MyTown2-v3"
    assert scenario.horizon_s == 3540
    assert scenario.network_file == folder / "a.net.xml"
    assert scenario.route_files == (folder / "a.rou.xml",)
    assert scenario.additional_files == ()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("resco-cologn8", "'resco-cologne8'"),
        ("singel", "'single'"),
        ("signalrl/RescoCologne8-v9", "'signalrl/RescoCologne8-v1'"),
    ],
)
def test_unknown_name_gets_the_near_one_and_the_list(name: str, near: str) -> None:
    with pytest.raises(ConfigError) as info:
        load_scenario(name)
    message = str(info.value)
    assert f"got {name!r}, did you mean {near}?" in message
    assert ", ".join(SHIPPED) in message
    assert "\n" not in message


def test_unknown_name_has_no_id() -> None:
    with pytest.raises(ConfigError, match="got 'nowhere'; shipped: arena"):
        gym_id("nowhere")


def test_folder_without_a_scenario_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a folder with a scenario\.yaml, found none"):
        load_scenario(tmp_path)


def test_ids_need_neither_pydantic_nor_yaml() -> None:
    code = (
        "import sys; from signalrl.scenario.catalog import gym_id, scenario_names;"
        "[gym_id(name) for name in scenario_names()];"
        "print(sorted({'numpy', 'pydantic', 'yaml'} & set(sys.modules)))"
    )
    # -S hides site-packages' start-up files, which import what they like.
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
