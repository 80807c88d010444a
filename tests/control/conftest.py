"""What the tests of control share."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from signalrl.network.model import Network
from signalrl.sumo.reader import read_network
from tests.networks import make_network

MAPS = (
    "arterial4x4",
    "cologne1",
    "cologne3",
    "cologne8",
    "grid4x4",
    "ingolstadt1",
    "ingolstadt21",
    "ingolstadt7",
)


@pytest.fixture(scope="session")
def resco() -> Network:
    """The signals of all eight RESCO maps, as if they stood in one city."""
    spec = importlib.util.find_spec("sumo_rl")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "nets" / "RESCO"
    signals = []
    for name in MAPS:
        network = read_network(folder / name / f"{name}.net.xml")
        signals += [replace(signal, id=f"{name} {signal.id}") for signal in network.signals]
    return make_network(signals)
