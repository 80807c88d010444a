from __future__ import annotations

from pathlib import Path

import pytest

from signalrl.benchmark.controllers import parse_controllers
from signalrl.benchmark.seeds import FIRST_REPORTED_SEED, parse_seeds
from signalrl.benchmark.suite import Case, Suite, load_suite, suite_names
from signalrl.env.pool import FIRST_TRAINING_SEED
from signalrl.errors import ConfigError
from signalrl.scenario.catalog import scenario_names


def test_suites_are_shipped_and_one_that_repeats_resco() -> None:
    assert suite_names() == (
        *("event-plans", "events", "metering"),
        *("resco", "resco-original", "robust", "surge", "transfer"),
    )


@pytest.mark.parametrize("name", suite_names())
def test_a_shipped_suite_can_be_run(name: str) -> None:
    suite = load_suite(name)
    assert suite.title
    assert suite.description
    parse_controllers(suite.controllers)
    names = [case.load().name for case in suite.cases()]
    assert len(set(names)) == len(names) >= 5
    for published in suite.published:
        assert set(published.mean_delay_s) <= set(names)


def test_resco_has_all_eight_maps_and_the_mode_of_its_authors_has_their_settings() -> None:
    maps = [name for name in scenario_names() if name.startswith("resco-")]
    ours, theirs = load_suite("resco"), load_suite("resco-original")
    for suite in (ours, theirs):
        assert sorted(case.env for case in suite.environments) == maps
    loaded = {case.env: case.load() for case in theirs.cases()}
    for name, scenario in loaded.items():
        long = name == "resco-arterial4x4"
        assert scenario.decision_interval_s == (5 if long else 10)
        assert scenario.timing.yellow_s == (2 if long else 3)
        assert scenario.timing.red_clearance_s == 0
        assert scenario.sumo.time_to_teleport_s == -1
        assert scenario.sumo.ignore_junction_blocker_s is None
    assert (ours.measure, theirs.measure) == ("mean_delay_s", "resco_delay_s")


def test_seeds_of_reports_and_of_trainings_never_meet() -> None:
    assert min(parse_seeds("10")) + 1 > FIRST_REPORTED_SEED
    assert max(parse_seeds("10000")) < FIRST_TRAINING_SEED


def test_settings_take_the_place_of_the_scenarios() -> None:
    suite = Suite(
        environments=(
            Case(env="single", name="late", settings={"timing": {"min_green_s": 9}}),
            Case(env="single"),
        ),
        settings={"end_s": 900},
    )
    late, plain = (case.load() for case in suite.cases())
    assert (late.name, plain.name) == ("late", "single")
    assert (late.end_s, plain.end_s) == (900, 900)
    assert late.timing.min_green_s == 9
    assert late.timing.yellow_s == plain.timing.yellow_s


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown key 'scale_rang', did you mean 'scale_range'"):
        Case(env="resco-cologne1", settings={"scale_rang": [1, 2]}).load()


def test_a_suite_can_be_narrowed_and_joined() -> None:
    suite = load_suite("robust").narrowed(["cologne8-dead-10"], ["fixed", "sotl"])
    assert [case.name for case in suite.environments] == ["cologne8-dead-10"]
    assert suite.controllers[-1] == "sotl"
    assert suite.controllers.count("fixed") == 1
    with pytest.raises(ConfigError, match="did you mean 'cologne8-dead-10'"):
        load_suite("robust").narrowed(["cologne8-dead-11"], [])
    fewer = load_suite("robust").narrowed([], ["sotl"], ["fixed", "schedule"]).controllers
    assert set(fewer) == {*load_suite("robust").controllers, "sotl"} - {"fixed", "schedule"}
    with pytest.raises(ConfigError, match="to skip, got 'fixd', did you mean 'fixed'"):
        load_suite("robust").narrowed([], [], ["fixd"])


def test_a_suite_of_ones_own_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("environments: [{env: single}]\ncontrollers: [fixed]\n")
    assert load_suite(str(path)).controllers == ("fixed",)
    path.write_text("environments: [{env: single}, {env: single}]\n")
    with pytest.raises(ConfigError, match="got 'single' twice"):
        load_suite(str(path))
    with pytest.raises(ConfigError, match="did you mean 'resco'"):
        load_suite("resc")
