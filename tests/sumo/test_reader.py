import gzip
import importlib.util
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from signalrl.errors import NetworkError
from signalrl.network.model import Network
from signalrl.network.phases import conflicting_greens, greens
from signalrl.sumo.reader import load_net, read_network, stored_signals


def package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    return Path(next(iter(spec.submodule_search_locations or ())))


TOOLS = package("sumo") / "tools"
GAME = TOOLS / "game"
RILSA = TOOLS / "sumolib/scenario/scenarios/RealWorld"
RESCO = sorted((package("sumo_rl") / "nets/RESCO").glob("*/*.net.xml"))
NETWORKS = [
    *RESCO,
    *sorted(RILSA.glob("*/rilsa*.net.xml")),
    GAME / "fokr_bs_demo/fokr_bs.net.xml.gz",
    GAME / "fkk_in/ingolstadt.net.xml.gz",
    GAME / "bs3d/bs.net.xml",
]
SINGLE = RILSA / "RiLSA_example1/rilsa1.net.xml"


def name(path: Path) -> str:
    return path.name.split(".")[0]


@cache
def read(path: Path) -> Network:
    return read_network(path)


def netconvert(*options: str | Path) -> None:
    binary = package("sumo") / "bin/netconvert"
    environment = {**os.environ, "SUMO_HOME": str(package("sumo"))}
    subprocess.run([binary, *options], check=True, capture_output=True, env=environment)


def test_there_are_eight_resco_maps() -> None:
    assert len(RESCO) == 8


@pytest.mark.parametrize("path", NETWORKS, ids=name)
class TestEveryNetwork:
    def test_has_phases_without_conflicts(self, path: Path) -> None:
        for signal in read(path).signals:
            assert len(signal.phases) >= 2
            for phase in signal.phases:
                assert len(phase.state) == signal.size
                assert greens(phase.state)
                assert conflicting_greens(phase.state, signal.foes) == []

    def test_has_symmetric_foes_between_known_positions(self, path: Path) -> None:
        for signal in read(path).signals:
            assert np.array_equal(signal.foes, signal.foes.T)
            assert not signal.foes.diagonal().any()
            assert signal.foes.any()
            silent = set(range(signal.size)) - {link.position for link in signal.links}
            assert not signal.foes[sorted(silent)].any()

    def test_sorts_every_id(self, path: Path) -> None:
        network = read(path)
        for ids in (
            [signal.id for signal in network.signals],
            [lane.id for lane in network.lanes],
            [(zone.signal, zone.lane) for zone in network.zones],
            *([part.lane for part in zone.parts] for zone in network.zones),
            *([link.position for link in signal.links] for signal in network.signals),
        ):
            assert ids == sorted(ids)

    def test_has_a_zone_for_every_stop_line(self, path: Path) -> None:
        network = read(path)
        assert [(zone.signal, zone.lane) for zone in network.zones] == [
            (signal.id, lane) for signal in network.signals for lane in signal.approach_lanes
        ]
        for zone in network.zones:
            parts = {part.lane: part for part in zone.parts}
            assert (parts[zone.lane].share, parts[zone.lane].offset_m) == (1.0, 0.0)
            assert all(0 < part.share <= 1 for part in zone.parts)

    def test_measures_every_lane_of_its_zones_and_behind_its_junctions(self, path: Path) -> None:
        network = read(path)
        needed = {part.lane for zone in network.zones for part in zone.parts}
        for signal in network.signals:
            needed |= {link.to_lane for link in signal.links if not link.crossing}
        assert {lane.id for lane in network.lanes} == needed
        assert all(lane.length_m > 0 and lane.speed_m_s > 0 for lane in network.lanes)

    def test_survives_its_own_data(self, path: Path) -> None:
        network = read(path)
        assert Network.from_dict(network.to_dict()).hash == network.hash


