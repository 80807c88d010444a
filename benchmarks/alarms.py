"""Score the alarm of gridlock by simulated evenings under the stored programs.

Each evening is a draw of an event of a held-out calendar, usual, large or sold out; every fifth has
none. The forecast knows the calendar, not the draw, and is made before the evening begins, so an
alarm is as early as the calendar is known. Two alarms are scored: that of the forecast's draws, and
that of other evenings of the same event that SUMO drives where the draws do not rule a lock out.
Run from the root of the project; what is there is not run again:

    python benchmarks/alarms.py arena --evenings 50 --out runs/alarms

With --calendar season.ics it says how well a threshold does on the season that it is chosen on.
"""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from signalrl.benchmark import provenance
from signalrl.benchmark.provenance import evening_digest
from signalrl.events.scoring import detection
from signalrl.files import replace_text
from signalrl.forecast.corrections import corrections_of
from signalrl.forecast.days import drawn_part
from signalrl.forecast.driven import EVENINGS, LENGTH_S, POSSIBLE, drive, seeds_of, unknown_district
from signalrl.forecast.driven import WARN as WARN_DRIVEN
from signalrl.forecast.forecast import DRAWS, look_ahead
from signalrl.forecast.gridlock import WARN, gridlock_risk
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import draw_occasion, load_season
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import scenario_network
from signalrl.sumo.fresh import run_fresh

CALENDARS = ("held-out-m.ics", "held-out-l.ics", "held-out-xl.ics")
KEPT = (
    *("seed", "event", "phase", "people", "probability", "begin", "driven"),
    *("locked", "locked_from_s"),
)
"""What the table of all evenings holds of each."""
QUIET = 5
"""Every so many evenings there is no event."""
OTHERS_FROM = 10_000
"""First seed of the evenings by which a forecast judges; none of them is scored."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is scored: evenings of which environment and calendars, and draws of each forecast."""

    env: str
    calendars: tuple[str, ...]
    draws: int
    out: Path

    def scenario(self, seed: int) -> Scenario:
        """Return the scenario of an evening."""
        events = {"calendars": self.calendars, "probability": 1.0 if seed % QUIET else 0.0}
        return load_scenario(self.env, settings={"end_s": LENGTH_S, "events": events})

    def kept(self, seed: int) -> Path:
        """Return the file of an evening."""
        return self.out / f"{Path(self.env).name}-{seed}.json"

    def made_from(self, seed: int) -> dict[str, Any]:
        """Return what an evening depends on, to know one that was made from something else."""
        return {"draws": self.draws, "digest": evening_digest(self.scenario(seed))}

    def is_there(self, seed: int) -> bool:
        """Whether an evening was driven with all that there is now."""
        if not self.kept(seed).is_file():
            return False
        found = json.loads(self.kept(seed).read_text())
        return self.made_from(seed).items() <= found.items()


def evening(plan: Plan, seed: int) -> None:
    """Forecast an evening and simulate it; write whether it was to lock, and whether it did."""
    made_from, scenario = plan.made_from(seed), plan.scenario(seed)
    quiet, metering = seed % QUIET == 0, scenario.metering
    assert metering is not None
    network, season = scenario_network(scenario), load_season(scenario)
    occasion, part = drawn_part(scenario, season, seed)
    around = () if quiet else part.events
    look = look_ahead(scenario, network, season.registry, around, part.window, plan.draws)
    risk = gridlock_risk(look, metering.diagram, corrections_of(scenario))
    locked_from_s = drive(scenario, network, seed)
    result = {
        **made_from,
        "env": plan.env,
        "seed": seed,
        "event": None if quiet else occasion.event.title,
        "phase": occasion.phase,
        "people": 0 if quiet else occasion.event.attendance,
        "probability": risk.probability,
        "begin": None if risk.begin is None else risk.begin.isoformat(),
        "locked": locked_from_s is not None,
        "locked_from_s": locked_from_s,
        "others": [] if quiet or risk.probability < POSSIBLE else others(plan, seed),
    }
    replace_text(plan.kept(seed), json.dumps(result))


