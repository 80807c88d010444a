"""Score the forecast by simulated evenings of events that nothing was fitted to.

Each evening is a draw of an event of a held-out calendar under the stored programs. The forecast
knows the calendar, not the draw. Run from the root of the project; what is there is not run again:

    python benchmarks/forecasting.py arena ingolstadt-matchday --evenings 25 --out runs/forecasting
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from signalrl.events.scoring import covered, detection, pinball
from signalrl.forecast.assignment import assign, read_roads
from signalrl.forecast.forecast import (
    BIN_S,
    DRAWS,
    PARTS,
    QUANTILES,
    Outlook,
    merged,
    onset_bins,
    outlook,
)
from signalrl.forecast.observed import Observed, observe
from signalrl.forecast.traffic import Window, draw_traffic
from signalrl.network.capacity import Capacity, find_movements
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.demand import ROUTES
from signalrl.scenario.event_demand import draw_occasion, events_around, later, load_season
from signalrl.sumo.episode import Outputs, scenario_network, start_episode

CALENDARS = ["held-out-m.ics", "held-out-l.ics"]
FEWEST_VEH_H = 20.0
"""Approaches with less demand say nothing about counts."""


def evening(env: str, seed: int, out: Path) -> dict[str, Any]:
    """Simulate an evening and forecast it; return what is to be scored."""
    path = out / f"{env}-{seed}.json"
    if path.is_file():
        return json.loads(path.read_text())
    scenario = load_scenario(env, settings={"events": {"calendars": CALENDARS}})
    network, season = scenario_network(scenario), load_season(scenario)
    occasion = draw_occasion(season, scenario.events, scenario.begin_s, seed)
    window = Window(occasion.clock, scenario.begin_s, scenario.end_s)
    capacity = Capacity(find_movements(network))
    bounds = (later(occasion.clock, s) for s in (scenario.begin_s, scenario.end_s))
    looks = []
    for events in (tuple(events_around(season, *bounds)), ()):
        traffic = draw_traffic(scenario, season.registry, events, window, DRAWS)
        looks.append(outlook(capacity, assign(scenario, capacity, traffic), traffic))
    folder = out / f"{env}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    outputs = Outputs(folder, details=True)
    simulation, plant = start_episode(
        scenario, network, seed, folder, backend="libsumo", outputs=outputs
    )
    plant.advance(scenario.end_s)
    simulation.close()
    roads = read_roads(scenario, capacity)
    routes = [*scenario.route_files, folder / ROUTES]
    parts = observe(outputs, routes, roads, window, BIN_S / PARTS)
    arrived, left = (merged(a, mean=False) for a in (parts.arrived, parts.left))
    seen = Observed(BIN_S, arrived, left, merged(parts.waiting, mean=True))
    began = onset_bins(parts.waiting, parts.left, parts.bin_s) * parts.bin_s
    look = looks[0]
    result: dict[str, Any] = {
        "env": env,
        "seed": seed,
        "event": occasion.event.title,
        "phase": occasion.phase,
        "used": (look.demand_veh_h.mean(axis=(0, 2)) > FEWEST_VEH_H).tolist(),
        "problem": seen.problem.tolist(),
        "arrived": seen.arrived.tolist(),
        "waiting": seen.waiting.tolist(),
        "p_problem": look.problem.any(axis=0).mean(axis=1).tolist(),
        "onset_s": _onsets(look),
        "began_s": np.nan_to_num(began, nan=-1.0).tolist(),
    }
    for name, one in (("forecast", look), ("no_event", looks[1])):
        arrived = np.quantile(one.demand_veh_h * BIN_S / 3600.0, QUANTILES, axis=2)
        waiting = np.quantile(one.queue + one.outside, QUANTILES, axis=2)
        result[name] = {"arrived": arrived.tolist(), "waiting": waiting.tolist()}
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    path.write_text(json.dumps(result))
    return result


def _onsets(look: Outlook) -> list[float]:
    """Return the median onset of each approach over the draws with a problem, -1 without any."""
    onsets = np.where(look.problem.any(axis=0), look.onset_s, np.nan)
    return [float(np.nanmedian(row)) if np.isfinite(row).any() else -1.0 for row in onsets]


def score(rows: list[dict[str, Any]], threshold: float) -> dict[str, float]:
    """Return the scores of some evenings."""
    odds = np.concatenate([row["p_problem"] for row in rows])
    happened = np.concatenate([np.any(row["problem"], axis=0) for row in rows])
    found = asdict(detection(odds, happened, threshold))
    best = max(
        (t for t in np.arange(0.02, 1.0, 0.02) if detection(odds, happened, t).recall >= 0.9),
        default=0.0,
    )
    onsets = []
    for row in rows:
        for i, seen in enumerate(np.array(row["problem"]).T):
            if seen.any() and row["p_problem"][i] >= threshold:
                onsets.append(abs(row["onset_s"][i] - row["began_s"][i]) / 60.0)
    found |= {
        "evenings": len(rows),
        "problems": float(happened.mean()),
        "precision_at_recall_0.9": detection(odds, happened, best).precision,
        "onset_error_min": float(np.median(onsets)) if onsets else float("nan"),
    }
    for name in ("arrived", "waiting"):
        inside, losses, without = [], [], []
        for row in rows:
            used = np.array(row["used"])
            seen = np.array(row[name])[:, used]
            of_event = np.array(row["forecast"][name])[:, :, used]
            inside.append(covered(of_event, seen).mean())
            losses.append(pinball(of_event, seen, QUANTILES).mean())
            of_usual = np.array(row["no_event"][name])[:, :, used]
            without.append(pinball(of_usual, seen, QUANTILES).mean())
        found |= {
            f"{name}_coverage": float(np.mean(inside)),
            f"{name}_pinball": float(np.mean(losses)),
            f"{name}_pinball_less": 1.0 - float(np.mean(losses) / np.mean(without)),
        }
    return found


def main() -> int:
    """Run the evenings that are missing and print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("envs", nargs="+")
    parser.add_argument("--evenings", type=int, default=25)
    parser.add_argument("--first", type=int, default=101, help="seed of the first evening")
    parser.add_argument("--threshold", type=float, default=0.5, help="probability that warns")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/forecasting"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    seeds = range(arguments.first, arguments.first + arguments.evenings)
    tasks = [(env, seed) for env in arguments.envs for seed in seeds]
    rows = []
    # A simulation is bit-reproducible only in a fresh process.
    with ProcessPoolExecutor(arguments.jobs, max_tasks_per_child=1) as pool:
        waiting = [pool.submit(evening, env, seed, arguments.out) for env, seed in tasks]
        for done in as_completed(waiting):
            rows.append(done.result())
            print(f"{len(rows)} of {len(tasks)} evenings", file=sys.stderr, flush=True)
    rows.sort(key=lambda row: (row["env"], row["seed"]))
    scores = {
        env: score([r for r in rows if r["env"] == env], arguments.threshold)
        for env in arguments.envs
    }
    scores["all"] = score(rows, arguments.threshold)
    (arguments.out / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    print(json.dumps(scores, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
