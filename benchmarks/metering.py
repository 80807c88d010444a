"""Tell from a finished benchmark what metering did: per seed, per gate, and as pictures.

Run from the root of the project, after signalrl benchmark metering:

    python benchmarks/metering.py runs/metering --env arena-xl-ingress --seed 103
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from signalrl.benchmark.controllers import METERING
from signalrl.benchmark.diagram import MINUTES, fit, points_of
from signalrl.benchmark.diagram import draw as draw_diagram
from signalrl.benchmark.figures import STYLE
from signalrl.benchmark.statistics import bootstrap_mean
from signalrl.network.gridlock import Diagram
from signalrl.scenario.catalog import load_scenario

Pair = tuple[dict[str, Any], dict[str, Any]]
COLUMNS = (
    *("seed", "metered", "mean_delay_s", "locked", "unfinished", "undeparted"),
    *("held_h", "longest_held_s", "held_until_s", "waiting_at_gates"),
)


def pairs(run: Path, env: str, controller: str) -> dict[int, Pair]:
    """Return the results without and with metering, by seed; of those that the last run asked for.

    A folder may hold evenings of other settings or seeds, too.
    """
    both = (controller, f"{controller}{METERING}")
    summary = read_summary(run)
    known = summary["environments"].get(env, {"controllers": ()})["controllers"]
    if missing := [name for name in both if name not in known]:
        raise SystemExit(f"{run}: expected {' and '.join(both)} in {env}, got no {missing[0]}")
    with (run / "episodes.csv").open(newline="") as file:
        rows = [(row["controller"], int(row["seed"])) for row in csv.DictReader(file)
                if row["env"] == env]  # fmt: skip
    seeds = sorted({seed for _, seed in rows} & set(summary["seeds"]))
    if alone := [seed for seed in seeds if sum((one, seed) in rows for one in both) == 1]:
        print(f"without a partner: seeds {alone}", file=sys.stderr)
    return {
        seed: tuple(
            json.loads((run / "episodes" / env / one / f"{seed}.json").read_text()) for one in both
        )
        for seed in seeds
        if all((one, seed) in rows for one in both)
    }


def read_summary(run: Path) -> dict[str, Any]:
    """Return what the last run of a benchmark was about."""
    found: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return found


def diagram_of(run: Path, env: str) -> Diagram:
    """Return the diagram by which the evenings of an environment were judged."""
    (own,) = [
        one["env"] for one in read_summary(run)["suite"]["environments"] if one["name"] == env
    ]
    metering = load_scenario(own).metering
    assert metering is not None
    return metering.diagram


def seeds_table(found: dict[int, Pair]) -> str:
    """Return what became of each evening, and the minute of the watch at which gates open."""
    lines = ["| seed | delay in s | locks | left | metered: delay in s | locks | left | open at |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for seed, pair in found.items():
        cells = [str(seed)]
        for result in pair:
            metrics = result["metrics"]
            left = metrics["unfinished"] + metrics["undeparted"]
            locks = "locks" if result["locked"] else "no"
            cells += [f"{metrics['mean_delay_s']:.0f}", locks, str(left)]
        cells.append(f"{held_until_s(pair[1]) / 60:.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def held_until_s(result: dict[str, Any]) -> float:
    """Return the simulated second of an evening until which gates held; 0 where none did."""
    gates = result["gates"] or {"time_s": (), "allowed_veh_h": ()}
    pairs = zip(gates["time_s"], gates["allowed_veh_h"], strict=True)
    return max((time_s for time_s, allowed in pairs if allowed >= 0.0), default=0.0)


def write_rows(found: dict[int, Pair], path: Path) -> None:
    """Write what became of each evening, a row without and one with metering."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for seed, pair in found.items():
            for metered, result in enumerate(pair):
                metrics, holds = result["metrics"], result["holds"] or ()
                row = {
                    "seed": seed,
                    "metered": metered,
                    "mean_delay_s": metrics["mean_delay_s"],
                    "locked": int(result["locked"]),
                    "unfinished": metrics["unfinished"],
                    "undeparted": metrics["undeparted"],
                    "held_h": sum(hold["held_h"] for hold in holds),
                    "longest_held_s": max((hold["longest_s"] for hold in holds), default=0.0),
                    "held_until_s": held_until_s(result),
                    "waiting_at_gates": sum(hold["waiting"] for hold in holds),
                }
                writer.writerow(row)


