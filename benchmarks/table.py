"""Writes the tables of stored results into README.md and docs/; ``--check`` only compares."""

from __future__ import annotations

import csv
import json
import statistics
import sys
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from signalrl.benchmark.controllers import BOUNDS
from signalrl.benchmark.league_section import PUBLISHED_CLASSICAL
from signalrl.benchmark.statistics import compare

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"
PEERS = ("sumo-rl", "sumo-rl-parallel")
PLANS = "event-plans"
"""The suite with a page of its own."""


def load(path: Path) -> Any:
    """Return a stored result."""
    return json.loads(path.read_text(encoding="utf-8"))


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def trained() -> str:
    """Return the mean delay of each controller, a row per environment that was trained on."""
    studies = {path.parent.name: load(path) for path in RESULTS.glob("training/*/summary.json")}
    names = sorted(studies)
    controllers = list(studies[names[0]]["environments"][names[0]]["controllers"])
    rows = []
    for name in names:
        found = studies[name]["environments"][name]["controllers"]
        best = min(found, key=lambda c: found[c]["mean_delay_s"]["mean"])
        cells = []
        for controller in controllers:
            text = estimate(found[controller]["mean_delay_s"])
            cells.append(f"**{text}**" if controller == best else text)
        minutes = load(RESULTS / "training" / name / "training.json")["training_wall_s"] / 60
        rows.append([f"`{name}`", *cells, f"{minutes:.1f} min"])
    return table(["environment", *controllers, "training"], rows)


def league(suite: str) -> str:
    """Return the controllers of a suite by their relative delay, with the delay everywhere."""
    found = load(RESULTS / "suites" / suite / "summary.json")
    measure, environments = found["suite"]["measure"], found["environments"]
    delays = {
        env: {name: c[measure]["mean"] for name, c in content["controllers"].items()}
        for env, content in environments.items()
    }
    lowest = {
        env: min(s for name, s in values.items() if name not in BOUNDS)
        for env, values in delays.items()
    }
    limits = [name for name in BOUNDS if all(name in values for values in delays.values())]
    rows = [[f"*{name}*", "", *(f"*{delays[env][name]:.1f}*" for env in delays)] for name in limits]
    for standing in found["league"]:
        name = standing["controller"]
        cells = []
        for env, values in delays.items():
            text = f"{values[name]:.1f}" if name in values else "–"
            cells.append(f"**{text}**" if values.get(name) == lowest[env] else text)
        rows.append([f"`{name}`", f"{standing['relative']:.2f}", *cells])
    return table(["controller", "relative", *short_names(list(delays))], rows)


def short_names(environments: list[str]) -> list[str]:
    """Return names of environments without what all of them begin with."""
    words = [env.removeprefix("resco-").split("-") for env in environments]
    columns = zip(*words, strict=False) if len(words) > 1 else ()
    same = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    return ["-".join(parts[same:]) for parts in words]


