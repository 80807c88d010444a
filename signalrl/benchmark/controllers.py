"""The controllers that can be benchmarked, by name."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from signalrl.control.controllers import Controller, Greedy, MaxPressure
from signalrl.errors import ConfigError

NATIVE = {
    "fixed": "the program stored with the network, run by SUMO",
    "actuated": "SUMO's gap-based actuation of the stored phases",
}
CLASSICAL: dict[str, tuple[str, Callable[[], Controller]]] = {
    "max-pressure": ("queues before the junction less queues behind it", MaxPressure),
    "greedy": ("the phase with the most vehicles, queued and approaching", Greedy),
    "greedy-switching": (
        "greedy, less the vehicles that a change cuts off",
        lambda: Greedy(switching_cost=1.0),
    ),
}
POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Entry:
    """A controller of a benchmark.

    Attributes:
        label: What it is called in results.
        kind: A name of the catalog.
        path: Run folder, bundle or ONNX file of a policy; None for the others.
    """

    label: str
    kind: str
    path: Path | None = None

    @property
    def is_native(self) -> bool:
        """Whether SUMO runs it, without the control loop."""
        return self.kind in NATIVE

    @property
    def description(self) -> str:
        """What it does, in a few words."""
        if self.kind in NATIVE:
            return NATIVE[self.kind]
        if self.kind in CLASSICAL:
            return CLASSICAL[self.kind][0]
        return f"the trained policy in {self.path}"


def controller_names() -> tuple[str, ...]:
    """Return what ``--controller`` takes."""
    return (*NATIVE, *CLASSICAL, f"{POLICY}=PATH")


def parse_controllers(texts: Sequence[str]) -> tuple[Entry, ...]:
    """Turn names as they are written into controllers with distinct labels.

    Raises:
        ConfigError: A name is unknown or comes twice, or a policy is not there.
    """
    if not texts:
        raise ConfigError(f"expected at least one controller, got none; {_choices()}")
    for text in texts:
        if texts.count(text) > 1:
            raise ConfigError(f"expected every controller once, got {text!r} twice")
    labels = _policy_labels([Path(text.partition("=")[2]) for text in texts if _is_policy(text)])
    entries = []
    for text in texts:
        if _is_policy(text):
            path = Path(text.partition("=")[2])
            _check_policy(path)
            entries.append(Entry(labels[path], POLICY, path))
        elif text in NATIVE or text in CLASSICAL:
            entries.append(Entry(text, text))
        else:
            raise ConfigError(_unknown(text))
    return tuple(entries)


def make_controller(kind: str, policy: Path | None = None) -> Controller:
    """Build a controller that is run by the control loop.

    Args:
        kind: A name of the catalog that is not native.
        policy: Bundle or ONNX file, for a policy.

    Raises:
        ConfigError: There is no such controller.
        BundleError: The policy can't be loaded.
    """
    if kind in CLASSICAL:
        return CLASSICAL[kind][1]()
    if kind == POLICY and policy is not None:
        from signalrl.deploy.policy import load_policy

        return load_policy(policy)
    raise ConfigError(_unknown(kind))


def is_run_folder(path: Path) -> bool:
    """Return whether this is the folder of a training rather than something exported."""
    return (path / "config.yaml").is_file()


def policy_digest(path: Path) -> str:
    """Return a hash of what a policy is made of: a file, a bundle, or a run's checkpoints."""
    root = path / "checkpoints" if is_run_folder(path) else path
    files = sorted(p for p in root.rglob("*") if p.is_file()) if root.is_dir() else [root]
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file.relative_to(root)).encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _is_policy(text: str) -> bool:
    return text.startswith(f"{POLICY}=") and len(text) > len(POLICY) + 1


def _policy_labels(paths: Sequence[Path]) -> dict[Path, str]:
    """Name policies by their files, with as many folders above as tell them apart."""
    if len(paths) == 1:
        return {paths[0]: POLICY}
    parts = {path: path.resolve().parts for path in paths}
    labels: dict[Path, str] = {}
    for path, own in parts.items():
        others = [other for p, other in parts.items() if p != path]
        depth = next(
            (d for d in range(1, len(own)) if all(own[-d:] != other[-d:] for other in others)), 0
        )
        if not depth:
            raise ConfigError(f"expected every controller once, got policy={path} twice")
        labels[path] = f"{POLICY}=" + "-".join(own[-depth:])
    return labels


def _check_policy(path: Path) -> None:
    if not path.exists():
        raise ConfigError(
            f"expected a run folder, a bundle or an .onnx file for policy=, got {path}, "
            "which does not exist"
        )
    if is_run_folder(path) and not (path / "checkpoints").is_dir():
        raise ConfigError(
            f"expected a run folder with checkpoints/, got none in {path}; train first: "
            f"signalrl train CONFIG --out {path}"
        )


def _unknown(name: str) -> str:
    if name.partition("=")[0] == POLICY:
        return f"expected policy=PATH with a run folder, a bundle or an .onnx file, got {name!r}"
    near = difflib.get_close_matches(name, [*NATIVE, *CLASSICAL, POLICY], n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"expected the name of a controller, got {name!r}; {hint}{_choices()}"


def _choices() -> str:
    return f"choose from {', '.join(controller_names())}"
