"""Score the forecast by simulated evenings of events that nothing was fitted to.

Each evening is a draw of an event of a held-out calendar under the stored programs. The forecast
knows the calendar, not the draw, and is scored with the corrections that the environment ships and
without any. Run from the root of the project; what is there is not run again:

    python benchmarks/forecasting.py arena ingolstadt-matchday --evenings 25 --out runs/forecasting
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from signalrl.benchmark.provenance import evening_digest
from signalrl.events.scoring import covered, detection, pinball, threshold_at
from signalrl.files import replace_text
from signalrl.forecast.assignment import assign
from signalrl.forecast.corrections import corrections_of
from signalrl.forecast.days import drawn_part
from signalrl.forecast.forecast import BIN_S, DRAWS, QUANTILES, Outlook, onset_bins, outlook
from signalrl.forecast.problems import WARN
from signalrl.forecast.rehearsal import in_bins, see
from signalrl.forecast.traffic import draw_traffic
from signalrl.network.capacity import Capacity, find_movements
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import load_season
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import scenario_network
from signalrl.sumo.fresh import run_fresh

CALENDARS = ["held-out-m.ics", "held-out-l.ics"]
FEWEST_VEH_H = 20.0
"""Approaches with less demand say nothing about counts."""


def evening(out: Path, task: tuple[str, int]) -> None:
    """Simulate an evening and forecast it; write what is to be scored."""
    scenario, seed = scenario_of(task), task[1]
    digest = evening_digest(scenario)
    network, season = scenario_network(scenario), load_season(scenario)
    occasion, about = drawn_part(scenario, season, seed)
    capacity = Capacity(find_movements(network))
    looks = {}
    for events, taught in (
        (about.events, {"forecast": corrections_of(scenario), "uncorrected": None}),
        ((), {"no_event": None}),
    ):
        traffic = draw_traffic(scenario, season.registry, events, about.window, DRAWS)
        found = assign(scenario, capacity, traffic)
        for name, corrections in taught.items():
            looks[name] = outlook(capacity, found, traffic, corrections=corrections)
    parts, _ = see(scenario, network, capacity, about.window, seed)
    seen = in_bins(parts)
    began = onset_bins(parts.waiting, parts.left, parts.bin_s) * parts.bin_s
    look = looks["forecast"]
    result: dict[str, Any] = {
        "env": task[0],
        "digest": digest,
        "seed": seed,
        "event": occasion.event.title,
        "phase": occasion.phase,
        "used": (look.demand_veh_h.mean(axis=(0, 2)) > FEWEST_VEH_H).tolist(),
        "problem": seen.problem.tolist(),
        "arrived": seen.arrived.tolist(),
        "waiting": seen.waiting.tolist(),
        "began_s": np.nan_to_num(began, nan=-1.0).tolist(),
    }
    for name, one in looks.items():
        arrived = np.quantile(one.demand_veh_h * BIN_S / 3600.0, QUANTILES, axis=2)
        waiting = np.quantile(one.queue + one.outside, QUANTILES, axis=2)
        result[name] = {
            "arrived": arrived.tolist(),
            "waiting": waiting.tolist(),
            "p_problem": one.problem.any(axis=0).mean(axis=1).tolist(),
            "onset_s": _onsets(one),
        }
    replace_text(_kept(out, task), json.dumps(result))


def scenario_of(task: tuple[str, int]) -> Scenario:
    """Return the scenario of an evening."""
    return load_scenario(task[0], settings={"events": {"calendars": CALENDARS}})


def _is_there(out: Path, task: tuple[str, int]) -> bool:
    """Whether an evening was driven with all that there is now."""
    path = _kept(out, task)
    return path.is_file() and json.loads(path.read_text()).get("digest") == evening_digest(
        scenario_of(task)
    )


def _kept(out: Path, task: tuple[str, int]) -> Path:
    return out / f"{task[0]}-{task[1]}.json"


def _onsets(look: Outlook) -> list[float]:
    """Return the median onset of each approach over the draws with a problem, -1 without any."""
    onsets = np.where(look.problem.any(axis=0), look.onset_s, np.nan)
    return [float(np.nanmedian(row)) if np.isfinite(row).any() else -1.0 for row in onsets]


def score(rows: list[dict[str, Any]], threshold: float, name: str) -> dict[str, float]:
    """Return the scores of one of the forecasts of some evenings."""
    odds = np.concatenate([row[name]["p_problem"] for row in rows])
    happened = np.concatenate([np.any(row["problem"], axis=0) for row in rows])
    found = asdict(detection(odds, happened, threshold))
    onsets = []
    for row in rows:
        for i, seen in enumerate(np.array(row["problem"]).T):
            if seen.any() and row[name]["p_problem"][i] >= threshold:
                onsets.append(abs(row[name]["onset_s"][i] - row["began_s"][i]) / 60.0)
    found |= {
        "evenings": len(rows),
        "problems": float(happened.mean()),
        "precision_at_recall_0.9": detection(
            odds, happened, threshold_at(odds, happened, 0.9)
        ).precision,
        "onset_error_min": float(np.median(onsets)) if onsets else None,
    }
    for what in ("arrived", "waiting"):
        inside, losses, without = [], [], []
        for row in rows:
            used = np.array(row["used"])
            seen = np.array(row[what])[:, used]
            of_event = np.array(row[name][what])[:, :, used]
            inside.append(covered(of_event, seen).mean())
            losses.append(pinball(of_event, seen, QUANTILES).mean())
            of_usual = np.array(row["no_event"][what])[:, :, used]
            without.append(pinball(of_usual, seen, QUANTILES).mean())
        found |= {
            f"{what}_coverage": float(np.mean(inside)),
            f"{what}_pinball": float(np.mean(losses)),
            f"{what}_pinball_less": 1.0 - float(np.mean(losses) / np.mean(without)),
        }
    return found


def main() -> int:
    """Run the evenings that are missing and print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("envs", nargs="+")
    parser.add_argument("--evenings", type=int, default=25)
    parser.add_argument("--first", type=int, default=101, help="seed of the first evening")
    parser.add_argument("--threshold", type=float, default=WARN, help="probability that warns")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/forecasting"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    seeds = range(arguments.first, arguments.first + arguments.evenings)
    tasks = [(env, seed) for env in arguments.envs for seed in seeds]
    missing = [task for task in tasks if not _is_there(arguments.out, task)]
    work = partial(evening, arguments.out)
    for number, _ in enumerate(run_fresh(work, missing, arguments.jobs), 1):
        print(f"{number} of {len(missing)} evenings", file=sys.stderr, flush=True)
    rows = [json.loads(_kept(arguments.out, task).read_text()) for task in tasks]
    scores: dict[str, Any] = {}
    for name in ("forecast", "uncorrected"):
        by_env = {env: [row for row in rows if row["env"] == env] for env in arguments.envs}
        groups = {**by_env, "all": rows}
        scores[name] = {key: score(of, arguments.threshold, name) for key, of in groups.items()}
    (arguments.out / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    print(json.dumps(scores, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
