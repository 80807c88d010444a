from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from rich.console import Console

from signalrl.benchmark.runner import run_benchmark
from signalrl.benchmark.suite import Suite
from signalrl.control.observation import FEATURES, Feature
from signalrl.errors import ConfigError

from .conftest import write_scenario

SCRIPT = """
import sys
from pathlib import Path
from signalrl.benchmark.runner import run_benchmark
from signalrl.benchmark.suite import Suite
run_benchmark(Suite.of([sys.argv[1]], ["fixed", "greedy"]), range(20), Path(sys.argv[2]))
"""


def quiet() -> Console:
    return Console(file=io.StringIO(), width=100)


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "episodes.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def write_policy(path: Path, feature: Feature) -> Path:
    """A policy that prefers the phase with the largest value of one feature."""
    index = helper.make_tensor("index", TensorProto.INT64, [], [int(feature)])
    node = helper.make_node("Gather", ["observation", "index"], ["logits"], axis=2)
    ends = (
        [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["n", "p", FEATURES])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", "p"])],
    )
    graph = helper.make_graph([node], "policy", *ends, initializer=[index])
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


@pytest.fixture(scope="module")
def done(short: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A benchmark of four controllers, one of which can't work, on three seeds."""
    out = tmp_path_factory.mktemp("done")
    policy = write_policy(out / "queue.onnx", Feature.QUEUED)
    broken = out / "broken.onnx"
    broken.write_bytes(b"no model")
    console = quiet()
    summary = run_benchmark(
        Suite.of([str(short)], ["fixed", "greedy", f"policy={policy}", f"policy={broken}"]),
        [1, 2, 3],
        out,
        command="signalrl benchmark ... --seeds 1:4",
        console=console,
    )
    assert summary.exit_status == 1
    return out, console.file.getvalue()  # type: ignore[attr-defined]


def test_every_episode_has_a_row(done: tuple[Path, str]) -> None:
    found = [(row["env"], row["controller"], row["seed"]) for row in rows(done[0])]
    names = ("fixed", "greedy", "policy=queue.onnx")
    assert found == [("short", name, str(seed)) for seed in (1, 2, 3) for name in names]
    for row in rows(done[0]):
        counts = [int(row[name]) for name in ("arrived", "unfinished", "undeparted")]
        assert sum(counts) == int(row["vehicles"]) > 0
        assert float(row["mean_delay_s"]) > 0
        assert row["violations"] == "0"


def test_what_failed_is_listed_and_the_rest_goes_on(done: tuple[Path, str]) -> None:
    out, said = done
    with (out / "failures.csv").open(newline="") as file:
        failures = list(csv.DictReader(file))
    assert [(f["controller"], f["seed"]) for f in failures] == [
        ("policy=broken.onnx", str(seed)) for seed in (1, 2, 3)
    ]
    assert all("broken.onnx" in f["error"] for f in failures)
    assert "failed: short policy=broken.onnx 1:" in said
    assert "3 episodes failed" in (out / "report.html").read_text()


def test_the_summary_says_what_it_was_made_from(done: tuple[Path, str]) -> None:
    summary = json.loads((done[0] / "summary.json").read_text())
    assert summary["seeds"] == [1, 2, 3]
    assert "--seeds 1:4" in summary["command"]
    assert summary["versions"]["eclipse-sumo"].startswith("1.")
    assert set(summary["environments"]["short"]["controllers"]) == {
        "fixed",
        "greedy",
        "policy=queue.onnx",
    }
    delays = [float(r["mean_delay_s"]) for r in rows(done[0]) if r["controller"] == "greedy"]
    greedy = summary["environments"]["short"]["controllers"]["greedy"]
    assert greedy["mean_delay_s"]["mean"] == pytest.approx(sum(delays) / 3)


class _Page(HTMLParser):
    """Collects tags, and checks that they close in the order in which they open."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            is_address = name in ("src", "href", "xlink:href")
            if is_address and value and not value.startswith(("#", "data:")):
                self.outside.append(value)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_stands_alone(done: tuple[Path, str]) -> None:
    text = (done[0] / "report.html").read_text()
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.outside == []
    assert "script" not in page.tags
    # Delay, delay over time, arrivals, maps; splits, terminations, arrivals on green, coordination.
    assert page.tags.count("figure") == 8
    assert page.tags.count("svg") == 7
    assert '<meta name="viewport"' in text
    assert len(text) < 2_000_000
    for words in ("A few minutes at one signal", "policy=queue.onnx", "too few seeds", "SUMO 1."):
        assert words in text


BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
WRAPPER = """<!doctype html><pre id="said"></pre>
<iframe id="page" style="width: {width}px; height: 800px; border: 0"></iframe><script>
const page = document.getElementById("page"), began = performance.now();
page.onload = () => {{
  const root = page.contentDocument.documentElement;
  document.getElementById("said").textContent = JSON.stringify({{
    took_ms: performance.now() - began, wide: root.scrollWidth, seen: root.clientWidth,
    broken: [...page.contentDocument.images].filter(i => !i.naturalWidth).length,
    asked: page.contentWindow.performance.getEntriesByType("resource")
      .map(entry => entry.name).filter(name => !name.startsWith("data:")),
  }});
}};
page.src = "{page}";
</script>"""


@pytest.mark.skipif(
    BROWSER is None and os.environ.get("SIGNALRL_BROWSER") != "require", reason="no Chromium here"
)
@pytest.mark.parametrize("width", [360, 1280])
def test_a_browser_shows_the_report_at_once_and_without_asking_anybody(
    width: int, done: tuple[Path, str], tmp_path: Path
) -> None:
    assert BROWSER is not None, "install chromium"
    wrapper = tmp_path / "wrapper.html"
    wrapper.write_text(WRAPPER.format(width=width, page=(done[0] / "report.html").as_uri()))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--timeout=20000", "--dump-dom"]
    shown = subprocess.run(
        [BROWSER, *options, wrapper.as_uri()], capture_output=True, text=True, timeout=60
    ).stdout
    said = json.loads(shown.partition('<pre id="said">')[2].partition("</pre>")[0])
    assert said["took_ms"] < 2000
    assert said["wide"] == said["seen"]  # nothing sticks out to the right
    assert (said["broken"], said["asked"]) == (0, [])


def test_one_controller_and_one_seed_make_a_report(short: Path, tmp_path: Path) -> None:
    summary = run_benchmark(
        Suite.of([str(short)], ["greedy"]), [5], tmp_path, jobs=1, console=quiet()
    )
    assert summary.exit_status == 0
    assert "There is no other controller." in summary.report.read_text()


def test_a_benchmark_without_any_result_is_reported(short: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    summary = run_benchmark(
        Suite.of([str(short)], [f"policy={broken}"]), [1], tmp_path, console=quiet()
    )
    assert summary.exit_status == 1
    assert rows(tmp_path) == []
    assert "No episode was finished." in summary.report.read_text()


def test_only_what_is_missing_is_run(short: Path, tmp_path: Path) -> None:
    policy = write_policy(tmp_path / "p.onnx", Feature.QUEUED)
    out = tmp_path / "out"

    def run(*seeds: int) -> dict[tuple[str, str], dict[str, str]]:
        suite = Suite.of([str(short)], ["fixed", f"policy={policy}"])
        run_benchmark(suite, seeds, out, console=quiet())
        return {(row["controller"], row["seed"]): row for row in rows(out)}

    first = run(1)
    second = run(1, 2)
    assert len(second) == 4
    assert {key: second[key] for key in first} == first  # wall_s included: they were not repeated

    lines = (out / "episodes.csv").read_text().splitlines(keepends=True)
    (out / "episodes.csv").write_text("".join(lines[:-1]) + lines[-1][:40])
    third = run(1, 2)
    changed = [key for key in second if third[key] != second[key]]
    assert changed == [list(second)[-1]]
    assert {k: v["tripinfo_sha256"] for k, v in third.items()} == {
        k: v["tripinfo_sha256"] for k, v in second.items()
    }

    write_policy(policy, Feature.UNSERVED)
    fourth = run(1, 2)
    for key in third:
        same = fourth[key]["tripinfo_sha256"] == third[key]["tripinfo_sha256"]
        assert same == (key[0] == "fixed")
        assert (fourth[key] == third[key]) == (key[0] == "fixed")


def test_a_signal_is_looked_at_in_the_first_seed_whatever_was_run_before(
    short: Path, tmp_path: Path
) -> None:
    suite = Suite.of([str(short)], ["greedy"])
    run_benchmark(suite, [2, 1], tmp_path, console=quiet())
    again = suite.narrowed([], ["fixed"])
    summary = run_benchmark(again, [1, 2], tmp_path, console=quiet())
    assert "One signal" in summary.report.read_text()
    for controller in ("fixed", "greedy"):
        details = json.loads((tmp_path / "episodes" / "short" / controller / "1.json").read_text())
        assert details["signal"] is not None
    assert len(rows(tmp_path)) == 4


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"suite": Suite.of(["no-such"], ["fixed"])}, "no-such"),
        ({"suite": Suite.of(["single"], ["gredy"])}, "greedy"),
        ({"seeds": []}, "distinct seeds"),
        ({"seeds": [1, 1]}, "distinct seeds"),
        ({"jobs": 0}, "at least one job"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(
    change: dict[str, object], says: str, tmp_path: Path
) -> None:
    good = {"suite": Suite.of(["single"], ["fixed"]), "seeds": [1], "jobs": 1}
    with pytest.raises(ConfigError, match=says):
        run_benchmark(**{**good, **change}, out=tmp_path / "out", console=quiet())  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_environments_of_one_name_are_refused(short: Path, tmp_path: Path) -> None:
    twin = write_scenario(tmp_path / "short")
    suite = Suite.of([str(short), str(twin)], ["fixed"])
    with pytest.raises(ConfigError, match="distinct names"):
        run_benchmark(suite, [1], tmp_path / "o", console=quiet())


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_running_when_it_is_ended(kind: signal.Signals, tmp_path: Path) -> None:
    scenario, out = write_scenario(tmp_path / "long", end_s=900), tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(scenario), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell has those ignore it that it runs in the background, and all that they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    children: list[int] = []
    for _ in _until(60):
        if process.poll() is None:
            children = _children(process.pid)
        if children and (out / "episodes.csv").exists() and len(rows(out)) >= 1:
            break
    process.send_signal(kind)
    said, _ = process.communicate(timeout=30)
    assert process.returncode != 0
    assert children
    for _ in _until(10):
        if not any(map(_is_alive, children)):
            break
    assert not [child for child in children if _is_alive(child)]
    if kind == signal.SIGINT:
        assert "the same command goes on from there" in said


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def _until(limit_s: float) -> Iterator[None]:
    """Yield again and again until the time is over."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        yield
        time.sleep(0.02)
