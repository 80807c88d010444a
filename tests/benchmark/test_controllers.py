from __future__ import annotations

from pathlib import Path

import pytest

from signalrl.benchmark.controllers import (
    CLASSICAL,
    make_controller,
    parse_controllers,
    policy_digest,
)
from signalrl.benchmark.programs import PROGRAMS
from signalrl.control.controllers import Greedy, MaxPressure
from signalrl.errors import ConfigError

ALL = ("fixed", "actuated", "max-pressure", "greedy", "greedy-switching")


def test_the_catalog_has_native_controllers_and_ours() -> None:
    entries = parse_controllers(ALL)
    assert [entry.label for entry in entries] == list(ALL)
    assert [entry.is_native for entry in entries] == [True, True, False, False, False]
    assert all(entry.description for entry in entries)


def test_ours_are_built_by_name() -> None:
    assert isinstance(make_controller("max-pressure"), MaxPressure)
    assert isinstance(make_controller("greedy"), Greedy)
    assert isinstance(make_controller("greedy-switching"), Greedy)
    with pytest.raises(ConfigError, match="expected the name of a controller"):
        make_controller("fixed-time")


@pytest.mark.parametrize("name", [*PROGRAMS, *CLASSICAL])
def test_each_says_what_it_does_and_where_it_comes_from(name: str) -> None:
    (entry,) = parse_controllers([name])
    assert entry.description
    assert entry.source
    if not entry.is_native:
        make_controller(name)


def test_parameters_are_read_by_the_type_of_their_defaults() -> None:
    texts = [
        "sotl:threshold=20,platoon=2",
        "max-pressure:count=all,cyclic=true",
        "schedule:depth=2",
    ]
    found = [dict(entry.parameters) for entry in parse_controllers(texts)]
    assert found == [
        {"threshold": 20.0, "platoon": 2.0},
        {"count": "all", "cyclic": True},
        {"depth": 2},
    ]
    for text, parameters in zip(texts, found, strict=True):
        make_controller(text.partition(":")[0], parameters=parameters)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("greedy:switching_cots=1", "did you mean 'switching_cost'"),
        ("greedy:switching_cost=much", "switching_cost as a number, got 'much'"),
        ("schedule:depth=2.5", "depth as a whole number"),
        ("schedule:depth=0", "a depth of at least 1"),
        ("schedule:headway_s=0", "headway_s above 0"),
        ("schedule:horizon_s=nan", "horizon_s as a number"),
        ("max-pressure:count=some", "count as queued or all"),
        ("max-pressure:cyclic=yes", "cyclic as true or false"),
        ("fixed:cycle=90", "known: none"),
        ("gredy:growth=1", "did you mean 'greedy'"),
    ],
)
def test_bad_parameters_are_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_controllers([text])


def test_one_policy_is_called_policy(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.touch()
    (entry,) = parse_controllers([f"policy={path}"])
    assert (entry.label, entry.kind, entry.path) == ("policy", "policy", path)
    assert str(path) in entry.description


def test_several_policies_are_called_after_what_tells_them_apart(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one/train", "two/train", "best.onnx", "best.bundle")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    labels = [entry.label for entry in parse_controllers([f"policy={p}" for p in paths])]
    assert labels == [
        "policy=one-train",
        "policy=two-train",
        "policy=best.onnx",
        "policy=best.bundle",
    ]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([], "at least one controller"),
        (["gredy"], "did you mean 'greedy'.*choose from fixed, webster"),
        (["policy"], "expected policy=PATH"),
        (["policy="], "expected policy=PATH"),
        (["policy=/no/such"], "does not exist"),
        (["fixed", "greedy", "fixed"], "got 'fixed' twice"),
        (["nonsense"], "choose from fixed"),
    ],
)
def test_bad_names_are_refused_with_the_choices(names: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_controllers(names)


def test_the_same_policy_by_two_paths_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.touch()
    with pytest.raises(ConfigError, match="once"):
        parse_controllers([f"policy={path}", f"policy={tmp_path}/./x/../a.onnx"])


def test_a_run_folder_without_checkpoints_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    with pytest.raises(ConfigError, match="train first"):
        parse_controllers([f"policy={tmp_path}"])


def test_a_run_says_what_it_was_trained_on(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("scenario: resco-grid4x4\n")
    (tmp_path / "checkpoints").mkdir()
    (entry,) = parse_controllers([f"policy={tmp_path}"])
    assert entry.description.endswith(", trained on resco-grid4x4")


def test_the_digest_of_a_run_follows_its_checkpoints_alone(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoints" / "000000001000"
    checkpoint.mkdir(parents=True)
    (tmp_path / "config.yaml").touch()
    (checkpoint / "model.zip").write_text("one")
    before = policy_digest(tmp_path)
    (tmp_path / "curve.csv").write_text("a row")
    assert policy_digest(tmp_path) == before
    (checkpoint / "model.zip").write_text("two")
    assert policy_digest(tmp_path) != before
