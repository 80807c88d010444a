from __future__ import annotations

from pathlib import Path

import pytest

from signalrl.scenario.catalog import load_scenario

SCENARIO = """
title: A few minutes at one signal
network: {network}
end_s: {end_s}
demand:
  vehicles: {{car: {{share: 1}}}}
  flows:
    - {{from: n_in, to: s_out, veh_h: 900}}
    - {{from: e_in, to: s_out, veh_h: 400}}
    - {{from: w_in, to: e_out, veh_h: 1500}}
timing: {{yellow_s: {yellow_s}}}
sumo: {{options: ["--precision", "9"]}}
"""


def write_scenario(folder: Path, end_s: int = 150, yellow_s: float | str = "auto") -> Path:
    """A scenario of our own intersection that is over soon."""
    folder.mkdir(parents=True, exist_ok=True)
    network = load_scenario("single").network_file
    text = SCENARIO.format(network=network, end_s=end_s, yellow_s=yellow_s)
    (folder / "scenario.yaml").write_text(text)
    return folder


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenario(tmp_path_factory.mktemp("scenarios") / "short")
