"""The script that makes a history of counts: what it says of wrong arguments."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "history.py"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["arena", "--kind", "sport"], "error: --kind: expected a kind of the season .*'sport'"),
        (["cologne-concert", "--scale", "0.5"], "error: --scale: .* recorded trips; leave it out"),
        (["single"], "error: single: expected an environment with events"),
        (["nowhere"], "error: .*nowhere"),
    ],
)
def test_wrong_arguments_are_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    out = tmp_path / "counts.csv"
    env, *options = arguments
    monkeypatch.setattr(sys, "argv", ["history.py", env, str(out), *options])
    with pytest.raises(SystemExit, match=said):
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert not out.exists()
