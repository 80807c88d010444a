"""Finds the configuration of ``signalrl train``."""

from __future__ import annotations

from pathlib import Path

from signalrl.errors import ConfigError
from signalrl.files import suggestion

_PACKAGE = Path(__file__).resolve().parent
_FOLDERS = (_PACKAGE / "_configs", _PACKAGE.parent / "configs")
"""Where the shipped configurations lie: in an installed wheel, in a checkout."""


def find_config(text: str) -> Path:
    """Return the path of a training configuration.

    Args:
        text: A file, or a shipped one by its name, such as ``resco-cologne8``; a path such as
            ``configs/resco-cologne8.yaml`` finds the shipped one from any folder.

    Raises:
        ConfigError: There is neither.
    """
    path = Path(text)
    if path.exists() and not path.is_dir():
        return path
    shipped = {file.stem: file for folder in _FOLDERS for file in sorted(folder.glob("*.yaml"))}
    if path.parent in {Path(), Path("configs")} and path.suffix in {"", ".yaml"}:
        found = shipped.get(path.stem if path.suffix == ".yaml" else path.name)
        if found is not None:
            return found
    raise ConfigError(
        f"expected a training configuration, got {text!r}, which is no file"
        f"{suggestion(path.stem, shipped)}; shipped: {', '.join(sorted(shipped)) or 'none'}"
    )
