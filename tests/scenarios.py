"""Short scenarios on real maps, for tests that run SUMO."""

from __future__ import annotations

from pathlib import Path

from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.schema import Scenario


def short(name: str, minutes: float = 5.0) -> Scenario:
    """Return a shipped scenario that ends after some minutes."""
    scenario = load_scenario(name)
    return scenario.model_copy(update={"end_s": scenario.begin_s + 60.0 * minutes})


def short_folder(folder: Path, minutes: float = 5.0) -> Path:
    """Write a scenario of cologne1 that ends after some minutes; return its folder."""
    nets = "package:sumo_rl/nets/RESCO/cologne1/cologne1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scenario.yaml").write_text(
        f"title: short\nnetwork: {nets}.net.xml\nroutes: [{nets}.rou.xml]\n"
        f"begin_s: 25200\nend_s: {25200 + 60 * minutes}\n"
        "timing: {yellow_s: 3, red_clearance_s: 0}\n"
    )
    return folder
