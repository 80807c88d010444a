from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from signalrl.errors import ConfigError
from signalrl.files import read_model
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.schema import ScenarioFile

GOOD = "network: a.net.xml\nroutes: [a.rou.xml]\n"
DEMAND = "network: a.net.xml\ndemand: {{flows: [{{from: a, to: b, veh_h: 10}}], {}}}\n"
SURGE = "surges: [{{from: a, to: b, vehicles: [1, 2], start_s: [0, 9], {}}}]"


def error_of(folder: Path, text: str | bytes) -> str:
    file = folder / "scenario.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as info:
        read_model(ScenarioFile, file)
    message = str(info.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    return message.removeprefix(f"{file}: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD + "decision_intervall_s: 5", ["'decision_intervall_s'", "'decision_interval_s'?"]),
        (GOOD + "sumo: {step_lenght_s: 1}", ["'sumo.step_lenght_s'", "'step_length_s'?"]),
        (GOOD + "timing: {yelow_s: 3}", ["'timing.yelow_s'", "'yellow_s'?", "max_red_s"]),
        (DEMAND.format("scale_rang: [1, 2]"), ["'demand.scale_rang'", "'scale_range'?"]),
        (
            "network: a\ndemand: {flows: [{from: a, too: b, veh_h: 1}]}",
            ["'demand.flows.0.too'", "'to'?", "veh_h", "(and 1 more)"],
        ),
        (
            DEMAND.format(SURGE.format("shape: {direction: egress, mean: 9}")),
            ["'demand.surges.0.shape.mean'", "'mean_s'?"],
        ),
        (GOOD + "name: mine", ["unknown key 'name'"]),
    ],
)
def test_unknown_key_is_named_with_its_place_and_the_near_one(
    tmp_path: Path, text: str, told: list[str]
) -> None:
    message = error_of(tmp_path, text)
    assert message.startswith("unknown key ")
    assert [part for part in told if part not in message] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "end_s: long", 'end_s: expected a number, got "long"'),
        (GOOD + "end_s: '3600'", 'end_s: expected a number, got "3600"'),
        (GOOD + "end_s: .nan", "end_s: expected a finite number, got NaN"),
        (GOOD + "signals: 7", "signals: expected 'all' or a list, got 7"),
        (GOOD + "signals: [7]", "signals.0: expected a string, got 7"),
        (
            GOOD + "timing: {yellow_s: short}",
            "timing.yellow_s: expected a number or 'auto', got \"short\"",
        ),
        ("routes: [a.rou.xml]", "network: expected a value, got none; add the key"),
        (GOOD + "sumo: fast", 'sumo: expected keys with values, got "fast"'),
        (GOOD + "timing: {yellow_s: -1}", "timing.yellow_s: expected a number of seconds >= 0"),
    ],
)
def test_wrong_value_names_the_key_what_was_expected_and_what_came(
    tmp_path: Path, text: str, message: str
) -> None:
    assert error_of(tmp_path, text).startswith(message)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD + "begin_s: 3600", "end_s: expected a time after begin_s (3600), got 3600"),
        (GOOD + "sumo: {step_length_s: 0.4}", "steps in a second, since signals change on whole"),
        (GOOD + "decision_interval_s: 2.5", "multiple of sumo.step_length_s (1), got 2.5"),
        ("network: a.net.xml", "routes: expected at least one file, or the key demand"),
        (DEMAND.format("") + "scale_range: [1, 2]", "write demand.scale_range"),
        (DEMAND.format("scale_range: [2, 1]"), "demand.scale_range: expected 0 <= lower <= upper"),
        (DEMAND.format("vehicles: {}"), "demand.vehicles: "),
        (DEMAND.format("vehicles: {car: {share: 0}}"), "share above 0"),
        ("network: a\ndemand: {}", "demand: expected at least one flow or surge"),
        (
            "network: a\ndemand: {flows: [{from: a, to: b, veh_h: 1, mix: {bike: 1}}]}",
            "mix: expected ids of vehicles (car), got 'bike'",
        ),
        (
            "network: a\ndemand: {flows: [{from: a, to: c, veh_h: 1, route: [a, b]}]}",
            "expected it to begin with 'a' and end with 'c', got 'a' and 'b'",
        ),
        (
            DEMAND.format("profile: {points: [{time_s: 9, factor: 1}, {time_s: 0, factor: 1}]}"),
            "demand.profile: points: expected rising time_s",
        ),
        (
            DEMAND.format(SURGE.format("shape: {direction: ingress, last_s: -9999}")),
            "last_s: expected a time after first_s (-9000), got -9999",
        ),
        (
            "network: a\ndemand: {surges: [{from: {}, to: b, vehicles: [1, 2], start_s: [0, 9]}]}",
            "expected at least one edge in from and in to",
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    tmp_path: Path, text: str, told: str
) -> None:
    assert told in error_of(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("network: [", "expected YAML, got: "),
        (GOOD + "network: b.net.xml\n", "the key 'network' is given twice in line 3, column 1"),
        ("- a\n- b\n", "expected lines such as `key: value`, got"),
        ("", "expected lines such as `key: value`, got null"),
        (b"title: \xff\n", "expected text in UTF-8"),
    ],
)
def test_what_is_no_yaml_of_keys_is_refused(tmp_path: Path, text: str | bytes, told: str) -> None:
    assert told in error_of(tmp_path, text)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yaml: expected a readable file, got: No such"):
        read_model(ScenarioFile, tmp_path / "nothing.yaml")


def test_missing_network_is_named(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text(GOOD)
    with pytest.raises(ConfigError, match=r"expected the file .*a\.net\.xml, found none"):
        load_scenario(tmp_path)


def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "sumo_rl" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    with pytest.raises(ConfigError) as info:
        load_scenario("resco-cologne8")
    assert str(info.value) == (
        "resco-cologne8 needs the maps of the package sumo-rl: pip install sumo-rl==1.4.5"
    )
    listed = load_scenario("resco-cologne8", check_files=False)
    assert listed.title == "Cologne, eight signals"


def test_package_without_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text(
        "network: package:sumo/tools/none.net.xml\nroutes: [a.rou.xml]\n"
    )
    with pytest.raises(ConfigError, match="installed version of sumo does not have it"):
        load_scenario(tmp_path)
