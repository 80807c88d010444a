"""The command ``signalrl rehearse``: learn from simulated evenings where forecasts err."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from signalrl.errors import ConfigError
from signalrl.events.scoring import detection, threshold_at
from signalrl.files import make_folder
from signalrl.forecast.corrections import DISTRICT, learn_corrections, write_corrections
from signalrl.forecast.problems import WARN
from signalrl.forecast.rehearsal import Rehearsal, cross_validated, rehearse
from signalrl.forecast.traffic import PHASES
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import load_season
from signalrl.scenario.schema import Scenario
from signalrl.sumo.fresh import run_fresh

CORRECTIONS, TERMS = "corrections.csv", "rehearsal.json"
RECALL = 0.9
FEW = 10
"""Evenings before events, or after them, from which on corrections say something."""
LEAST_LOCKS = 5
"""Evenings on which the district locked, below which nothing is learned of its lock."""


def rehearse_evenings(
    env: str,
    evenings: int,
    first: int,
    draws: int,
    end_s: float | None,
    jobs: int,
    out: Path,
    console: Console,
) -> dict[str, Any]:
    """Rehearse evenings of an environment's calendar and write what they teach into a folder.

    Evenings that the folder holds are not driven again.

    Args:
        env: Name, id or folder of an environment with events.
        evenings: How many.
        first: Seed of the first.
        draws: How many evenings each forecast draws.
        end_s: End of the evenings in simulated s; that of the environment by default.
        jobs: Evenings at a time.
        out: Folder for ``corrections.csv`` and the evenings.
        console: Where progress is shown.

    Returns:
        How good forecasts are without corrections and with those that other evenings taught.

    Raises:
        ConfigError: The environment has no events, or the folder holds other evenings: of another
            environment, network, calendar, length or number of draws.
        SimulationError: SUMO failed.
    """
    scenario = load_scenario(env, settings={} if end_s is None else {"end_s": end_s})
    for note in load_season(scenario).notes:
        console.print(f"[yellow]calendar:[/yellow] {escape(str(note))}", highlight=False)
    folder = out / "evenings"
    make_folder(folder)
    _same_terms(scenario, draws, out)
    seeds = range(first, first + evenings)
    found = {seed: Rehearsal.read(folder / f"{seed}.npz") for seed in seeds}
    missing = [seed for seed, one in found.items() if one is None]
    for seed in run_fresh(partial(_rehearse, scenario, draws, folder), missing, jobs):
        found[seed] = one = Rehearsal.read(folder / f"{seed}.npz")
        assert one is not None
        ready = sum(r is not None for r in found.values())
        text = f"evening {ready} of {evenings}: {one.event}, {one.evening.phase}"
        console.print(text, highlight=False, markup=False)
    rehearsals = [one for one in found.values() if one is not None]
    places = rehearsals[0].places
    learned = [one.evening for one in rehearsals]
    problems = np.array([evening.problem for evening in learned])
    of_approaches = np.array(places) != DISTRICT
    taught = learn_corrections(places, learned)
    if problems[:, ~of_approaches].sum() < LEAST_LOCKS:
        taught = taught.of(of_approaches)
    write_corrections(taught, out / CORRECTIONS)
    happened = problems[:, of_approaches]
    scores = {}
    for name, odds in zip(("without", "with"), cross_validated(places, learned), strict=True):
        odds = odds[:, of_approaches]
        threshold = threshold_at(odds, happened, RECALL)
        scores[name] = {
            **asdict(detection(odds, happened, WARN)),
            "precision_at_recall_0.9": detection(odds, happened, threshold).precision,
        }
    phases = dict(zip(PHASES, taught.evenings, strict=True))
    return {"env": scenario.name, "evenings": evenings, "phases": phases, "scores": scores}


def show(found: dict[str, Any], out: Path, console: Console) -> None:
    """Print what corrections are good for."""
    env = escape(found["env"])
    console.print(f"problems of {env}, {found['evenings']} evenings, held out in turns:")
    for name, score in found["scores"].items():
        console.print(
            f"  {name} corrections: found {_percent(score['recall'])}, right "
            f"{_percent(score['precision'])}; right where 90% are found "
            f"{_percent(score['precision_at_recall_0.9'])}",
            highlight=False,
        )
    for phase, number in found["phases"].items():
        if number < FEW:
            console.print(
                f"[yellow]{phase}: {number} evenings; corrections of fewer than {FEW} are rough"
                "[/yellow]",
                highlight=False,
            )
    console.print(f"corrections: {escape(str(out / CORRECTIONS))}", highlight=False)


def _percent(share: float | None) -> str:
    return "none of none" if share is None else f"{share:.0%}"


def _same_terms(scenario: Scenario, draws: int, out: Path) -> None:
    """Write on what terms evenings are rehearsed; raise where the folder has those of others."""
    path = out / TERMS
    terms = {
        "env": scenario.name,
        "end_s": scenario.end_s,
        "draws": draws,
        "made_from": made_from(scenario),
    }
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        path.write_text(json.dumps(terms) + "\n", encoding="utf-8")
        return
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: expected the terms of a rehearsal, got {error}; give another --out"
        ) from error
    if before != terms:
        raise ConfigError(
            f"{out}: expected evenings of {terms}, got some of {before}; give another --out"
        )


def made_from(scenario: Scenario) -> str:
    """Return a hash of what evenings are made from; of all but what they teach."""
    assert scenario.venues_file is not None
    files = (scenario.network_file, *scenario.route_files, *scenario.additional_files)
    content = scenario.model_dump_json(exclude={"folder": True, "events": {"corrections"}}).encode()
    found = hashlib.sha256(content)
    for path in (*files, scenario.venues_file, *scenario.calendar_files):
        found.update(path.read_bytes())
    return found.hexdigest()


def _rehearse(scenario: Scenario, draws: int, folder: Path, seed: int) -> None:
    rehearse(scenario, seed, draws).write(folder / f"{seed}.npz")