@pytest.mark.parametrize("path", NETWORKS[:5], ids=name)
def test_detection_keeps_to_its_range(path: Path) -> None:
    for network, range_m in ((read_network(path, detection_range_m=60), 60), (read(path), 150)):
        assert all(0 <= part.offset_m < range_m for zone in network.zones for part in zone.parts)


def test_detection_reaches_past_short_lanes() -> None:
    path = next(path for path in RESCO if name(path) == "ingolstadt21")
    network = read(path)
    lengths = {lane.id: lane.length_m for lane in network.lanes}
    seen = [max(p.offset_m + lengths[p.lane] for p in zone.parts) for zone in network.zones]
    short = [lengths[zone.lane] < 50 for zone in network.zones]
    assert sum(short) > len(short) / 2
    assert sum(metres < 50 for metres in seen) < len(seen) / 10


class TestHash:
    def test_does_not_depend_on_where_the_file_lies(self, tmp_path: Path) -> None:
        zipped = tmp_path / "other name.net.xml.gz"
        zipped.write_bytes(gzip.compress(SINGLE.read_bytes()))
        assert read_network(zipped).hash == read(SINGLE).hash

    def test_feels_the_geometry_the_program_and_the_selection(self, tmp_path: Path) -> None:
        text = SINGLE.read_text()
        hashes = {read(SINGLE).hash}
        for i, (old, new) in enumerate([('speed="13.90"', 'speed="8.33"'), ('"31"', '"32"')]):
            assert old in text
            changed = tmp_path / f"{i}.net.xml"
            changed.write_text(text.replace(old, new))
            hashes.add(read_network(changed).hash)
        assert len(hashes) == 3
        path = next(path for path in RESCO if name(path) == "cologne3")
        some = [signal.id for signal in read(path).signals][:2]
        assert read_network(path, signals=some).hash != read(path).hash


class TestSelection:
    def test_controls_a_subset_and_names_the_rest(self) -> None:
        path = next(path for path in RESCO if name(path) == "cologne3")
        every = [signal.id for signal in read(path).signals]
        network = read_network(path, signals=every[1:])
        assert [signal.id for signal in network.signals] == every[1:]
        assert network.uncontrolled == ((every[0], "not selected"),)

    def test_of_an_unknown_id_lists_the_known_ones(self) -> None:
        with pytest.raises(NetworkError, match="got 'nobody'; the network has: 0"):
            read_network(SINGLE, signals=["nobody"])

    def test_of_a_signal_that_cannot_be_controlled_says_why(self) -> None:
        path = TOOLS / "sumolib/scenario/scenarios/RiLSA1OutTLS/rilsa1.net.xml"
        assert [reason[0] for reason in read_network(path).uncontrolled] == ["ea", "na", "sa", "wa"]
        with pytest.raises(NetworkError, match=r"'ea'.*at least two green phases") as caught:
            read_network(path, signals=["ea"])
        assert caught.value.code == "one-phase"

    def test_leaves_railways_alone(self) -> None:
        with pytest.raises(NetworkError, match="signal on tracks") as caught:
            read_network(GAME / "rail/net.net.xml")
        assert caught.value.code == "nothing-to-control"


