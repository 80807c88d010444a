"""The names that leave the package, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys

import gymnasium
import pytest

import signalrl
import signalrl.env
from signalrl.env.registration import ANY_ID, register_when_imported
from signalrl.scenario.catalog import gym_id
from tests.scenarios import short_folder

HEAVY = "{'torch', 'stable_baselines3', 'libsumo', 'sumolib', 'traci', 'pettingzoo'}"
SLOW = "{'gymnasium', 'numpy', 'onnxruntime', 'pydantic', 'rich', 'typer', 'yaml'}"


def in_fresh_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", [signalrl, signalrl.env])
def test_exported_names_exist(module):
    names = module.__all__
    assert names == sorted(names)
    assert set(names) <= set(dir(module))
    assert all(getattr(module, name) is not None for name in names)


def test_what_is_not_exported_is_missed():
    with pytest.raises(AttributeError, match="no attribute 'SignalEnvironment'"):
        getattr(signalrl.env, "SignalEnvironment")  # noqa: B009  (else a useless expression)


def test_importing_the_package_imports_nothing_slow():
    code = f"import signalrl, sys; print(sorted(({HEAVY} | {SLOW}) & set(sys.modules)))"
    assert in_fresh_process(code) == "[]"


def test_one_environment_does_not_need_the_packages_of_another():
    unneeded = f"{HEAVY} - {{'sumolib'}}"
    code = f"from signalrl.env import SignalEnv; import sys; print(({unneeded}) & set(sys.modules))"
    assert in_fresh_process(code) == "set()"


@pytest.mark.parametrize("first", ["gymnasium", "signalrl"])
def test_environments_are_registered_in_either_order_of_imports(first):
    second = {"gymnasium": "signalrl", "signalrl": "gymnasium"}[first]
    code = (
        f"import {first}, {second}, sys\n"
        "print(*sorted(id for id in gymnasium.registry if id.startswith('signalrl/')))\n"
        "assert gymnasium.__loader__ is gymnasium.__spec__.loader\n"
        "assert not [f for f in sys.meta_path if type(f).__module__.startswith('signalrl')]\n"
    )
    expected = {gym_id(name) for name in signalrl.scenario_names()} | {ANY_ID}
    assert set(in_fresh_process(code).split()) == expected


def test_a_failed_import_of_gymnasium_may_be_tried_again(tmp_path):
    (tmp_path / "gymnasium").mkdir()
    (tmp_path / "gymnasium" / "__init__.py").write_text("raise ImportError('broken')\n")
    code = (
        "import signalrl, sys\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "try:\n    import gymnasium\nexcept ImportError as error:\n    print(error)\n"
        "del sys.path[0]\n"
        "import gymnasium\n"
        f"assert {ANY_ID!r} in gymnasium.registry\n"
    )
    assert in_fresh_process(code) == "broken"


def test_registering_twice_changes_nothing(recwarn):
    before = dict(gymnasium.registry)
    register_when_imported()
    assert gymnasium.registry == before
    assert not recwarn.list


def test_any_folder_is_an_environment(tmp_path):
    env = gymnasium.make(ANY_ID, scenario=short_folder(tmp_path / "mine", minutes=1))
    _, info = env.reset(seed=1)
    assert info["time_s"] == 25200
    env.close()
