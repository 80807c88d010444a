"""Compiles the native modules of the hot path when signalrl is installed or its wheel is built.

They are optional: where there is no compiler, or no header of Python, the library does the same
with Python and NumPy, and the build says so. ``SIGNALRL_NATIVE=require`` makes that an error, and
``SIGNALRL_NATIVE=skip`` leaves them out.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KINDS = {".c": ("CC", "cc"), ".cpp": ("CXX", "c++")}
"""Sources, the variable that names their compiler, and the compiler where none does."""


class NativeBuildHook(BuildHookInterface[Any]):
    """Puts a compiled module beside each ``signalrl/*/_*.c`` and ``_*.cpp``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and make the wheel one for this machine where that works."""
        wish = os.environ.get("SIGNALRL_NATIVE", "auto")
        if wish not in ("auto", "require", "skip"):
            raise ValueError(f"SIGNALRL_NATIVE: expected auto, require or skip, got {wish!r}")
        sources = sorted(p for p in Path(self.root).glob("signalrl/*/_*") if p.suffix in KINDS)
        try:
            modules = [] if wish == "skip" else [compiled(source) for source in sources]
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            if wish == "require":
                raise
            said = getattr(error, "stderr", "") or str(error)
            self.app.display_warning(f"signalrl will run slower, without native modules: {said}")
            modules = []
        if not modules:
            for source in sources:  # what an older source became would go on running
                module(source).unlink(missing_ok=True)
            return
        build_data["artifacts"] += [f"/{path.relative_to(self.root)}" for path in modules]
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def module(source: Path) -> Path:
    """Return where the compiled module of a source lies."""
    return source.with_suffix(sysconfig.get_config_var("EXT_SUFFIX"))


def compiled(source: Path) -> Path:
    """Compile a module with the compiler that the environment names, or Python was built with."""
    name, default = KINDS[source.suffix]
    compiler = os.environ.get(name) or sysconfig.get_config_var(name) or default
    target = module(source)
    # A process that runs finds the old module or the new one, and two builds at a time don't meet.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="_", suffix=".part") as folder:
        draft = Path(folder) / target.name
        command = [*shlex.split(compiler), "-O3", "-shared", "-fPIC"]
        command += [f"-I{sysconfig.get_path('include')}", str(source), "-o", str(draft)]
        subprocess.run(command, check=True, capture_output=True, text=True, errors="replace")
        draft.replace(target)
    return target
