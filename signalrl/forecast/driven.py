"""Drives evenings in SUMO to say how likely a district locks.

Whether a crowded evening locks is mostly chance: who stands where when a street fills up. The
queues of a forecast know too little of that, and their draws agree with each other more than
evenings do. Where they see a chance of it, a handful of evenings are driven in the simulator, which
takes some minutes: an ensemble, as the weather is forecast (Leith, "Theoretical skill of
Monte Carlo forecasts", Monthly Weather Review 102, 1974).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from signalrl.errors import ConfigError
from signalrl.forecast.days import as_announced
from signalrl.forecast.gridlock import Risk
from signalrl.forecast.traffic import Window
from signalrl.network.model import Network
from signalrl.scenario.event_demand import Occasion, Season, draw_occasion
from signalrl.scenario.schema import Scenario
from signalrl.sumo.district import lock_begins_s, watched
from signalrl.sumo.episode import scenario_network, start_episode
from signalrl.sumo.fresh import run_fresh

EVENINGS = 5
WARN = 0.4
"""Share of the evenings that lock from which on an alarm is given: two of five. A lock that nobody
was warned of costs more than an evening on which people were ready in vain."""
POSSIBLE = 0.05
"""Probability by the draws of a forecast below which no evening is driven."""
LENGTH_S = 10_800.0
"""How long evenings are at least: who fills a street late may lock the district late."""


def seeds_of(
    scenario: Scenario, season: Season, occasion: Occasion, first: int = 0
) -> Iterator[int]:
    """Yield the seeds, from the first on, whose episodes are about an event and a direction."""
    for seed in count(first):
        if draw_occasion(scenario, season, seed) == occasion:
            yield seed


def drive(scenario: Scenario, network: Network, seed: int) -> float | None:
    """Drive an episode under the stored programs until its district locks, if it does.

    Run it in a process of its own: a simulation is bit-reproducible only in a fresh one.

    Returns:
        How long after its beginning the lock begins, in s; None where there is none.

    Raises:
        ConfigError: The diagram of the district is not known.
        SimulationError: SUMO failed.
    """
    if scenario.metering is None:
        raise unknown_district(scenario)
    with TemporaryDirectory(prefix="signalrl-") as name:
        simulation, plant = start_episode(scenario, network, seed, Path(name), backend="libsumo")
        with closing(simulation):
            inside, outflow = list[float](), list[float]()
            for five_minutes in watched(plant, network, scenario.end_s):
                inside.append(five_minutes[0])
                outflow.append(five_minutes[1])
                begin_s = lock_begins_s(scenario.metering.diagram, inside, outflow)
                if begin_s is not None:
                    return begin_s
    return None


def driven_risks(
    scenario: Scenario,
    season: Season,
    occasions: Sequence[Occasion],
    evenings: int = EVENINGS,
    jobs: int = 1,
) -> Iterator[Risk | None]:
    """Drive evenings of some occasions, and yield the risk of each when all are driven.

    Args:
        scenario: One that knows its district; it is driven for :data:`LENGTH_S` at least, see
            :func:`signalrl.forecast.days.as_announced`.
        season: Its calendar.
        occasions: Events of it, and whether visitors come or leave.
        evenings: How many for each.
        jobs: Evenings at a time.

    Yields:
        None after each evening, then the risk of each occasion.

    Raises:
        ConfigError: The diagram of the district is not known.
        SimulationError: SUMO failed.
    """
    if scenario.metering is None:
        raise unknown_district(scenario)
    end_s = max(scenario.end_s, scenario.begin_s + LENGTH_S)
    long = as_announced(scenario).model_copy(update={"end_s": end_s})
    seeds = [list(islice(seeds_of(long, season, one), evenings)) for one in occasions]
    with TemporaryDirectory(prefix="signalrl-") as name:
        folder = Path(name)
        tasks = [seed for some in seeds for seed in some]
        for _ in run_fresh(partial(_drive_into, folder, long), tasks, jobs):
            yield None
        for occasion, some in zip(occasions, seeds, strict=True):
            begins_s = [json.loads((folder / f"{seed}.json").read_text()) for seed in some]
            yield risk_of(occasion, long, begins_s)


def risk_of(
    occasion: Occasion,
    scenario: Scenario,
    begins_s: Sequence[float | None],
    threshold: float = WARN,
) -> Risk:
    """Return the share of driven evenings that locked.

    Args:
        occasion: What they were about.
        scenario: The one that was driven.
        begins_s: When the lock of each began, in s after the beginning; None where it did not.
        threshold: Share from which on an alarm is given.
    """
    locks = [begin_s for begin_s in begins_s if begin_s is not None]
    begin = None
    if locks:
        window = Window(occasion.clock, scenario.begin_s, scenario.end_s)
        begin = window.moment(float(np.median(locks)))
    evenings = "1 evening" if len(begins_s) == 1 else f"{len(begins_s)} evenings"
    about = f"{occasion.event.title} ({occasion.phase}), {evenings} in SUMO"
    return Risk(len(locks) / len(begins_s), threshold, begin, about)


def unknown_district(scenario: Scenario) -> ConfigError:
    """Return the error of a scenario whose district has no diagram."""
    return ConfigError(
        f"{scenario.name}: expected an environment that knows its district (the key metering), got "
        "one without; measure it with signalrl nfd"
    )


def _drive_into(folder: Path, scenario: Scenario, seed: int) -> None:
    begin_s = drive(scenario, scenario_network(scenario), seed)
    (folder / f"{seed}.json").write_text(json.dumps(begin_s))
