from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from signalrl.benchmark.programs import Site
from signalrl.network.model import Network
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import scenario_network

Sites = Callable[..., Site]


@cache
def _load(name: str) -> tuple[Scenario, Network]:
    scenario = load_scenario(name)
    return scenario, scenario_network(scenario)


@pytest.fixture
def site_of(tmp_path: Path) -> Sites:
    """Builds the site of a scenario, each in a folder of its own."""

    def build(name: str | Path, seed: int = 1) -> Site:
        folder = tmp_path / f"site-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return Site(*_load(str(name)), seed, folder)

    return build
