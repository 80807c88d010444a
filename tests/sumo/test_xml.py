"""One reader for all of SUMO's XML: plain or compressed, whole or not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from signalrl.errors import ConfigError, NetworkError, SimulationError
from signalrl.sumo.traffic import entry_edges
from signalrl.sumo.xml import elements, read_output, read_xml

TEXT = b"<routes><trip id='a' from='x' to='y'/><flow id='b'/><trip id='c' from='z'/></routes>"
BROKEN = {
    "no XML": b"routes",
    "half": TEXT[:40],
    "empty": b"",
    "half of an archive": gzip.compress(TEXT)[:40],
    "an archive in name": b"\x1f\x8b\x08nothing",
}


@pytest.mark.parametrize("name", ["a.xml", "a.xml.gz", "a"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_content_says_whether_a_file_is_compressed(
    name: str, packed: bool, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(TEXT) if packed else TEXT)
    assert [e.get("id") for e in read_xml(path, "routes", ConfigError)] == ["a", "b", "c"]
    assert [e.get("id") for e in read_output(path)] == ["a", "b", "c"]
    assert [e.get("id") for e in elements(path, "trip")] == ["a", "c"]
    assert entry_edges([path]) == {"a": "x", "c": "z"}
    path.write_bytes(b"<routes><trip id='a' fromJunction='j' to='y'/></routes>")
    assert entry_edges([path]) == {}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_or_missing_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    for _ in range(2):
        with pytest.raises(NetworkError, match=r"expected a network at .*a\.xml, got: "):
            read_xml(path, "a network", NetworkError)
        with pytest.raises(SimulationError, match=r"a complete output of SUMO at .*a\.xml, got: "):
            read_output(path)
        path.write_bytes(content)
