"""A bundle is read as it was written, or refused with a reason."""

from __future__ import annotations

import io
import json
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalrl.control.observation import FEATURES
from signalrl.deploy.archive import checksums, pack
from signalrl.deploy.bundle import Bundle, load_bundle, write_bundle
from signalrl.deploy.golden import Golden
from signalrl.deploy.manifest import TrainingInfo
from signalrl.errors import BundleError, ConfigError
from signalrl.network.timing import TimingRules
from tests.deploy.models import EXPECTING, GREEDY, golden_of, linear_model, make_bundle
from tests.networks import junction, networks, timing_rules

Members = dict[str, bytes]
SAME_FOLDER = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundle") / "x.bundle")


def members_of(path: Path) -> Members:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def rewrite(path: Path, members: Members) -> Path:
    """Write members as a bundle whose checksums are right."""
    contents = {name: content for name, content in members.items() if name != "SHA256SUMS"}
    path.write_bytes(pack({**contents, "SHA256SUMS": checksums(contents)}))
    return path


def behaviour(bundle: Bundle) -> tuple[Any, ...]:
    """All that a bundle does and says."""
    return (
        bundle.manifest,
        bundle.network.hash,
        bundle.fallback,
        bundle.card,
        bundle.golden.observations.tobytes(),
        bundle.scorer(bundle.golden.observations).tobytes(),
    )


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@settings(SAME_FOLDER, max_examples=40)
@given(network=networks(), timing=timing_rules())
def test_what_is_written_is_read(tmp_path: Path, network: Any, timing: TimingRules) -> None:
    bundle = load_bundle(make_bundle(tmp_path / "x.bundle", network, timing))
    assert bundle.network.to_dict() == network.to_dict()
    assert bundle.manifest.network_hash == network.hash
    assert bundle.manifest.timing == timing
    assert bundle.manifest.training.demand_range == (0.9, 1.0)
    assert [signal.id for signal in bundle.manifest.signals] == [s.id for s in network.signals]
    assert bundle.fallback == {signal.id: signal.program for signal in network.signals}
    assert np.array_equal(bundle.golden.logits, golden_of().logits)
    assert all(f"| {signal.id} |" in bundle.card for signal in network.signals)


def test_a_bundle_says_whether_its_policy_sees_the_expected_inflow(
    sound: Path, tmp_path: Path
) -> None:
    plain = load_bundle(sound)
    expecting = load_bundle(make_bundle(tmp_path / "x.bundle", weights=EXPECTING))
    seen, more = (bundle.manifest.observation for bundle in (plain, expecting))
    assert (seen.inflow, more.inflow) == (False, True)
    assert more.features == (*seen.features, "INFLOW_5", "INFLOW_15")
    assert seen.schema_hash != more.schema_hash
    assert "calendar" in expecting.card
    assert "calendar" not in plain.card


def test_equal_policies_give_equal_bytes(sound: Path, tmp_path: Path) -> None:
    assert make_bundle(tmp_path / "deep" / "y.bundle").read_bytes() == sound.read_bytes()


