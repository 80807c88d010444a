"""Finds scenarios: those that are shipped, and folders of one's own.

This module alone knows where the shipped ones lie: in ``envs/`` of a checkout, in
``signalrl/_envs`` of an installed wheel. It is imported with the package, so it parses nothing
and imports neither pydantic nor YAML before a scenario is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalrl.errors import ConfigError
from signalrl.scenario.names import NAMESPACE, gym_id_of

if TYPE_CHECKING:
    from signalrl.scenario.schema import Scenario

FILE = "scenario.yaml"
_PACKAGE = Path(__file__).resolve().parents[1]
_VERSION = re.compile(r"^version:\s*(\d+)\s*(?:#.*)?$", re.MULTILINE)


def envs_folder() -> Path:
    """Return the folder that holds the shipped scenarios.

    Raises:
        ConfigError: There is none; the installation is broken.
    """
    for folder in (_PACKAGE / "_envs", _PACKAGE.parent / "envs"):
        if folder.is_dir():
            return folder
    raise ConfigError(
        f"expected the shipped environments in {_PACKAGE / '_envs'}, found none; install signalrl "
        "again"
    )


@cache
def scenario_names() -> tuple[str, ...]:
    """Return the names of the shipped scenarios, sorted. Lists a folder and reads no file."""
    return tuple(sorted(path.parent.name for path in envs_folder().glob(f"*/{FILE}")))


@cache
def gym_id(name: str) -> str:
    """Return Gymnasium's id of a shipped scenario, such as ``signalrl/RescoCologne8-v1``.

    Of the file only the line of the version is looked at.

    Raises:
        ConfigError: There is no such scenario.
    """
    if name not in scenario_names():
        raise _unknown(name)
    version = _VERSION.search((envs_folder() / name / FILE).read_text(encoding="utf-8"))
    return gym_id_of(name, int(version[1]) if version else 1)


def load_scenario(
    scenario: str | Path,
    *,
    settings: Mapping[str, Any] | None = None,
    name: str | None = None,
    check_files: bool = True,
) -> Scenario:
    """Load a scenario.

    Args:
        scenario: Name of a shipped one (``single``), its Gymnasium id (``signalrl/Single-v1``),
            or a folder with a ``scenario.yaml``. A text that is both is the name; write
            ``./single`` for the folder.
        settings: Values that take the place of the file's, such as ``{"scale_range": [1.4, 1.4]}``.
        name: What it is called then; by default as its folder.
        check_files: Whether its files have to be there; a list of scenarios does without.

    Raises:
        ConfigError: There is no such scenario, its file is broken, or files that it needs, or the
            package that holds them, are not there.
    """
    from signalrl.files import read_model
    from signalrl.scenario.schema import Scenario, ScenarioFile

    folder = _folder_of(scenario)
    content = read_model(ScenarioFile, folder / FILE, settings)
    loaded = Scenario(**dict(content), name=name or folder.name, folder=folder)
    if check_files:
        loaded.check_files()
    return loaded


def _folder_of(scenario: str | Path) -> Path:
    if isinstance(scenario, str):
        if scenario in scenario_names():
            return envs_folder() / scenario
        if scenario.startswith(f"{NAMESPACE}/") and "-v" in scenario:
            for name in scenario_names():
                if gym_id(name) == scenario:
                    return envs_folder() / name
    folder = Path(scenario)
    if folder.name == FILE:
        folder = folder.parent
    if (folder / FILE).is_file():
        return folder.resolve()
    if folder.is_dir():
        raise ConfigError(f"{folder}: expected a folder with a {FILE}, found none in it; add it")
    raise _unknown(str(scenario))


def _unknown(name: str) -> ConfigError:
    from signalrl.files import suggestion

    names = scenario_names()
    ids = [gym_id(known) for known in names] if name.startswith(f"{NAMESPACE}/") else []
    return ConfigError(
        f"expected the name of an environment or a folder with a {FILE}, got {name!r}"
        f"{suggestion(name, [*names, *ids])}; shipped: {', '.join(names)}"
    )
