"""Score the alarm of gridlock by simulated evenings under the stored programs.

Each evening is a draw of an event of the season or of a held-out calendar, small, large or sold
out; every fifth has none. The forecast knows the calendar, not the draw, and is made before the
evening begins. Run from the root of the project; what is there is not run again:

    python benchmarks/alarms.py arena --evenings 50 --out runs/alarms
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from signalrl.benchmark.provenance import evening_digest
from signalrl.benchmark.store import replace_text
from signalrl.events.scoring import detection
from signalrl.forecast.corrections import corrections_of
from signalrl.forecast.days import drawn_part
from signalrl.forecast.forecast import DRAWS, look_ahead
from signalrl.forecast.gridlock import WARN, gridlock_risk
from signalrl.forecast.rehearsal import simulated
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import load_season
from signalrl.scenario.schema import Scenario
from signalrl.sumo.district import accumulation_veh, has_locked, outflow_veh_h
from signalrl.sumo.episode import scenario_network
from signalrl.sumo.fresh import run_fresh
from signalrl.sumo.outputs import read_edges, read_trips

CALENDARS = ["season.ics", "held-out-m.ics", "held-out-l.ics", "held-out-xl.ics"]
END_S = 10_800.0
"""As long as the suite metering watches: who fills a street late may lock the district late."""
KEPT = ("seed", "event", "phase", "people", "probability", "begin", "locked")
"""What the table of all evenings holds of each."""
QUIET = 5
"""Every so many evenings there is no event."""


def evening(env: str, draws: int, out: Path, seed: int) -> None:
    """Forecast an evening and simulate it; write whether it was to lock, and whether it did."""
    quiet, scenario = seed % QUIET == 0, evening_of(env, seed)
    network, season = scenario_network(scenario), load_season(scenario)
    occasion, part = drawn_part(scenario, season, seed)
    around = () if quiet else part.events
    look = look_ahead(scenario, network, season.registry, around, part.window, draws)
    risk = gridlock_risk(look, scenario.metering.diagram, corrections_of(scenario))
    with simulated(scenario, network, seed) as (outputs, _):
        edges, trips = read_edges(outputs.edge_data), read_trips(outputs.tripinfo)
    inside, outflow = accumulation_veh(edges, network), outflow_veh_h(trips, edges)
    result = {
        "env": env,
        "draws": draws,
        "digest": evening_digest(scenario),
        "seed": seed,
        "event": None if quiet else occasion.event.title,
        "phase": occasion.phase,
        "people": 0 if quiet else occasion.event.attendance,
        "probability": risk.probability,
        "begin": None if risk.begin is None else risk.begin.isoformat(),
        "locked": has_locked(scenario.metering, inside, outflow),
        "inside": inside,
        "outflow": outflow,
        "drawn_inside": np.rint(look.accumulation).astype(int).tolist(),
        "drawn_outflow": np.rint(look.outflow_veh_h).astype(int).tolist(),
    }
    replace_text(_kept(env, out, seed), json.dumps(result))


def evening_of(env: str, seed: int) -> Scenario:
    """Return the scenario of an evening."""
    events = {"calendars": CALENDARS, "probability": 1.0 if seed % QUIET else 0.0}
    return load_scenario(env, settings={"end_s": END_S, "events": events})


def _kept(env: str, out: Path, seed: int) -> Path:
    return out / f"{Path(env).name}-{seed}.json"


def _is_of(path: Path, env: str, draws: int, seed: int) -> bool:
    """Whether an evening is there, made from what there is now, with so many draws."""
    if not path.is_file():
        return False
    found = json.loads(path.read_text())
    digest = evening_digest(evening_of(env, seed))
    return (found.get("draws"), found.get("digest")) == (draws, digest)


def main() -> int:
    """Run the evenings that are missing and print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("env")
    parser.add_argument("--evenings", type=int, default=50)
    parser.add_argument("--first", type=int, default=101, help="seed of the first evening")
    parser.add_argument("--draws", type=int, default=DRAWS, help="draws of each forecast")
    parser.add_argument("--threshold", type=float, default=WARN, help="probability that warns")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/alarms"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    seeds = range(arguments.first, arguments.first + arguments.evenings)
    files = {seed: _kept(arguments.env, arguments.out, seed) for seed in seeds}
    if load_scenario(arguments.env).metering is None:
        wanted = (
            "expected an environment that knows its district (the key metering), got one without"
        )
        print(f"{arguments.env}: {wanted}; measure it with signalrl nfd", file=sys.stderr)
        return 1
    missing = [
        seed
        for seed, path in files.items()
        if not _is_of(path, arguments.env, arguments.draws, seed)
    ]
    work = partial(evening, arguments.env, arguments.draws, arguments.out)
    for number, _ in enumerate(run_fresh(work, missing, arguments.jobs), 1):
        print(f"{number} of {len(missing)} evenings", file=sys.stderr, flush=True)
    rows = [json.loads(path.read_text()) for path in files.values()]
    with (arguments.out / "evenings.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, KEPT, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    odds = np.array([row["probability"] for row in rows])
    happened = np.array([row["locked"] for row in rows])
    scores = asdict(detection(odds, happened, arguments.threshold))
    scores |= {"evenings": len(rows), "locked": int(happened.sum())}
    (arguments.out / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    print(json.dumps(scores, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