class TestPrograms:
    def test_the_last_one_of_the_network_runs(self) -> None:
        program = read(GAME / "fkk_in/ingolstadt.net.xml.gz").signals[0].program
        assert program.id == "real_tl_4050_9"  # what SUMO's trafficlight.getProgram says

    def test_of_an_additional_file_replaces_it(self) -> None:
        network = read_network(SINGLE, additional=[RILSA / "RiLSA_example1/rilsa1_tls.add.xml"])
        (signal,) = network.signals
        assert signal.program.id == "own"
        assert sum(step.duration_s for step in signal.program.steps) == 72
        assert [phase.state for phase in signal.phases] == ["rrrGGgrrrGGg", "GGgrrrGGgrrr"]

    @pytest.mark.parametrize(
        "content",
        [
            None,
            "",
            "no xml",
            '<add><tlLogic id="0"><phase state="GG"/></tlLogic></add>',
            '<add><tlLogic><phase state="GG" duration="3"/></tlLogic></add>',
            '<add><tlLogic id="0" offset="x"><phase state="GG" duration="3"/></tlLogic></add>',
        ],
    )
    def test_of_a_broken_additional_file_is_an_error(
        self, tmp_path: Path, content: str | None
    ) -> None:
        path = tmp_path / "plan.add.xml"
        if content is not None:
            path.write_text(content)
        with pytest.raises(NetworkError, match=r"expected .*plan\.add|plan\.add\.xml: expected"):
            read_network(SINGLE, additional=[path])

    def test_of_a_zipped_additional_file_is_read(self, tmp_path: Path) -> None:
        plan = RILSA / "RiLSA_example1/rilsa1_tls.add.xml"
        zipped = tmp_path / "plan.add.xml.gz"
        zipped.write_bytes(gzip.compress(plan.read_bytes()))
        assert read_network(SINGLE, additional=[zipped]).signals[0].program.id == "own"


