"""The figure of the comparison with peers, from results as they are stored."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "peers" / "curves.py"


def draw(folder: Path) -> None:
    spec = importlib.util.spec_from_file_location("curves", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.draw(folder)


def side(label: str, *delays_s: float, mode: str = "greedy") -> dict[str, Any]:
    points = [
        {"wall_s": 10.0 * i, "rows": i, f"delay_s_{mode}": {"201": s, "202": s + 1.0}}
        for i, s in enumerate(delays_s)
    ]
    return {"label": label, "mode": mode, "checkpoints": points}


def test_each_map_and_all_together_are_drawn_the_same_each_time(tmp_path: Path) -> None:
    sides = {
        "signalrl-ppo": side("ours", 18.0, 16.0),
        "sumo-rl-ppo": side("theirs", 900.0, 50.0, 40.0, mode="sampled"),
        "sumo-rl-dqn": side("theirs too", 900.0, 30.0),
        "fixed": side("fixed", 49.0),
        "greedy": side("greedy", 17.0),
    }
    for name in ("a", "b"):
        stored = {"map": name, "budget_s": 20.0, "sides": sides}
        (tmp_path / f"{name}.json").write_text(json.dumps(stored))
    draw(tmp_path)
    drawn = {path.name: path.read_bytes() for path in tmp_path.glob("*.svg")}
    assert set(drawn) == {"a.svg", "b.svg", "curves.svg"}
    draw(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.svg")} == drawn