@SAME_FOLDER
@given(data=st.data())
def test_an_altered_byte_is_noticed_or_means_nothing(
    sound: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(sound.read_bytes())
    directory = content.index(b"PK\x01\x02")
    first = data.draw(st.sampled_from([0, directory]))  # the small directory as often as the rest
    content[data.draw(st.integers(first, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    altered = tmp_path / "altered.bundle"
    altered.write_bytes(content)
    try:
        bundle = load_bundle(altered)
    except BundleError:
        return
    assert behaviour(bundle) == behaviour(load_bundle(sound))


@SAME_FOLDER
@given(data=st.data())
def test_a_truncated_bundle_is_refused(sound: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = sound.read_bytes()
    part = tmp_path / "part.bundle"
    part.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(BundleError, match=r"part\.bundle: expected"):
        load_bundle(part)


@given(content=st.binary(max_size=300), marked=st.booleans())
@SAME_FOLDER
def test_any_other_file_is_refused(tmp_path: Path, content: bytes, marked: bool) -> None:
    path = tmp_path / "foreign.bundle"
    path.write_bytes((b"PK\x03\x04" if marked else b"") + content)
    with pytest.raises(BundleError, match="expected a"):
        load_bundle(path)


def manifest(**changes: Any) -> Callable[[Members], None]:
    """Change keys of the manifest; a dictionary changes keys of the one that is there."""

    def change(members: Members) -> None:
        data = json.loads(members["manifest.json"])
        for key, value in changes.items():
            data[key] = {**data[key], **value} if isinstance(value, dict) else value
        members["manifest.json"] = json.dumps(data).encode()

    return change


def member(name: str, content: bytes) -> Callable[[Members], None]:
    return lambda members: members.update({name: content})


def without(name: str) -> Callable[[Members], None]:
    return lambda members: members.pop(name) and None


def reordered(members: Members) -> None:
    features = json.loads(members["manifest.json"])["observation"]["features"]
    manifest(observation={"features": features[::-1]})(members)


def swapped_phases(members: Members) -> None:
    signals = json.loads(members["manifest.json"])["signals"]
    signals[0]["phases"].reverse()
    manifest(signals=signals)(members)


def other_network(members: Members) -> None:
    network = json.loads(members["network.json"])
    network["lanes"][0]["length_m"] += 1
    members["network.json"] = json.dumps(network).encode()


def program(**step: Any) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        fallback = json.loads(members["fallback.json"])
        fallback["signals"]["A"]["steps"][0].update(step)
        members["fallback.json"] = json.dumps(fallback).encode()

    return change


GOLDEN = golden_of()
OBJECTS = npz(observations=np.array([object()]), logits=np.zeros((1, 1)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (manifest(format_version=2), "expected version 1 of the format, got 2"),
        (manifest(format="zoo"), "expected the format 'signalrl-bundle', got 'zoo'"),
        (manifest(surprise=1), "mismatch at surprise"),
        (manifest(decision_interval_s=0), "mismatch at decision_interval_s"),
        (manifest(timing={"yellow_s": -1}), r"timing\.yellow_s"),
        (manifest(timing={"blue_s": 1}), "blue_s"),
        (manifest(observation={"schema_hash": "0" * 64}), "features of the same names"),
        (manifest(observation={"features": ["SPEED"]}), r"with \['SPEED'\]"),
        (reordered, "in another order"),
        (manifest(network_hash="0" * 64), "expected the network 000000000000"),
        (swapped_phases, r"phases of network\.json"),
        (other_network, r"in network\.json"),
        (member("network.json", b"[" * 100_000), "expected a network"),
        (member("network.json", b"[]"), "expected a network"),
        (member("manifest.json", b"{"), r"manifest\.json: expected what signalrl export writes"),
        (member("fallback.json", b'{"signals": {}}'), "expected programs of"),
        (program(duration_s=0), "more than 0 s"),
        (program(state="Gr"), "states of 3 letters"),
        (program(colour="blue"), "colour"),
        (member("golden.npz", b"no"), "sound zip file"),
        (member("golden.npz", OBJECTS), "NumPy array of numbers"),
        (member("golden.npz", npz(observations=1)), "expected the member"),
        (member("golden.npz", npz(observations=1, logits=1)), "float32"),
        (
            member("golden.npz", npz(observations=GOLDEN.observations[0], logits=GOLDEN.logits)),
            "expected observations of shape",
        ),
        (
            member("golden.npz", npz(observations=GOLDEN.observations, logits=GOLDEN.logits[1:])),
            r"expected logits of shape \(5, 3\), got \(4, 3\)",
        ),
        (
            member("golden.npz", Golden(GOLDEN.observations, GOLDEN.logits + 0.01).to_bytes()),
            "logits of the trained network within 0.0001",
        ),
        (member("model.onnx", b"no"), "expected an ONNX model"),
        (member("model.onnx", linear_model(GREEDY[:-1], ("observation", ["N", "P", FEATURES - 1]))),
         f"model of {FEATURES} features per phase, got one of {FEATURES - 1}"),
        (member("model.onnx", linear_model(EXPECTING)), "got one of another number"),
        (member("model.onnx", linear_model(inputs=("x", ["N", "P", FEATURES]))),
         "the one input 'observation'"),
        (member("model.onnx", linear_model(inputs=("observation", [5, "P", FEATURES]))),
         "free number of rows"),
        (member("model.onnx", linear_model(output="y")), "the one output 'logits'"),
        (member("model.onnx", linear_model(GREEDY * np.float32("nan"))), "difference of nan"),
        (member("MODEL_CARD.md", b"x" * (2**20 + 1)), "at most 1048576 bytes"),
        (member("../../evil.py", b"x"), r"got '\.\./\.\./evil\.py' too"),
        (without("MODEL_CARD.md"), r"expected the member MODEL_CARD\.md"),
        (without("manifest.json"), r"expected the member manifest\.json"),
    ],
)  # fmt: skip
def test_a_bundle_that_does_not_fit_is_refused(
    sound: Path, tmp_path: Path, change: Callable[[Members], None], reason: str
) -> None:
    members = members_of(sound)
    change(members)
    with pytest.raises(BundleError, match=reason):
        load_bundle(rewrite(tmp_path / "x.bundle", members))


def test_the_checksums_name_what_was_altered(sound: Path, tmp_path: Path) -> None:
    members = members_of(sound)
    members["MODEL_CARD.md"] += b"Approved for all cities.\n"
    (tmp_path / "x.bundle").write_bytes(pack(members))
    with pytest.raises(BundleError, match=r"got another MODEL_CARD\.md"):
        load_bundle(tmp_path / "x.bundle")


def test_a_member_that_comes_twice_is_refused(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.bundle"
    path.write_bytes(sound.read_bytes())
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("MODEL_CARD.md", "another")
    with pytest.raises(BundleError, match="every member once"):
        load_bundle(path)


def test_thousands_of_members_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "x.bundle"
    path.write_bytes(pack({str(i): b"" for i in range(1000)}))
    with pytest.raises(BundleError, match="a handful of members"):
        load_bundle(path)


def test_an_unusual_compression_is_refused(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.bundle"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        for name, content in members_of(sound).items():
            file.writestr(name, content)
    with pytest.raises(BundleError, match="stored or deflated"):
        load_bundle(path)


def test_nothing_is_unpickled(sound: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "sprung",)

    buffer = io.BytesIO()
    np.save(buffer, np.array([Trap()], dtype=object), allow_pickle=True)
    trap = pack({"observations.npy": buffer.getvalue(), "logits.npy": pickle.dumps(Trap())})
    members = {**members_of(sound), "golden.npz": trap}
    with pytest.raises(BundleError):
        load_bundle(rewrite(tmp_path / "x.bundle", members))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["missing.bundle", "."])
def test_a_path_without_a_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match=r"expected a bundle or an \.onnx file"):
        load_bundle(tmp_path / name)


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = make_bundle(tmp_path / "x.bundle")
    before = path.read_bytes()
    golden = golden_of()
    with pytest.raises(BundleError, match="logits of the trained network"):
        write_bundle(
            path,
            model=linear_model(),
            golden=Golden(golden.observations, golden.logits + 1),
            network=junction(),
            timing=TimingRules(),
            decision_interval_s=5.0,
            training=TrainingInfo(scenario="single", timesteps=1),
            versions={},
        )
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_without_onnxruntime_it_is_named(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match="pip install onnxruntime"):
        load_bundle(sound)