def delays_of(suite: str) -> dict[str, dict[str, dict[int, float]]]:
    """Return the mean delays of a suite's episodes by controller, environment and seed."""
    delays: dict[str, dict[str, dict[int, float]]] = {}
    with (RESULTS / "suites" / suite / "episodes.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            of_env = delays.setdefault(row["controller"], {}).setdefault(row["env"], {})
            of_env[int(row["seed"])] = float(row["mean_delay_s"])
    return delays


def relative(other: str, ours: dict[int, float], theirs: dict[int, float]) -> str:
    """Return how far delays are below or above others, in percent, bold where it is sure."""
    found = compare(other, ours, theirs)
    if found is None:
        return "–"
    ends, mean = found.difference, statistics.fmean(theirs[s] for s in theirs.keys() & ours.keys())
    text = f"{ends.mean / mean:+.1%} [{ends.low / mean:+.1%}, {ends.high / mean:+.1%}]"
    return f"**{text}**" if found.verdict in {"lower", "higher"} else text


def plans() -> str:
    """Return event plans beside the control that they replace."""
    delays = delays_of(PLANS)
    environments = list(delays["fixed"])
    rows = []
    for kind, own in (("fixed", "event-plan"), ("actuated", "event-plan-actuated")):
        bar = delays[kind]
        draws = str(len(bar[environments[0]]))
        means = [f"{statistics.fmean(bar[env].values()):.1f}" for env in environments]
        cells = [relative(kind, delays[own][env], bar[env]) for env in environments]
        rows += [[f"`{kind}`, mean delay in s", draws, *means], [f"`{own}`", draws, *cells]]
    return table(["", "draws", *short_names(environments)], rows)


def errors() -> str:
    """Return event plans of calendars that err, beside those of a right one on the same draws."""
    delays = delays_of(PLANS)
    environments = list(delays["fixed"])
    rows = []
    for name, by_env in delays.items():
        own, colon, _ = name.partition(":")
        if colon:
            cells = [relative(own, by_env[env], delays[own][env]) for env in environments]
            rows.append([f"`{name}`", str(len(by_env[environments[0]])), *cells])
    return table(["", "draws", *short_names(environments)], rows)


def paired(suite: str) -> str:
    """Return how far the first policy is below or above all others, seed by seed, in percent."""
    delays = delays_of(suite)
    name = next(controller for controller in delays if controller.startswith("policy"))
    environments = list(delays[name])
    rows = []
    for other, by_env in delays.items():
        if other == name:
            continue
        cells = [relative(other, delays[name][env], by_env.get(env, {})) for env in environments]
        rows.append([f"`{other}`", *cells])
    return table([f"`{name}` beside", *short_names(environments)], rows)


def published(suite: str) -> str:
    """Return our best classical controller beside the figures that others have published."""
    content = yaml.safe_load((HERE / "suites" / f"{suite}.yaml").read_text(encoding="utf-8"))
    (theirs,) = content["published"]
    found = load(RESULTS / "suites" / suite / "summary.json")
    measure = found["suite"]["measure"]
    names = list(dict.fromkeys(n for values in theirs["mean_delay_s"].values() for n in values))
    rows = []
    for env, figures in theirs["mean_delay_s"].items():
        ours = {
            name: c[measure]["mean"]
            for name, c in found["environments"][env]["controllers"].items()
            if name not in BOUNDS and not name.startswith("policy")
        }
        best = min(ours, key=lambda name: ours[name])
        bar = min(s for name, s in figures.items() if name in PUBLISHED_CLASSICAL)
        cells = [f"{figures[name]:g}" if name in figures else "–" for name in names]
        said = f"{ours[best]:.1f} (`{best}`)"
        rows.append([env.removeprefix("resco-"), said, f"{ours[best] / bar:.2f}", *cells])
    return table(["map", "best classical, here", "to theirs", *names], rows)


def forecasting() -> str:
    """Return how good forecasts are, a column per environment and one without corrections."""
    scores = load(RESULTS / "forecasting" / "scores.json")
    names = [name for name in scores["forecast"] if name != "all"]
    columns = {name: scores["forecast"][name] for name in (*names, "all")}
    columns["all, without corrections"] = scores["uncorrected"]["all"]
    measures: dict[str, Callable[[dict[str, float]], str]] = {
        "evenings": lambda s: f"{s['evenings']}",
        "approaches with a problem": lambda s: f"{s['problems']:.0%}",
        "found, of those with a problem (recall)": lambda s: f"{s['recall']:.1%}",
        "right, of the warnings (precision)": lambda s: f"{s['precision']:.1%}",
        "precision where the threshold finds 90%": lambda s: f"{s['precision_at_recall_0.9']:.1%}",
        "error of the onset, median, min (steps of 5)": lambda s: f"{s['onset_error_min']:g}",
    }
    for what, told in (("arrived", "counts of 15 min"), ("waiting", "queues")):
        measures[f"{told} in the 80 % interval"] = lambda s, w=what: f"{s[f'{w}_coverage']:.0%}"
        measures[f'pinball loss of {told}, beside "no event"'] = lambda s, w=what: (
            f"{-s[f'{w}_pinball_less']:+.0%}"
        )
    rows = [[name, *(tell(s) for s in columns.values())] for name, tell in measures.items()]
    return table(["", *columns], rows)


def stepping() -> str:
    """Return what a step costs, a row per map."""
    rows = []
    for name, found in load(RESULTS / "stepping.json")["maps"].items():
        low, high = found["against_range"]
        faster = found["faster"]
        rows.append(
            [
                f"`{name}`",
                f"{found['beside_the_simulation']:.1%}",
                f"{found['against_the_empty_loop']:.1%} ({low:.1%} to {high:.1%})",
                *(f"{faster[peer]:.2f}" if peer in faster else "-" for peer in PEERS),
            ]
        )
    head = ["map", "beside the simulation", "against an empty loop, with range"]
    return table([*head, "times faster than sumo-rl", "than its parallel environment"], rows)


def peers() -> str:
    """Return what sumo-rl and we reach within the same time, a row per map and controller."""
    rows = []
    for path in sorted((RESULTS / "peers").glob("*.json")):
        found = load(path)
        for side in found["sides"].values():
            last = side["report"][side["mode"]]
            reached = {"mean": last["mean_delay_s"], "interval95": last["interval95"]}
            learns = len(side["checkpoints"]) > 1
            lowest = f"{side['lowest_on_curve_s']:.1f}" if learns else "–"
            rows.append([f"`{path.stem}`", side["label"], estimate(reached), lowest])
    return table(["map", "controller", "last checkpoint", "lowest on its curve"], rows)


def ablation() -> str:
    """Return what a forecast in the observation brought, a row per case."""
    found = load(RESULTS / "ablation" / "ablation.json")
    rows = []
    for case in found["mean_delay_s"]["without"]:
        cells = [f"{by_case[case]['mean']:.1f}" for by_case in found["mean_delay_s"].values()]
        for by_case in found["differences_s"].values():
            one = by_case[case]
            cells.append(f"{one['mean']:+.1f} [{one['low']:+.1f}, {one['high']:+.1f}]")
        rows.append([f"`{case}`" if "-" in case else case, *cells])
    differences = [name.replace(" - ", " less ") for name in found["differences_s"]]
    return table(["", *found["mean_delay_s"], *differences], rows)


def estimate(found: dict[str, Any]) -> str:
    """Return a mean with its interval."""
    low, high = found["interval95"]
    return f"{found['mean']:.1f} [{low:.1f}, {high:.1f}]"


def tables() -> dict[Path, dict[str, Callable[[], str]]]:
    """Return what makes each table, by page and name; only of results that are stored."""
    results: dict[str, Callable[[], str]] = {}
    for path in sorted(RESULTS.glob("suites/*/summary.json")):
        if path.parent.name == PLANS:
            continue
        results[path.parent.name] = partial(league, path.parent.name)
        if path.parent.name.startswith("events"):
            results[f"{path.parent.name}-paired"] = partial(paired, path.parent.name)
        if path.parent.name == "resco":
            results["published"] = partial(published, "resco")
    if any((RESULTS / "peers").glob("*.json")):
        results["peers"] = peers
    return {
        ROOT / "README.md": {"results": trained},
        ROOT / "docs/design.md": {"stepping": stepping},
        ROOT / "docs/forecast.md": {"forecasting": forecasting},
        ROOT / "docs/plans.md": {"plans": plans, "plans-errors": errors},
        ROOT / "docs/results.md": results,
        ROOT / "docs/training.md": {"ablation": ablation},
    }


def pictures() -> dict[Path, Path]:
    """Return the stored pictures that are shown in the docs, and where they are shown."""
    shown = {"peers/curves.svg": "peers.svg", "ablation/ablation.svg": "ablation.svg"}
    images = ROOT / "docs" / "images"
    return {
        RESULTS / stored: images / name
        for stored, name in shown.items()
        if (RESULTS / stored).is_file()
    }


def main() -> int:
    """Write the tables, or compare; exit with 1 where they differ."""
    differ = 0
    for page, makers in tables().items():
        text = new = page.read_text(encoding="utf-8")
        for name, make in makers.items():
            begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
            if begin not in new:
                raise SystemExit(f"{page}: expected the mark {begin.strip()} for stored results")
            head, _, rest = new.partition(begin)
            new = head + begin + make() + end + rest.partition(end)[2]
        if new != text:
            differ += 1
            if "--check" in sys.argv[1:]:
                print(f"{page} and benchmarks/results/ differ: make results")
            else:
                page.write_text(new, encoding="utf-8")
    for source, copy in pictures().items():
        if not copy.is_file() or copy.read_bytes() != source.read_bytes():
            differ += 1
            if "--check" in sys.argv[1:]:
                print(f"{copy} and {source} differ: make results")
            else:
                copy.write_bytes(source.read_bytes())
    return int(differ > 0 and "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
