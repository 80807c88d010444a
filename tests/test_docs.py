"""What the documentation says is what the code does.

Where a table fails, the message holds the lines that belong there.
"""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import subprocess
import sys
from enum import IntEnum
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
import typer
import yaml
from pydantic import BaseModel

from signalrl import cli
from signalrl.benchmark.controllers import CLASSICAL
from signalrl.benchmark.programs import PROGRAMS
from signalrl.benchmark.store import COLUMNS
from signalrl.cli_train import find_config
from signalrl.control import inflow, measurement, observation
from signalrl.control.interlock import Verdict
from signalrl.deploy.bundle import MEMBERS
from signalrl.env.session import Session
from signalrl.events.kinds import KINDS
from signalrl.events.table import COLUMNS as TABLE_COLUMNS
from signalrl.learning.config import PolicyConfig, PPOConfig, TrainConfig
from signalrl.network.timing import TimingRules
from signalrl.scenario.catalog import gym_id, load_scenario, scenario_names
from signalrl.scenario.schema import ScenarioFile
from signalrl.sumo.process import sumo_binary

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def blocks(path: Path, language: str) -> list[str]:
    found = FENCE.findall(path.read_text(encoding="utf-8"))
    return [code for kind, code in found if kind == language]


def commands() -> list[tuple[str, str]]:
    """Every command line that a page shows in a block, with the name of the page."""
    found = []
    for page in PAGES:
        for kind, code in FENCE.findall(page.read_text(encoding="utf-8")):
            lines = code.replace("\\\n", " ").splitlines() if kind in ("", "bash") else []
            found += [(page.name, line) for line in lines if line.startswith("signalrl ")]
    return found


def meanings(module: ModuleType, kind: type[IntEnum]) -> dict[str, str]:
    """The docstrings of an enumeration's members, by name."""
    tree = ast.parse(inspect.getsource(module))
    (body,) = (n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == kind.__name__)
    said = {}
    for member, doc in pairwise(body):
        if isinstance(member, ast.Assign) and isinstance(member.targets[0], ast.Name):
            assert isinstance(doc, ast.Expr), f"{member.targets[0].id} has no docstring"
            assert isinstance(doc.value, ast.Constant)
            said[member.targets[0].id] = " ".join(str(doc.value.value).replace("``", "`").split())
    return said


def feature_rows() -> list[str]:
    said = meanings(observation, observation.Feature)
    return [
        f"| {f.value} | `{f.name}` | {said[f.name]} | {observation.SCALES[f]:g} |"
        for f in observation.Feature
    ]


def inflow_rows() -> list[str]:
    said = meanings(inflow, inflow.Inflow)
    first = len(observation.feature_names())
    return [
        f"| {first + k} | `{k.name}` | {said[k.name]} | {inflow.INFLOW_SCALES[k]:g} |"
        for k in inflow.Inflow
    ]


def column_rows() -> list[str]:
    said = meanings(measurement, measurement.Column)
    return [f"| {c.value} | `{c.name}` | {said[c.name]} |" for c in measurement.Column]


def kind_rows() -> list[str]:
    rows = []
    for name, kind in KINDS.items():
        come, leave = kind.arrivals, kind.departures
        if come.direction == "ingress":
            arrivals = f"Beta({come.a:g}, {come.b:g}) on {come.first_s / 60:g} to "
            arrivals += f"{come.last_s / 60:g}"
        else:
            arrivals = f"evenly with a hump, until {come.closing_s / 60:g} before the end"
        if leave.direction == "egress":
            delay = f"{leave.delay_s / 60:g} + " if leave.delay_s else ""
            departures = f"{delay}Gamma({leave.k:g}, mean {leave.mean_s / 60:g})"
        else:
            departures = f"after a stay, lognormal, median {leave.median_s / 3600:g} h"
        shares = " / ".join(f"{kind.auto_share[s]:.0%}" for s in ("urban", "suburban"))
        rows.append(f"| `{name}` | {arrivals} | {departures} | {kind.occupancy:g} | {shares} |")
    return rows


def config_rows() -> list[str]:
    rows = []
    parts: list[tuple[str, type[BaseModel]]] = [
        ("", TrainConfig),
        ("policy.", PolicyConfig),
        ("ppo.", PPOConfig),
    ]
    for prefix, model in parts:
        for name, field in model.model_fields.items():
            if not isinstance(field.default, BaseModel):
                number = isinstance(field.default, int | float) and field.default is not False
                default = f"{field.default:g}" if number else f"{field.default}".lower()
                default = "required" if field.is_required() else default
                rows.append(f"| `{prefix}{name}` | {default} | {field.description} |")
    return rows


@pytest.mark.parametrize(
    ("page", "rows"),
    [
        ("observation.md", feature_rows()),
        ("observation.md", inflow_rows()),
        ("observation.md", column_rows()),
        ("training.md", config_rows()),
        ("events.md", kind_rows()),
    ],
    ids=["features", "inflow", "columns", "config", "kinds"],
)
def test_tables_agree_with_the_code(page, rows):
    text = (DOCS / page).read_text(encoding="utf-8")
    table = "\n".join(rows)
    assert table in text, f"{page} has to hold:\n{table}"


