"""What a bundle says of itself: the schemas of ``manifest.json`` and ``fallback.json``."""

from __future__ import annotations

import math
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from signalrl.control.observation import feature_names, schema_hash
from signalrl.errors import BundleError, SignalRLError
from signalrl.network.model import Network, Program
from signalrl.network.timing import TimingRules

FORMAT: Literal["signalrl-bundle"] = "signalrl-bundle"
FORMAT_VERSION = 1


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ObservationSchema(_Strict):
    """What the policy was trained to see."""

    schema_hash: str = Field(description="Hash of the features' names, order and scales.")
    features: tuple[str, ...] = Field(description="Names of the features, in order.")

    @classmethod
    def of(cls, inflow: bool) -> ObservationSchema:
        """Return this version's schema, with the expected inflow or without."""
        return cls(schema_hash=schema_hash(inflow), features=feature_names(inflow))

    @property
    def inflow(self) -> bool:
        """Whether the policy sees the inflow that a calendar leads to expect."""
        return self.features == feature_names(inflow=True)


class SignalPhases(_Strict):
    """A signal and the order of its phases."""

    id: str = Field(description="Id of the signal.")
    phases: tuple[str, ...] = Field(description="State that each phase shows, in order.")


class TrainingInfo(_Strict):
    """What the policy was trained on."""

    scenario: str = Field(description="Name of the scenario.")
    timesteps: int = Field(ge=0, description="Decisions of a signal that it learned from.")
    seeds: tuple[int, ...] = Field((), description="Seeds of the training.")
    demand_range: tuple[float, float] | None = Field(
        None, description="Bounds of the factor on the scenario's demand; null for unknown."
    )
    config: dict[str, JsonValue] = Field({}, description="The training's configuration.")


class Manifest(_Strict):
    """The content of ``manifest.json``."""

    format: Literal["signalrl-bundle"] = Field(FORMAT, description="What the file is.")
    format_version: int = Field(FORMAT_VERSION, description="Version of the file's format.")
    observation: ObservationSchema = Field(description="What the policy was trained to see.")
    network_hash: str = Field(description="Hash of the network in network.json.")
    signals: tuple[SignalPhases, ...] = Field(min_length=1, description="Signals and phases.")
    timing: TimingRules = Field(description="Rules that the signals were timed by.")
    decision_interval_s: float = Field(gt=0, description="Time between two decisions, in s.")
    versions: dict[str, str] = Field({}, description="Versions of libraries at the export.")
    training: TrainingInfo = Field(description="What the policy was trained on.")


class Fallback(_Strict):
    """The content of ``fallback.json``: what signals show when the policy may not decide."""

    signals: dict[str, Program] = Field(description="Stored program by id of the signal.")


class _Header(BaseModel):
    """The part of a manifest that every version of the format has."""

    format: str
    format_version: int


M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], content: bytes, where: str) -> M:
    """Read JSON of a schema.

    Raises:
        BundleError: It is no JSON, or not of that schema.
    """
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        text = f"{key}: {first['msg'][:200]}"
    except SignalRLError as error:  # the timing rules judge their values themselves
        text = str(error)
    raise BundleError(
        f"{where}: expected what signalrl export writes, got a mismatch at {text}; "
        "export the policy again"
    )


def check_format(content: bytes, where: str) -> None:
    """Make sure that a manifest is one of ours, and of a version that can be read.

    Raises:
        BundleError: It is not.
    """
    header = parse(_Header, content, where)
    if header.format != FORMAT:
        raise BundleError(f"{where}: expected the format {FORMAT!r}, got {header.format[:80]!r}")
    if header.format_version != FORMAT_VERSION:
        raise BundleError(
            f"{where}: expected version {FORMAT_VERSION} of the format, got "
            f"{header.format_version}; export the policy again with this version of signalrl, or "
            "install the version that wrote it"
        )


def check_schema(observation: ObservationSchema, where: str) -> None:
    """Make sure that the policy was trained to see what this version of the library observes.

    Raises:
        BundleError: It was not.
    """
    features = feature_names(observation.inflow)
    if observation.features != features:
        missing = sorted(set(features) - set(observation.features))
        extra = sorted(set(observation.features) - set(features))
        what = f"without {missing} and with {extra}" if missing or extra else "in another order"
        raise BundleError(
            f"{where}: expected a policy of this version's {len(features)} features, got one "
            f"{what}; train again, or install the version that wrote it"
        )
    expected = schema_hash(observation.inflow)
    if observation.schema_hash != expected:
        raise BundleError(
            f"{where}: expected observations of schema {expected[:12]}, got "
            f"{observation.schema_hash[:12]}: features of the same names have other scales or "
            "meanings; train again, or install the version that wrote it"
        )


def check_network(manifest: Manifest, fallback: Fallback, network: Network, where: str) -> None:
    """Make sure that the members speak of the same signals.

    Raises:
        BundleError: They do not.
    """
    if network.hash != manifest.network_hash:
        raise BundleError(
            f"{where}: expected the network {manifest.network_hash[:12]}, got {network.hash[:12]} "
            "in network.json; export the policy again"
        )
    if manifest.signals != phases_of(network):
        raise BundleError(
            f"{where}: expected the phases of network.json in manifest.json, got others; "
            "export the policy again"
        )
    sizes = {signal.id: signal.size for signal in network.signals}
    if set(fallback.signals) != set(sizes):
        raise BundleError(
            f"{where}: expected programs of {sorted(sizes)} in fallback.json, got those of "
            f"{sorted(fallback.signals)}; export the policy again"
        )
    for signal, program in fallback.signals.items():
        durations = [step.duration_s for step in program.steps]
        if not durations or not all(math.isfinite(d) and d > 0 for d in durations):
            raise BundleError(
                f"{where}: expected steps of more than 0 s in the program of signal {signal}, got "
                f"{durations}; mend the network's program and export the policy again"
            )
        if any(len(step.state) != sizes[signal] for step in program.steps):
            raise BundleError(
                f"{where}: expected states of {sizes[signal]} letters in the program of signal "
                f"{signal}, got others; export the policy again"
            )


def phases_of(network: Network) -> tuple[SignalPhases, ...]:
    """Return the signals of a network with the order of their phases."""
    return tuple(
        SignalPhases(id=signal.id, phases=tuple(phase.state for phase in signal.phases))
        for signal in network.signals
    )