class TestGeometry:
    """Networks built for the purpose, small enough to know the answer."""

    @pytest.fixture(scope="class")
    @staticmethod
    def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A street W > A > B > S that widens from one lane to two before the signal S."""
        folder = tmp_path_factory.mktemp("built")
        (folder / "x.nod.xml").write_text(
            '<nodes><node id="W" x="0" y="0"/><node id="A" x="300" y="0"/>'
            '<node id="B" x="340" y="0"/><node id="S" x="360" y="0" type="traffic_light"/>'
            '<node id="E" x="500" y="0"/><node id="N" x="360" y="200"/></nodes>'
        )
        (folder / "x.edg.xml").write_text(
            '<edges><edge id="wa" from="W" to="A" numLanes="1" speed="13.89"/>'
            '<edge id="ab" from="A" to="B" numLanes="2" speed="13.89"/>'
            '<edge id="bs" from="B" to="S" numLanes="2" speed="13.89"/>'
            '<edge id="se" from="S" to="E" numLanes="2" speed="13.89"/>'
            '<edge id="ns" from="N" to="S" numLanes="1" speed="8.33"/></edges>'
        )
        (folder / "x.con.xml").write_text(
            '<connections><connection from="wa" to="ab" fromLane="0" toLane="0"/>'
            '<connection from="wa" to="ab" fromLane="0" toLane="1"/>'
            '<connection from="ab" to="bs" fromLane="0" toLane="0"/>'
            '<connection from="ab" to="bs" fromLane="1" toLane="0"/>'
            '<connection from="ab" to="bs" fromLane="1" toLane="1"/></connections>'
        )
        path = folder / "x.net.xml"
        netconvert("-n", folder / "x.nod.xml", "-e", folder / "x.edg.xml", "-x",
                   folder / "x.con.xml", "-o", path)  # fmt: skip
        return path

    def test_shares_of_a_lane_add_up_over_its_ways(self, built: Path) -> None:
        zones = {zone.lane: zone for zone in read_network(built).zones}
        shares = {part.lane: part.share for part in zones["bs_0"].parts}
        # ab_0 leads to bs_0 alone, ab_1 to both; wa_0 fans out to ab_0 and ab_1
        assert shares == {"bs_0": 1.0, "ab_0": 1.0, "ab_1": 0.5, "wa_0": 0.75}
        shares = {part.lane: part.share for part in zones["bs_1"].parts}
        assert shares == {"bs_1": 1.0, "ab_1": 0.5, "wa_0": 0.25}

    def test_a_zone_ends_at_the_range(self, built: Path) -> None:
        zones = {zone.lane: zone for zone in read_network(built, detection_range_m=5).zones}
        assert [part.lane for part in zones["bs_0"].parts] == ["bs_0"]

    @pytest.mark.parametrize("path", [SINGLE, *RESCO[1:3]], ids=name)
    def test_conflicts_do_not_depend_on_internal_lanes(self, path: Path, tmp_path: Path) -> None:
        plain = tmp_path / "plain.net.xml"
        netconvert("-s", path, "--no-internal-links", "-o", plain)
        for with_lanes, without in zip(
            stored_signals(load_net(path)).values(),
            stored_signals(load_net(plain)).values(),
            strict=True,
        ):
            assert np.array_equal(with_lanes.foes, without.foes)
            assert without.unjudged == ()
            for one, other in zip(with_lanes.links, without.links, strict=True):
                # Without lanes the way is taken as straight, so a turn is a little shorter.
                assert other.length_m == pytest.approx(one.length_m, rel=0.5)

    def test_links_know_speed_and_length_of_their_way(self) -> None:
        (signal,) = read(GAME / "fokr_bs_demo/fokr_bs.net.xml.gz").signals
        straight, left = (link for link in signal.links if link.position in (5, 7))
        assert (straight.direction, left.direction) == ("s", "l")
        assert left.speed_m_s == straight.speed_m_s == straight.path_speed_m_s == 13.89
        assert left.path_speed_m_s == 7.44
        assert 50 < straight.length_m < 70

    def test_crossings_are_no_approaches(self) -> None:
        (signal,) = read(GAME / "fokr_bs_demo/fokr_bs.net.xml.gz").signals
        crossings = [link for link in signal.links if link.crossing]
        assert [link.position for link in crossings] == [*range(38, 46)]
        assert not any(lane.startswith(":") for lane in signal.approach_lanes)
        for link in crossings:
            assert signal.foes[link.position].any()


def garbage(folder: Path) -> dict[str, bytes | None]:
    text = SINGLE.read_bytes()
    return {
        "missing.net.xml": None,
        "empty.net.xml": b"",
        "empty.net.xml.gz": gzip.compress(b""),
        "truncated.net.xml.gz": gzip.compress(text)[:1500],
        "cut.net.xml": text[:5000],
        "text.net.xml": b"no xml at all",
        "bytes.net.xml": bytes(range(256)),
        "broken.net.xml.gz": b"\x1f\x8b\x08nothing",
        "routes.net.xml": b"<routes><vehicle id='a'/></routes>",
        "edgeless.net.xml": b'<net version="1.20"></net>',
        "versionless.net.xml": b"<net></net>",
        "lane.net.xml": text.replace(b'fromLane="1"', b'fromLane="99"'),
        "number.net.xml": text.replace(b'linkIndex="1"', b'linkIndex="one"'),
    }


@pytest.mark.parametrize("file", garbage(Path()))
def test_garbage_is_refused_in_one_line(tmp_path: Path, file: str) -> None:
    content, path = garbage(tmp_path)[file], tmp_path / file
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NetworkError, match="expected a SUMO network") as caught:
        read_network(path)
    assert caught.value.code == "unreadable"
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="got a folder"):
        read_network(tmp_path)


def test_a_network_without_lights_is_refused() -> None:
    with pytest.raises(NetworkError, match="has no traffic light") as caught:
        read_network(GAME / "racing/spreewaldring.net.xml")
    assert caught.value.code == "nothing-to-control"


@pytest.mark.parametrize("pattern", ['foes="', "<request "])
def test_a_network_without_right_of_way_is_refused(tmp_path: Path, pattern: str) -> None:
    path = tmp_path / "x.net.xml"
    path.write_text(
        SINGLE.read_text().replace(pattern, pattern.replace("f", "_").replace("r", "x"))
    )
    with pytest.raises(NetworkError, match=r"conflicts are unknown|can't be read"):
        read_network(path)


def test_a_copy_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "copy.net.xml"
    shutil.copy(SINGLE, path)
    assert read_network(path).to_dict() == read(SINGLE).to_dict()
