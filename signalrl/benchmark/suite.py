"""A benchmark as data: which controllers meet in which environments, and what counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from signalrl.benchmark.controllers import controller_names
from signalrl.errors import ConfigError
from signalrl.files import Strict, merged, read_model, suggestion
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.schema import Scenario

_PACKAGE = Path(__file__).resolve().parents[1]
_FOLDERS = (_PACKAGE / "_suites", _PACKAGE.parent / "benchmarks" / "suites")
"""Where the shipped suites lie: in an installed wheel, in a checkout."""
Measure = Literal["mean_delay_s", "resco_delay_s"]


class Case(Strict):
    """An environment of a suite."""

    env: str = Field(description="Name, Gymnasium id or folder of an environment.")
    name: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]*$",
        description="What it is called in results; empty for its own name.",
    )
    title: str = Field("", description="A few words for the report; empty for its own title.")
    settings: dict[str, Any] = Field({}, description="Values in place of the scenario's own.")

    def load(self) -> Scenario:
        """Load the scenario with its settings.

        Raises:
            ConfigError: There is none, or the settings don't fit.
        """
        try:
            return load_scenario(self.env, settings=self.settings, name=self.name or None)
        except ConfigError as error:
            if not self.settings:
                raise
            raise ConfigError(f"{self.name or self.env} with its settings: {error}") from error


class Published(Strict):
    """Figures that others have published, printed beside ours with their label."""

    label: str = Field(description="Where they come from and how they were measured.")
    mean_delay_s: dict[str, dict[str, float]] = Field(
        description="By name of the environment and of the controller."
    )


class Suite(Strict):
    """The content of a suite's file."""

    title: str = Field("", description="A few words for the report.")
    description: str = Field("", description="What it answers, in a sentence or two.")
    measure: Measure = Field("mean_delay_s", description="The delay by which controllers rank.")
    environments: tuple[Case, ...] = Field(min_length=1, description="Where they meet.")
    controllers: tuple[str, ...] = Field(
        (), description="Names of the catalog, with parameters where they differ."
    )
    settings: dict[str, Any] = Field(
        {}, description="Values in place of those of every scenario; those of a case go first."
    )
    published: tuple[Published, ...] = Field((), description="Figures of others.")

    @model_validator(mode="after")
    def _has_distinct_names(self) -> Suite:
        names = [case.name or case.env for case in self.environments]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(
                f"environments: expected distinct names, got {twice[0]!r} twice; give one a name"
            )
        return self

    @classmethod
    def of(cls, environments: Sequence[str], controllers: Sequence[str]) -> Suite:
        """Return the suite of some environments, as they are, and some controllers."""
        return cls(
            environments=tuple(Case(env=env) for env in environments),
            controllers=tuple(controllers),
        )

    def cases(self) -> tuple[Case, ...]:
        """Return the cases with the settings that hold for all."""
        return tuple(
            case.model_copy(update={"settings": merged(self.settings, case.settings)})
            for case in self.environments
        )

    def narrowed(
        self,
        environments: Sequence[str],
        controllers: Sequence[str],
        skipped: Sequence[str] = (),
    ) -> Suite:
        """Return this suite on some of its environments, with other controllers.

        Args:
            environments: Those that are wanted; all by default.
            controllers: Further ones.
            skipped: Those of its own that are not wanted.

        Raises:
            ConfigError: It has no such environment or controller.
        """
        known = {case.name or case.env: case for case in self.environments}
        for name in environments:
            if name not in known:
                raise ConfigError(
                    f"expected an environment of the suite, got {name!r}"
                    f"{suggestion(name, known)}; it has {', '.join(known)}"
                )
        kept = tuple(known[name] for name in environments) or self.environments
        for name in skipped:
            if name not in self.controllers:
                raise ConfigError(
                    f"expected a controller of the suite to skip, got {name!r}"
                    f"{suggestion(name, self.controllers)}; it has {', '.join(self.controllers)}"
                )
        own = tuple(c for c in self.controllers if c not in skipped)
        more = tuple(c for c in controllers if c not in own)
        return self.model_copy(update={"environments": kept, "controllers": (*own, *more)})


def suite_names() -> tuple[str, ...]:
    """Return the names of the shipped suites, sorted."""
    return tuple(sorted({file.stem for folder in _FOLDERS for file in folder.glob("*.yaml")}))


def load_suite(text: str) -> Suite:
    """Load a suite.

    Args:
        text: The name of a shipped one, or a file.

    Raises:
        ConfigError: There is neither, or the file is broken.
    """
    for folder in _FOLDERS:
        if (folder / f"{text}.yaml").is_file():
            return read_model(Suite, folder / f"{text}.yaml")
    if Path(text).is_file():
        return read_model(Suite, Path(text))
    raise ConfigError(
        f"expected the name of a suite or its file, got {text!r}{suggestion(text, suite_names())}; "
        f"shipped: {', '.join(suite_names())}; for environments and controllers of your own give "
        f"--env and --controller ({', '.join(controller_names()[:3])} ...)"
    )