def others(plan: Plan, seed: int) -> list[int]:
    """Return the seeds of other evenings of the same event and direction."""
    scenario = plan.scenario(OTHERS_FROM + 1)  # with an event, whatever the seed
    season = load_season(scenario)
    found = seeds_of(scenario, season, draw_occasion(scenario, season, seed), OTHERS_FROM)
    return list(islice((other for other in found if other % QUIET), EVENINGS))


def other_evening(plan: Plan, seed: int) -> None:
    """Drive an evening that some forecast looks at; write whether it locked."""
    scenario = plan.scenario(seed)
    begins_s = drive(scenario, scenario_network(scenario), seed)
    result = {**plan.made_from(seed), "seed": seed, "locked_from_s": begins_s}
    replace_text(plan.kept(seed), json.dumps(result))


def with_others(plan: Plan, row: dict[str, Any]) -> dict[str, Any]:
    """Return an evening with the share of the others that locked; 0 where none was driven."""
    locks = [
        json.loads(plan.kept(other).read_text())["locked_from_s"] is not None
        for other in row["others"]
    ]
    return {**row, "driven": float(np.mean(locks)) if locks else 0.0}


def score(rows: list[dict[str, Any]], threshold: float, by: str = "probability") -> dict[str, Any]:
    """Return how well the alarm finds evenings that lock, with Wilson's 95 % intervals."""
    odds = np.array([row[by] for row in rows])
    happened = np.array([row["locked"] for row in rows])
    alarm = odds >= threshold
    hits, alarms, locked = (int(x.sum()) for x in (alarm & happened, alarm, happened))
    scores = asdict(detection(odds, happened, threshold))
    for name, of in (("recall", locked), ("precision", alarms)):
        if of:
            ends = binomtest(hits, of).proportion_ci(method="wilson")
            scores[f"{name}_interval95"] = [round(ends.low, 4), round(ends.high, 4)]
    return {**scores, "threshold": threshold, "alarms": alarms, "hits": hits}


def totals(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the evenings were, whoever foretold them."""
    begins_s = [row["locked_from_s"] for row in rows if row["locked"]]
    return {
        "evenings": len(rows),
        "forecasts": len({(row["event"], row["phase"]) for row in rows}),
        "locked": len(begins_s),
        "first_lock_s": min(begins_s, default=None),
    }


def main() -> int:
    """Run the evenings that are missing and print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("env")
    parser.add_argument("--evenings", type=int, default=50)
    parser.add_argument("--first", type=int, default=201, help="seed of the first evening")
    parser.add_argument("--calendar", action="append", help="in place of the held-out ones")
    parser.add_argument("--draws", type=int, default=DRAWS, help="draws of each forecast")
    parser.add_argument("--threshold", type=float, default=WARN, help="probability that warns")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/alarms"))
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.evenings)
    if seeds and seeds[-1] >= OTHERS_FROM:
        parser.error(
            f"--first: expected evenings below {OTHERS_FROM}, from where those are that judge, got "
            f"{seeds[-1]}"
        )
    arguments.out.mkdir(parents=True, exist_ok=True)
    calendars = tuple(arguments.calendar or CALENDARS)
    plan = Plan(arguments.env, calendars, arguments.draws, arguments.out)
    if (scenario := load_scenario(arguments.env)).metering is None:
        print(unknown_district(scenario), file=sys.stderr)
        return 1
    missing = [seed for seed in seeds if not plan.is_there(seed)]
    _run(partial(evening, plan), missing, arguments.jobs)
    rows = [json.loads(plan.kept(seed).read_text()) for seed in seeds]
    wanted = sorted({other for row in rows for other in row["others"]})
    missing = [other for other in wanted if not plan.is_there(other)]
    _run(partial(other_evening, plan), missing, arguments.jobs)
    rows = [with_others(plan, row) for row in rows]
    with (arguments.out / "evenings.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, KEPT, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    scores = {
        "command": shlex.join(["python", *sys.argv]),
        "commit": provenance.commit(),
        **totals(rows),
        "draws": score(rows, arguments.threshold),
        "driven": score(rows, WARN_DRIVEN, "driven") | {"other_evenings": len(wanted)},
    }
    (arguments.out / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    print(json.dumps(scores, indent=1))
    return 0


def _run(work: Callable[[int], None], seeds: list[int], jobs: int) -> None:
    for number, _ in enumerate(run_fresh(work, seeds, jobs), 1):
        print(f"{number} of {len(seeds)} evenings", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
