"""Bundles: everything that running a policy needs, in one file that vouches for itself.

A bundle is a zip file of

- ``model.onnx``, the network: ``observation`` (N, P, F) to ``logits`` (N, P),
- ``manifest.json``, see :class:`signalrl.deploy.manifest.Manifest`,
- ``network.json``, the signals and lanes that it was trained for,
- ``fallback.json``, each signal's stored program,
- ``MODEL_CARD.md``, the same for people,
- ``golden.npz``, observations and what the trained network made of them, and
- ``SHA256SUMS``, over all the others.

The checksums find damage, not malice: they are not signed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signalrl.control.controllers.policy import Policy
from signalrl.control.observation import FEATURES
from signalrl.deploy import archive
from signalrl.deploy.archive import CHECKSUMS, Archive
from signalrl.deploy.card import model_card
from signalrl.deploy.golden import Golden
from signalrl.deploy.manifest import (
    Fallback,
    Manifest,
    ObservationSchema,
    TrainingInfo,
    check_format,
    check_network,
    check_schema,
    parse,
    phases_of,
)
from signalrl.deploy.scorer import OnnxScorer
from signalrl.errors import BundleError, NetworkError
from signalrl.network.model import Network, Program
from signalrl.network.timing import TimingRules

MODEL, MANIFEST, NETWORK = "model.onnx", "manifest.json", "network.json"
FALLBACK, CARD, GOLDEN = "fallback.json", "MODEL_CARD.md", "golden.npz"
_MIB = 2**20
MEMBERS = {
    MANIFEST: _MIB,
    MODEL: 48 * _MIB,
    NETWORK: 128 * _MIB,
    FALLBACK: 16 * _MIB,
    CARD: _MIB,
    GOLDEN: 48 * _MIB,
    CHECKSUMS: 64 * 1024,
}
"""The members of a bundle and the largest size of each in bytes."""


@dataclass(frozen=True, eq=False, slots=True)
class Bundle:
    """A bundle that has been read and found to be sound.

    Attributes:
        path: The file.
        manifest: What it says of itself.
        network: The signals and lanes that the policy was trained for.
        fallback: Stored program by id of the signal.
        card: The model card, in Markdown.
        golden: What the trained network made of recorded observations.
        scorer: The network.
    """

    path: Path
    manifest: Manifest
    network: Network
    fallback: Mapping[str, Program]
    card: str
    golden: Golden
    scorer: OnnxScorer

    def policy(self) -> Policy:
        """Return a controller that follows the network."""
        return Policy(self.scorer, self.manifest.observation.inflow)


def write_bundle(
    path: Path,
    *,
    model: bytes,
    golden: Golden,
    network: Network,
    timing: TimingRules,
    decision_interval_s: float,
    training: TrainingInfo,
    versions: Mapping[str, str],
) -> Path:
    """Write a bundle, after reading it back and comparing it with the trained network.

    Equal arguments give equal bytes. Where it fails, what was at ``path`` stays.

    Args:
        path: The file, by custom ``x.bundle``; its folder is made where it is missing.
        model: The network as ONNX.
        golden: Recorded observations, and the trained network's logits. Whether the policy sees
            the expected inflow shows in their features.
        network: The signals and lanes that it was trained for.
        timing: The rules that they were timed by.
        decision_interval_s: Time between two decisions, in s.
        training: What it was trained on.
        versions: Versions of the libraries at the training and the export.

    Returns:
        The path.

    Raises:
        BundleError: ONNX and trained network disagree, or an argument does not fit the others.
        ConfigError: onnxruntime is not installed.
    """
    manifest = Manifest(
        observation=ObservationSchema.of(inflow=golden.observations.shape[2] != FEATURES),
        network_hash=network.hash,
        signals=phases_of(network),
        timing=timing,
        decision_interval_s=decision_interval_s,
        versions=dict(sorted(versions.items())),
        training=training,
    )
    fallback = Fallback(signals={signal.id: signal.program for signal in network.signals})
    members = {
        MANIFEST: f"{manifest.model_dump_json(indent=2)}\n".encode(),
        MODEL: model,
        NETWORK: f"{json.dumps(network.to_dict())}\n".encode(),
        FALLBACK: f"{fallback.model_dump_json(indent=2)}\n".encode(),
        CARD: model_card(manifest).encode(),
        GOLDEN: golden.to_bytes(),
    }
    members[CHECKSUMS] = archive.checksums(members)
    archive.write_atomically(path, archive.pack(members), check=load_bundle)
    return path


def load_bundle(path: Path) -> Bundle:
    """Read a bundle and check all of it.

    Checked are: the members and their sizes, the checksums, the version of the format, the schema
    of the observations, that all members speak of the same signals, and that onnxruntime gives the
    trained network's logits within 1e-4. Nothing is unpickled and nothing is written to disk.

    Raises:
        BundleError: The file is no bundle, incomplete, altered or from another version.
        ConfigError: onnxruntime is not installed.
    """
    where = str(path)
    content = archive.read_limited(path)
    if not content.startswith(archive.MAGIC):
        raise BundleError(
            f"{where}: expected a bundle, a zip file, got something else; "
            "make one with: signalrl export RUN -o x.bundle"
        )
    zipped = Archive(content, where)
    # First, so that a later version of the format says so instead of having unknown members.
    check_format(zipped.read(MANIFEST, MEMBERS[MANIFEST]), f"{where}, {MANIFEST}")
    members = zipped.read_all(MEMBERS)
    _check_sums(members, where)

    manifest = parse(Manifest, members[MANIFEST], f"{where}, {MANIFEST}")
    check_schema(manifest.observation, where)
    fallback = parse(Fallback, members[FALLBACK], f"{where}, {FALLBACK}")
    network = _read_network(members[NETWORK], f"{where}, {NETWORK}")
    check_network(manifest, fallback, network, where)
    features = manifest.observation.features
    golden = Golden.from_bytes(members[GOLDEN], f"{where}, {GOLDEN}", len(features))
    scorer = OnnxScorer(members[MODEL], f"{where}, {MODEL}")
    if scorer.inflow != manifest.observation.inflow:
        raise BundleError(
            f"{where}: expected a model of the {len(features)} features in {MANIFEST}, got one of "
            f"another number in {MODEL}; export the policy again"
        )
    golden.check(scorer, where)
    card = members[CARD].decode(errors="replace")
    return Bundle(path, manifest, network, fallback.signals, card, golden, scorer)


def _check_sums(members: Mapping[str, bytes], where: str) -> None:
    contents = {name: content for name, content in members.items() if name != CHECKSUMS}
    expected, found = members[CHECKSUMS], archive.checksums(contents)
    if found != expected:
        said = expected.decode(errors="replace").splitlines()
        lines = found.decode().splitlines()
        changed = [line.split("  ")[1] for line in lines if line not in said] or [CHECKSUMS]
        raise BundleError(
            f"{where}: expected the content that {CHECKSUMS} names, got another {changed[0]}; the "
            "bundle was altered: copy it again, or export the policy again"
        )


def _read_network(content: bytes, where: str) -> Network:
    try:
        data: Any = json.loads(content)
        network = Network.from_dict(data)
        # Judged here, since from_dict takes what it is given.
        network.hash  # noqa: B018
    except (NetworkError, AttributeError, RecursionError, TypeError, ValueError) as error:
        raise BundleError(
            f"{where}: expected a network, got {' '.join(str(error).split())[:200]}; "
            "export the policy again"
        ) from error
    return network