def test_every_environment_is_described_with_its_own_figures():
    text = (DOCS / "environments.md").read_text(encoding="utf-8")
    rows = {
        cells[1].strip(): cells for line in text.splitlines() if len(cells := line.split("|")) == 10
    }
    rows = {name.strip("`"): cells for name, cells in rows.items() if name.startswith("`")}
    assert sorted(rows) == list(scenario_names())
    for name, cells in rows.items():
        scenario = load_scenario(name, check_files=False)
        assert cells[2].strip() == f"`{gym_id(name)}`"
        assert cells[6].strip() == f"{scenario.begin_s:g} to {scenario.end_s:g} s"
        drawn = cells[7].strip().startswith("drawn")
        assert drawn == (scenario.demand is not None), name
        assert ("surge" in cells[7]) == bool(scenario.demand and scenario.demand.surges), name


@pytest.mark.parametrize(("page", "line"), commands(), ids=lambda text: text.split("  ")[0])
def test_every_command_exists_with_its_options(page, line):
    known = typer.main.get_command(cli.app).commands
    words = shlex.split(line, comments=True)[1:]
    if words[0].startswith("-"):
        return
    assert words[0] in known, page
    options = {option for p in known[words[0]].params for option in p.opts}
    used = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert used <= options | {"--help"}
    if words[0] == "train" and "/" not in words[1]:
        assert find_config(words[1]).is_file()


def test_every_command_is_shown():
    shown = {line.split()[1] for _, line in commands()}
    assert set(typer.main.get_command(cli.app).commands) <= shown


def test_every_make_target_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for _, code in FENCE.findall(page.read_text(encoding="utf-8")):
            assert set(re.findall(r"^make ([a-z]+)", code, re.MULTILINE)) <= targets, page.name


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("benchmark.md", COLUMNS),
        ("benchmark.md", [*PROGRAMS, *CLASSICAL]),
        ("deploy.md", MEMBERS),
        ("own-network.md", ScenarioFile.model_fields),
        ("events.md", TABLE_COLUMNS),
        ("own-network.md", TimingRules.__dataclass_fields__),
        ("safety.md", [verdict.name for verdict in Verdict]),
    ],
    ids=["csv", "controllers", "bundle", "scenario", "table", "timing", "verdicts"],
)
def test_lists_of_names_are_complete(page, words):
    text = (DOCS / page).read_text(encoding="utf-8")
    assert [word for word in words if f"`{word}`" not in text] == []


def test_every_finding_of_the_preflight_is_explained():
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "signalrl").rglob("*.py"))
    codes = set(re.findall(r'Finding\(\s*"\w+",\s*"([a-z-]+)"', source))
    codes |= set(re.findall(r'\bcode="([a-z-]+)"', source))
    plausible = (ROOT / "signalrl/scenario/plausible.py").read_text(encoding="utf-8")
    codes |= set(re.findall(r'yield \(?\s*"([a-z]+)",', plausible))
    text = (DOCS / "own-network.md").read_text(encoding="utf-8")
    cells = " ".join(re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE))
    assert sorted(codes - set(re.findall(r"`([a-z-]+)`", cells))) == []


def test_links_lead_somewhere():
    for page in PAGES:
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_is_in_the_navigation():
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        assert f" {page.relative_to(DOCS).as_posix()}\n" in nav


def test_every_room_has_a_page_of_its_api():
    shown = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "api").glob("*.md"))
    modules = re.findall(r"^::: (signalrl[\w.]*)$", shown, re.MULTILINE)
    for module in modules:
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), module
    rooms = {path.parent.name for path in (ROOT / "signalrl").glob("*/__init__.py")}
    assert rooms <= {module.split(".")[1] for module in modules}


def test_the_tables_of_results_are_those_that_are_stored():
    check = [sys.executable, str(ROOT / "benchmarks" / "table.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("page", ["README.md", "docs/index.md", "docs/events.md"])
def test_the_example_runs(page):
    (code,) = blocks(ROOT / page, "python")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_network_of_ones_own_works_as_told(tmp_path, monkeypatch):
    page = DOCS / "own-network.md"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "town").mkdir()
    (line,) = (
        line
        for code in blocks(page, "")
        for line in code.replace("\\\n", " ").splitlines()
        if line.startswith("netgenerate")
    )
    tool, *options = shlex.split(line)
    subprocess.run([sumo_binary().with_name(tool), *options], check=True, capture_output=True)
    (content,) = (code for code in blocks(page, "yaml") if "network: town.net.xml" in code)
    (tmp_path / "town" / "scenario.yaml").write_text(content)
    assert yaml.safe_load(content)["network"] == "town.net.xml"
    assert cli.main(["check", "town"]) == 0
    with Session(load_scenario("town")) as session:
        session.reset(1)
        assert session.step([1, 1]).observation.time_s == 5.0
