"""The commands: what they print, and the exit status that scripts rely on."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from signalrl import __version__
from signalrl.cli import main
from signalrl.cli_train import find_config
from signalrl.errors import ConfigError
from signalrl.scenario.catalog import gym_id, load_scenario, scenario_names
from signalrl.sumo.episode import scenario_network
from tests.deploy.models import make_bundle
from tests.scenarios import short_folder

COMMANDS = ["envs", "check", "train", "benchmark", "export", "run"]


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    return short_folder(tmp_path_factory.mktemp("cli") / "short", minutes=3)


@pytest.fixture(scope="module")
def bundle(short, tmp_path_factory):
    scenario = load_scenario(short)
    return make_bundle(
        tmp_path_factory.mktemp("cli") / "x.bundle",
        scenario_network(scenario),
        scenario.timing,
        scenario=str(short),
    )


def run_json(capsys, *arguments):
    status = main([*map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out)


def error_of(capsys, *arguments):
    """Return the exit status of a command that fails, and the one line that it says."""
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert captured.out == ""
    *progress, line = captured.err.splitlines()
    assert line.startswith("error: ")
    assert not any(said.startswith(("error", "Traceback")) for said in progress)
    return status, line


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(command in text for command in COMMANDS)
    assert main([]) == 0
    assert capsys.readouterr().out.split() == text.split()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(capsys, command):
    assert main([command, "--help"]) == 0
    assert f"signalrl {command}" in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"signalrl {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["trian"], "No such command 'trian'"),
        (["train", "resco-cologne8"], "Missing option '--out'"),
        (["run", "x.bundle", "--seed", "many"], "see signalrl run --help"),
        (["train", "x", "--out", "y", "--workers", "0"], "--workers"),
        (["train", "resco-cologn8", "--out", "y"], "did you mean 'resco-cologne8'?"),
        (["check", "nowhere"], "got 'nowhere'"),
        (["run", "missing.bundle"], "missing.bundle"),
        (["export", "missing", "-o", "."], "got the folder ."),
        (["benchmark", "--env", "single", "--controller", "x", "--seeds", "9:1", "--out", "y"],
         "9:1"),
        (["benchmark", "--env", "single", "--controller", "greedy", "--skip", "fixed"],
         "expected a suite"),
        (["benchmark", "robust", "--skip", "fixd"], "did you mean 'fixed'?"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_status_2(capsys, tmp_path, monkeypatch, arguments, reason):
    monkeypatch.chdir(tmp_path)
    status, line = error_of(capsys, *arguments)
    assert status == 2
    assert reason in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("package", "arguments", "what"),
    [
        ("torch", ["train", "resco-cologne1", "--out", "x"], "-c constraints.txt -e '.[train]'"),
        ("torch", ["export", "x", "-o", "x.bundle"], "-c constraints.txt -e '.[train,deploy]'"),
        ("onnxruntime", ["run", "BUNDLE"], "onnxruntime"),
    ],
)
def test_a_missing_package_is_named_with_what_brings_it(tmp_path, bundle, package, arguments, what):
    code = (
        "import sys\n"
        f"sys.modules[{package!r}] = None\n"
        "from signalrl.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    given = [str(bundle) if argument == "BUNDLE" else argument for argument in arguments]
    done = subprocess.run(
        [sys.executable, "-c", code, *given],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"needs the package {package}" in line
    assert f"pip install {what}" in line


def test_a_folder_that_is_no_run_and_a_file_that_is_no_bundle_are_bad_input(capsys, tmp_path):
    status, line = error_of(capsys, "export", tmp_path, "-o", tmp_path / "x.bundle")
    assert status == 2
    assert "config.yaml" in line
    precious = tmp_path / "README.md"
    precious.write_text("precious")
    status, line = error_of(capsys, "export", tmp_path, "-o", precious)
    assert status == 2
    assert "expected a bundle to replace" in line
    assert precious.read_text() == "precious"


def test_failed_work_is_status_1(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    config = find_config("resco-cologne1")
    status, line = error_of(capsys, "train", config, "--out", tmp_path / "file" / "run")
    assert status == 1
    assert "look at the path" in line


def test_envs_lists_every_environment(capsys):
    status, listed = run_json(capsys, "envs")
    assert status == 0
    assert [(env["name"], env["id"]) for env in listed] == [
        (name, gym_id(name)) for name in scenario_names()
    ]
    assert all(env["title"] and env["problem"] is None for env in listed)
    assert main(["envs"]) == 0
    text = capsys.readouterr().out
    assert all(gym_id(name) in text for name in scenario_names())


def test_envs_says_what_a_missing_package_holds(capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["envs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (reason,) = [line for line in lines if "sumo-rl: pip install" in line]
    assert all(name in reason for name in scenario_names() if "resco" in name)
    resco = [line for line in lines if "signalrl/Resco" in line]
    assert resco
    assert all(line.split()[-1] == "no" for line in resco)


def test_check_passes_its_status_on(capsys):
    status, report = run_json(capsys, "check", "resco-cologne1")
    assert status == 0
    assert len(report["signals"]) == 1


@pytest.mark.parametrize(
    "name", ["resco-cologne1", "resco-cologne1.yaml", "configs/resco-cologne1.yaml"]
)
def test_shipped_configurations_are_found_from_anywhere(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert find_config(name).stem == "resco-cologne1"
    (tmp_path / "resco-cologne1").write_text("")
    assert find_config("resco-cologne1") == Path("resco-cologne1")
    with pytest.raises(ConfigError, match="shipped: "):
        find_config("elsewhere/resco-cologne1.yaml")


def test_run_drives_a_simulation_without_torch(short, bundle):
    code = (
        "import sys\n"
        "from signalrl.cli import main\n"
        "status = main(sys.argv[1:])\n"
        "assert not {'torch', 'stable_baselines3', 'signalrl.learning'} & set(sys.modules)\n"
        "sys.exit(status)\n"
    )
    command = [sys.executable, "-c", code, "run", bundle, "--env", short, "--seed", "7", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert (result["env"], result["seed"], result["transfer"]) == ("short", 7, False)
    assert result["decisions"] == 180 / 5
    assert result["vehicles"] > 20
    assert result["mean_delay_s"] > 0
    assert (result["violations"], result["policy_failures"]) == (0, 0)


def test_run_takes_the_environment_of_the_training_by_default(capsys, bundle):
    assert main(["run", str(bundle)]) == 0
    text = capsys.readouterr().out
    assert "on short, seed 1" in text
    assert "mean delay" in text


def test_run_elsewhere_warns_and_strict_refuses(capsys, short, tmp_path):
    foreign = make_bundle(tmp_path / "x.bundle")
    assert main(["run", str(foreign), "--env", str(short), "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["transfer"] is True
    assert "warning: " in captured.err
    assert "expected the network of the training" in captured.err
    status, line = error_of(capsys, "run", foreign, "--env", short, "--strict")
    assert status == 2
    assert "expected the network of the training" in line


def test_a_suite_of_ones_own_is_run_with_a_controller_beside_its_own(capsys, short, tmp_path):
    suite = tmp_path / "mine.yaml"
    case = f"{{env: {short}, name: busy, settings: {{detectors: {{failed: 0.5}}}}}}"
    suite.write_text(f"title: Mine\nenvironments: [{case}]\ncontrollers: [fixed, greedy]\n")
    chosen = ["--controller", "sotl:threshold=9", "--skip", "fixed"]
    given = [*chosen, "--seeds", "1:3", "--out", tmp_path / "out"]
    status, summary = run_json(capsys, "benchmark", suite, *given, "--jobs", 2)
    assert status == 0
    assert summary["suite"]["title"] == "Mine"
    assert list(summary["environments"]["busy"]["controllers"]) == ["greedy", "sotl:threshold=9"]
    assert f"{suite} --controller sotl:threshold=9 --skip fixed" in summary["command"]
    assert "<h1>Mine</h1>" in (tmp_path / "out" / "report.html").read_text()


def test_from_a_training_to_a_running_bundle(capsys, short, tmp_path):
    config = find_config("resco-cologne1")
    run, exported = tmp_path / "run", tmp_path / "x.bundle"
    options = ["--env", short, "--timesteps", 72, "--workers", 1, "--seed", 3, "--out", run]
    assert main(["train", str(config), *map(str, options)]) == 0
    assert f"signalrl export {run}" in capsys.readouterr().out
    assert main(["export", str(run), "-o", str(exported)]) == 0
    capsys.readouterr()
    status, result = run_json(capsys, "run", exported, "--env", short, "--strict")
    assert status == 0
    assert result["differences"] == []

    out = tmp_path / "bench"
    given = ["--env", short, "--controller", f"policy={exported}", "--seeds", "1,", "--out", out]
    status, summary = run_json(capsys, "benchmark", *given, "--jobs", 1)
    assert status == 0
    assert list(summary["environments"]) == ["short"]
    with (out / "episodes.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["tripinfo_sha256"] == result["tripinfo_sha256"]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["run", "PIPE"], "stopped"),
        (["train", "PIPE", "--out", "new"], "stopped"),
        (["train", "PIPE", "--out", "run"], "--resume goes on from there"),
    ],
)
def test_ctrl_c_ends_with_130_and_says_how_to_go_on(tmp_path, arguments, hint):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").touch()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "signalrl.cli",
            *(str(pipe) if a == "PIPE" else a for a in arguments),
        ],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        # A shell that started the tests in the background may have it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with pipe.open("wb"):  # opens once the command is reading
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.splitlines()[-1].endswith(hint)