def gates_table(found: dict[int, Pair]) -> str:
    """Return what each gate did, as a mean over the evenings on which the calendar armed them."""
    lines = ["| gate | vehicles | held, mean in s | longest in s |", "|---|---|---|---|"]
    results = [metered["holds"] for _, metered in found.values() if metered["holds"]]
    if not results:
        return "The calendar armed no gate."
    for i, gate in enumerate(results[0]):
        holds = [result[i] for result in results]
        came = sum(hold["passed"] + hold["waiting"] for hold in holds)
        held_s = 3600.0 * sum(hold["held_h"] for hold in holds) / max(1, came)
        longest_s = max(hold["longest_s"] for hold in holds)
        cells = gate["gate"], f"{came / len(holds):.0f}", f"{held_s:.0f}", f"{longest_s:.0f}"
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def difference(found: dict[int, Pair]) -> str:
    """Return the paired difference of the mean delay."""
    delays = np.array(
        [[result["metrics"]["mean_delay_s"] for result in pair] for pair in found.values()]
    )
    change = bootstrap_mean((delays[:, 1] - delays[:, 0]).tolist())
    means = delays.mean(axis=0)
    return f"{means[0]:.1f} s without, {means[1]:.1f} s with metering: {change} s per pair"


def draw(pair: Pair, critical_veh: float, title: str, folder: Path) -> None:
    """Draw an evening without and with metering."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.0, 4.6))
        inside, through = figure.subplots(2, 1, sharex=True)
        for result, label, colour in zip(
            pair, ("without", "with metering"), ("#b2182b", "#2166ac"), strict=True
        ):
            arrivals = result["arrivals"]
            bins = len(result["accumulation_veh"])
            minutes = MINUTES * (np.arange(bins) + 0.5)
            counts = [sum(arrivals[MINUTES * i : MINUTES * (i + 1)]) for i in range(bins)]
            inside.plot(minutes, result["accumulation_veh"], color=colour, label=label)
            through.plot(minutes, np.array(counts) * 60.0 / MINUTES, color=colour)
        inside.axhline(critical_veh, color="black", linestyle="--", linewidth=1)
        inside.annotate("critical", (0, critical_veh), xytext=(2, 3), textcoords="offset points")
        inside.set_ylabel("vehicles between signals")
        inside.legend(frameon=False)
        inside.set_title(title)
        through.set_ylabel("arrivals per hour")
        through.set_xlabel("minutes")
        for axes in (inside, through):
            axes.set_ylim(0, None)
        folder.mkdir(parents=True, exist_ok=True)
        figure.savefig(folder / "metering.svg", metadata={"Date": None})


def main() -> int:
    """Print the tables and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--env", default="arena-xl-ingress")
    parser.add_argument("--controller", default="greedy-adaptive")
    parser.add_argument("--seed", type=int, help="the evening that is drawn")
    parser.add_argument("--rows", type=Path, help="file for what became of each evening")
    parser.add_argument("--pictures", type=Path, default=Path("docs/images"))
    arguments = parser.parse_args()
    found = pairs(arguments.run, arguments.env, arguments.controller)
    if not found:
        print(f"no pairs of {arguments.env} in {arguments.run}", file=sys.stderr)
        return 1
    if arguments.seed is not None and arguments.seed not in found:
        print(f"expected one of the seeds {sorted(found)}, got {arguments.seed}", file=sys.stderr)
        return 1
    points = [point for seed, (plain, _) in found.items() for point in points_of(1.0, seed, plain)]
    print(seeds_table(found), gates_table(found), difference(found), fit(points), sep="\n\n")
    if arguments.rows is not None:
        write_rows(found, arguments.rows)
    if arguments.seed is not None:
        title = f"{arguments.env} under {arguments.controller}, seed {arguments.seed}"
        judged_by = diagram_of(arguments.run, arguments.env)
        draw(found[arguments.seed], judged_by.critical_veh, title, arguments.pictures)
        name = f"{arguments.env} under {arguments.controller}"
        draw_diagram(points, judged_by, name, arguments.pictures / "nfd.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
