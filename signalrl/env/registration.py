"""Makes the shipped scenarios known to Gymnasium, without importing it for that.

Importing Gymnasium takes longer than all of signalrl, and a plant has no use for it. So the ids are
registered at once where it has been imported, and else right after somebody imports it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from signalrl.errors import ConfigError
from signalrl.scenario.catalog import gym_id, scenario_names

ANY_ID = "signalrl/Signal-v0"
"""The id for a folder of one's own: ``gymnasium.make(ANY_ID, scenario="my/folder")``."""
_ENTRY_POINT = "signalrl.env.signal_env:SignalEnv"


def register_when_imported() -> None:
    """Register the scenarios as soon as Gymnasium is there; may be called twice."""
    if "gymnasium" in sys.modules:
        register()
    elif not any(isinstance(finder, _Watcher) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watcher())


def register() -> None:
    """Register the shipped scenarios, and the id that takes any; imports Gymnasium."""
    from gymnasium.envs import registration

    ids: dict[str, dict[str, str]] = {ANY_ID: {}}
    with contextlib.suppress(ConfigError):  # a broken installation says so where it is used
        ids |= {gym_id(name): {"scenario": name} for name in scenario_names()}
    for id_, kwargs in ids.items():
        if id_ not in registration.registry:
            registration.register(id_, entry_point=_ENTRY_POINT, kwargs=dict(kwargs))


class _Watcher(MetaPathFinder):
    """Waits for the import of Gymnasium, and leaves when it has come."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "gymnasium":
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _RegisteringLoader(spec.loader, self)
                return spec
        return None


class _RegisteringLoader(Loader):
    """Loads a module as its own loader does, and registers the scenarios after it."""

    def __init__(self, loader: Loader, watcher: _Watcher) -> None:
        self._loader, self._watcher = loader, watcher

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The module shall know its own loader: others ask it for sources and resources.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(self._watcher)
        register()
