import importlib.util
import json
from pathlib import Path

import pytest

from signalrl.cli_check import check
from signalrl.errors import ConfigError, NetworkError, SignalRLError
from signalrl.scenario.catalog import gym_id, scenario_names


def tools() -> Path:
    spec = importlib.util.find_spec("sumo")
    assert spec is not None
    return Path(next(iter(spec.submodule_search_locations or ()))) / "tools"


SINGLE = tools() / "sumolib/scenario/scenarios/RealWorld/RiLSA_example1/rilsa1.net.xml"
POOR = tools() / "game/fkk_in/ingolstadt.net.xml.gz"


def test_shows_phases_timings_and_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(str(SINGLE)) == 0
    text = capsys.readouterr().out
    assert "signal 0" in text
    assert "GGgrrrGGgrrr" in text
    assert "red" in text
    assert "1 of 1 signals can be controlled; 0 errors, 0 warnings, 1 info" in " ".join(
        text.split()
    )


def test_tells_by_its_result_whether_there_are_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(str(POOR)) == 1
    text = capsys.readouterr().out
    assert "error unserved" in text
    assert "warning conflicting-greens" in text


def test_prints_json_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(str(POOR), as_json=True) == 1
    data = json.loads(capsys.readouterr().out)
    assert [signal["id"] for signal in data["signals"]] == ["335525545", "gneJ21"]
    assert data["signals"][0]["findings"][0]["level"] == "error"
    assert set(data["signals"][0]["phases"][0]) == {"index", "state", "min_green_s", "clearances"}


def test_fits_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    check(str(POOR))
    assert max(len(line.rstrip()) for line in capsys.readouterr().out.splitlines()) <= 72


@pytest.mark.parametrize("name", scenario_names())
def test_every_shipped_environment_passes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(name) == 0
    assert f"{name}: " in capsys.readouterr().out


def test_takes_an_id_of_gymnasium(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(gym_id("resco-cologne1")) == 0
    assert "resco-cologne1: 1 of 1" in capsys.readouterr().out


def test_refuses_what_is_neither_network_nor_environment(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"resco-cologne8.*or give a network file"):
        check("resco-cologn8")
    with pytest.raises(NetworkError, match="got a folder"):
        check(str(tmp_path))
    with pytest.raises(NetworkError, match="got no file"):
        check(str(tmp_path / "x.net.xml"))
    with pytest.raises(ConfigError, match="can't be looked at"):
        check("x" * 5000)


@pytest.mark.parametrize("content", [b"", b"text", b"\x1f\x8b\x08", b"<routes/>"])
def test_garbage_is_bad_input(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.net.xml"
    path.write_bytes(content)
    with pytest.raises(SignalRLError, match="expected a SUMO network") as caught:
        check(str(path))
    assert caught.value.exit_code == 2
