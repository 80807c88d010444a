"""The controllers that can be benchmarked, by name."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import yaml

from signalrl.benchmark.parameters import Value, defaults, parse_parameters
from signalrl.benchmark.programs import PROGRAMS, Program, Site
from signalrl.control.controllers import (
    Controller,
    Greedy,
    LongestQueue,
    MaxPressure,
    ScheduleDriven,
    SelfOrganizing,
)
from signalrl.errors import ConfigError, SignalRLError


@dataclass(frozen=True, slots=True)
class Kind:
    """A controller that is run by the control loop.

    Attributes:
        description: What it does, in a few words.
        source: Where it comes from.
        make: Builds it; its keyword-only arguments are its parameters.
    """

    description: str
    source: str
    make: Callable[..., Controller]


RESCO = "Ault and Sharon, NeurIPS 2021 (max-wave)"
VARAIYA = "Varaiya, Transportation Research Part C 36, 2013"
CLASSICAL: dict[str, Kind] = {
    "longest-queue": Kind(
        "the phase with the most queued vehicles",
        "Wunderlich et al., IEEE T-ITS 9(3), 2008",
        LongestQueue,
    ),
    "max-pressure": Kind("queues before the junction less queues behind it", VARAIYA, MaxPressure),
    "max-pressure-all": Kind(
        "max-pressure that counts approaching vehicles too",
        VARAIYA,
        partial(MaxPressure, count="all"),
    ),
    "max-pressure-room": Kind(
        "max-pressure that weighs how free the lanes behind are",
        "Gregoire et al., IEEE TCNS 2(2), 2015",
        partial(MaxPressure, count="all", room=True),
    ),
    "max-pressure-cyclic": Kind(
        "max-pressure that keeps the order of the phases",
        "Levin et al., Transportation Research Part C 120, 2020",
        partial(MaxPressure, count="all", cyclic=True),
    ),
    "greedy": Kind("the phase with the most vehicles, queued and approaching", RESCO, Greedy),
    "greedy-switching": Kind(
        "greedy, less the vehicles that a change cuts off",
        RESCO,
        partial(Greedy, switching_cost=1.0),
    ),
    "greedy-adaptive": Kind(
        "greedy with a cost of switching that grows with the queue",
        RESCO,
        partial(Greedy, switching_cost=1.0, growth=4.0),
    ),
    "sotl": Kind(
        "self-organizing lights (platoon), published parameters",
        "Gershenson, Complex Systems 16, 2005",
        SelfOrganizing,
    ),
    "sotl-tuned": Kind(
        "self-organizing lights (platoon), tuned on other seeds",
        "Gershenson, Complex Systems 16, 2005",
        partial(SelfOrganizing, threshold=30.0, platoon=1.0, min_green_s=5.0),
    ),
    "schedule": Kind(
        "the schedule of phases with the least delay, as far as is in sight",
        "Xie et al., Transportation Research Part C 24, 2012 (Surtrac)",
        ScheduleDriven,
    ),
}
POLICY = "policy"
METERING = "+metering"
"""Ending of a controller beside which the gates of the environment meter the inflow."""
BOUNDS = ("floor",)
"""What stands beside the controllers as a limit, and competes with none of them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A controller of a benchmark.

    Attributes:
        label: What it is called in results.
        kind: A name of the catalog.
        path: Run folder, bundle or ONNX file of a policy; None for the others.
        parameters: Those that differ from the defaults.
        metered: Whether gates meter the inflow beside it.
    """

    label: str
    kind: str
    path: Path | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)
    metered: bool = False

    @property
    def is_native(self) -> bool:
        """Whether SUMO runs it, without the control loop."""
        return self.kind in PROGRAMS

    @property
    def is_bound(self) -> bool:
        """Whether it is a bound, which no controller can reach, rather than a controller."""
        return self.kind in BOUNDS

    @property
    def description(self) -> str:
        """What it does, in a few words."""
        more = "; gates meter the inflow" if self.metered else ""
        if self.path is None:
            return _kind(self.kind).description + more
        home = trained_on(self.path)
        return f"the policy in {self.path}" + (f", trained on {home}" if home else "") + more

    @property
    def source(self) -> str:
        """Where it comes from."""
        return "signalrl" if self.path else _kind(self.kind).source


def controller_names() -> tuple[str, ...]:
    """Return what ``--controller`` takes."""
    return (*PROGRAMS, *CLASSICAL, f"{POLICY}=PATH")


def base_name(label: str) -> str:
    """Return the name of a controller without parameters and metering."""
    return label.removesuffix(METERING).partition(":")[0]


def parse_controllers(texts: Sequence[str]) -> tuple[Entry, ...]:
    """Turn names as they are written into controllers with distinct labels.

    Args:
        texts: A name of the catalog, one with parameters such as ``sotl:threshold=20,platoon=2``,
            or ``policy=PATH``; with ``+metering`` at the end gates meter the inflow beside it.

    Raises:
        ConfigError: A name or a parameter is unknown, a controller comes twice, or a policy is not
            there.
    """
    if not texts:
        raise ConfigError(f"expected at least one controller, got none; {_choices()}")
    for text in texts:
        if texts.count(text) > 1:
            raise ConfigError(f"expected every controller once, got {text!r} twice")
    named = [(text.removesuffix(METERING), text.endswith(METERING)) for text in texts]
    paths = dict.fromkeys(Path(n.partition("=")[2]) for n, _ in named if _is_policy(n))
    labels = _policy_labels(list(paths))
    entries = []
    for text, metered in named:
        ending = METERING if metered else ""
        if _is_policy(text):
            path = Path(text.partition("=")[2])
            _check_policy(path)
            entries.append(Entry(labels[path] + ending, POLICY, path, metered=metered))
        else:
            name, _, settings = text.partition(":")
            known = defaults(_builder(name))
            parameters = parse_parameters(text, settings, known)
            entry = Entry(text + ending, name, None, parameters, metered)
            if not entry.is_native:
                make_controller(name, parameters=entry.parameters)  # it knows what they may be
            entries.append(entry)
    return tuple(entries)


def make_controller(
    kind: str, policy: Path | None = None, parameters: Mapping[str, Value] | None = None
) -> Controller:
    """Build a controller that is run by the control loop.

    Args:
        kind: A name of the catalog that is not native.
        policy: Bundle or ONNX file, for a policy.
        parameters: Those that differ from the defaults.

    Raises:
        ConfigError: There is no such controller.
        BundleError: The policy can't be loaded.
    """
    if kind in CLASSICAL:
        return CLASSICAL[kind].make(**(parameters or {}))
    if kind == POLICY and policy is not None:
        from signalrl.deploy.policy import load_policy

        return load_policy(policy)
    raise ConfigError(_unknown(kind))


def write_program(kind: str, site: Site, parameters: Mapping[str, Value]) -> tuple[Path, ...]:
    """Write the signal program of a native controller; return the additional files for SUMO.

    Raises:
        SignalRLError: The program can't be made for these signals.
    """
    write = PROGRAMS[kind].write
    return () if write is None else (write(site, **parameters),)


def is_run_folder(path: Path) -> bool:
    """Return whether this is the folder of a training rather than something exported."""
    return (path / "config.yaml").is_file()


def trained_on(path: Path) -> str | None:
    """Return the environment that a policy was trained on; None where nothing tells it."""
    if is_run_folder(path):
        content = yaml.safe_load((path / "config.yaml").read_text(encoding="utf-8"))
        return str(content["scenario"]) if isinstance(content, dict) else None
    if path.suffix == ".onnx":
        return None
    from signalrl.deploy.bundle import load_bundle

    try:
        return load_bundle(path).manifest.training.scenario
    except SignalRLError:  # said where it is run
        return None


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


def _kind(name: str) -> Kind | Program:
    kind = CLASSICAL.get(name) or PROGRAMS.get(name)
    if kind is None:
        raise ConfigError(_unknown(name))
    return kind


def _builder(name: str) -> Callable[..., object] | None:
    """Return what takes the parameters of a controller, or None where there are none."""
    kind = _kind(name)
    return kind.make if isinstance(kind, Kind) else kind.write


def _unknown(name: str) -> str:
    if name.partition("=")[0] == POLICY:
        return f"expected policy=PATH with a run folder, a bundle or an .onnx file, got {name!r}"
    near = difflib.get_close_matches(name, [*PROGRAMS, *CLASSICAL, POLICY], n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"expected the name of a controller, got {name!r}; {hint}{_choices()}"


def _choices() -> str:
    return f"choose from {', '.join(controller_names())}"
