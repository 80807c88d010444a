"""Makes a history of counts at the venues of an environment: drives past events in SUMO.

python benchmarks/history.py arena runs/counts.csv --events 5 --seed 1
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from signalrl.errors import ConfigError, SignalRLError
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import load_season
from signalrl.sumo.history import record_history


def main() -> None:
    """Drive the first events of the season."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("env", help="environment with events")
    parser.add_argument("out", type=Path, help="CSV file to write")
    parser.add_argument("--events", type=int, default=5, help="how many days of events")
    parser.add_argument("--kind", help="only events of this kind")
    parser.add_argument("--seed", type=int, default=1, help="that of the first day")
    parser.add_argument("--scale", type=float, help="factor on the usual traffic")
    parser.add_argument("--people", type=float, help="factor on the visitors of each event")
    given = parser.parse_args()
    settings: dict[str, dict[str, list[float]]] = {}
    if given.scale is not None:
        settings["demand"] = {"scale_range": [given.scale, given.scale]}
    if given.people is not None:
        settings["events"] = {"attendance_factor": [given.people, given.people]}
    if given.scale is not None and load_scenario(given.env).demand is None:
        raise ConfigError(
            f"--scale: expected an environment that draws its usual traffic, got {given.env!r}, "
            "which drives recorded trips; leave it out"
        )
    scenario = load_scenario(given.env, settings=settings)
    season = load_season(scenario).events
    events = [e for e in season if given.kind in (None, e.kind)]
    if not events:
        known = ", ".join(sorted({e.kind for e in season}))
        raise ConfigError(f"--kind: expected a kind of the season ({known}), got {given.kind!r}")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    rows = record_history(scenario, events[: given.events], given.seed, given.out)
    print(f"{given.out}: {rows} rows")


if __name__ == "__main__":
    try:
        main()
    except SignalRLError as error:
        sys.exit(f"error: {error}")
