"""Rehearses evenings: the calendar foretells each, and SUMO drives it under the stored programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from signalrl.events.turnout import expected_people
from signalrl.forecast.assignment import assign, read_roads
from signalrl.forecast.corrections import DISTRICT, Evening, learn_corrections
from signalrl.forecast.days import as_announced, drawn_part
from signalrl.forecast.forecast import BIN_S, DRAWS, PARTS, merged, outlook
from signalrl.forecast.observed import Observed, observe
from signalrl.forecast.traffic import Window, draw_traffic
from signalrl.network.capacity import Capacity, find_movements
from signalrl.network.gridlock import lock_severity
from signalrl.network.model import Network
from signalrl.scenario.demand import ROUTES
from signalrl.scenario.event_demand import load_season
from signalrl.scenario.schema import Scenario
from signalrl.sumo.district import accumulation_veh, has_locked, outflow_veh_h
from signalrl.sumo.episode import Outputs, scenario_network, start_episode
from signalrl.sumo.outputs import read_edges, read_trips

FOLDS = 10


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """An evening that was rehearsed.

    Attributes:
        event: Title of its event.
        people: How many were expected.
        places: Edges before the stop lines, and the district where its diagram is known.
        evening: What was foretold, without corrections, and what was seen.
    """

    event: str
    people: int
    places: tuple[str, ...]
    evening: Evening

    def write(self, path: Path) -> None:
        """Write it to a file; one that is there is whole."""
        one = self.evening
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez_compressed(
                file,
                event=self.event,
                people=self.people,
                places=np.array(self.places),
                phase=one.phase,
                foretold=one.foretold,
                severity=one.severity,
                seen=one.seen,
                problem=one.problem,
            )
        part.replace(path)

    @classmethod
    def read(cls, path: Path) -> Rehearsal | None:
        """Read it; None where the file is missing or damaged."""
        try:
            with path.open("rb") as file, np.load(file) as a:
                evening = Evening(
                    a["phase"].item(), a["foretold"], a["severity"], a["seen"], a["problem"]
                )
                names = tuple(a["places"].tolist())
                return cls(a["event"].item(), int(a["people"]), names, evening)
        except Exception:  # a damaged archive fails in a dozen ways
            return None


@contextmanager
def simulated(scenario: Scenario, network: Network, seed: int) -> Iterator[tuple[Outputs, Path]]:
    """Drive an episode under the stored programs; yield SUMO's outputs and the drawn routes.

    Run it in a process of its own: a simulation is bit-reproducible only in a fresh one.
    """
    with TemporaryDirectory(prefix="signalrl-") as name:
        folder = Path(name)
        outputs = Outputs(folder, details=True)
        simulation, plant = start_episode(
            scenario, network, seed, folder, backend="libsumo", outputs=outputs
        )
        try:
            plant.advance(scenario.end_s)
        finally:
            simulation.close()
        yield outputs, folder / ROUTES


def see(
    scenario: Scenario, network: Network, capacity: Capacity, window: Window, seed: int
) -> tuple[Observed, bool]:
    """Drive an episode; return what happened in parts of a bin, and whether the district locked."""
    roads = read_roads(scenario, capacity)
    with simulated(scenario, network, seed) as (outputs, drawn):
        parts = observe(outputs, [*scenario.route_files, drawn], roads, window, BIN_S / PARTS)
        edges, trips = read_edges(outputs.edge_data), read_trips(outputs.tripinfo)
    inside, outflow = accumulation_veh(edges, network), outflow_veh_h(trips, edges)
    return parts, bool(has_locked(scenario.metering, inside, outflow))


def in_bins(parts: Observed) -> Observed:
    """Return what happened in parts of bins by whole bins."""
    arrived, left = (merged(values, mean=False) for values in (parts.arrived, parts.left))
    return Observed(BIN_S, arrived, left, merged(parts.waiting, mean=True))


def rehearse(scenario: Scenario, seed: int, draws: int = DRAWS) -> Rehearsal:
    """Foretell and drive the evening that a seed draws from the calendar.

    Args:
        scenario: An environment with events; see :func:`signalrl.forecast.days.as_announced`.
        seed: Decides the event and everything of the evening that the forecast does not know.
        draws: How many evenings the forecast draws.

    Raises:
        ConfigError: The environment has no events.
        SimulationError: SUMO failed.
    """
    network, season = scenario_network(scenario), load_season(scenario)
    scenario = as_announced(scenario)
    occasion, part = drawn_part(scenario, season, seed)
    capacity = Capacity(find_movements(network))
    traffic = draw_traffic(scenario, season.registry, part.events, part.window, draws)
    look = outlook(capacity, assign(scenario, capacity, traffic), traffic)
    parts, locks = see(scenario, network, capacity, part.window, seed)
    seen = in_bins(parts)
    places, foretold = capacity.approaches, np.median((look.queue + look.outside).sum(0), axis=1)
    waited, severe, problem = (
        seen.waiting.sum(axis=0),
        look.severity,
        np.asarray(seen.problem.any(axis=0)),
    )
    if scenario.metering is not None:
        course = look.accumulation, look.outflow_veh_h
        severity = lock_severity(*course, scenario.metering.diagram, look.part_s)
        of_district = severity.max(axis=0, initial=0.0)
        places = (*places, DISTRICT)
        foretold, waited = np.append(foretold, 0.0), np.append(waited, 0.0)
        severe, problem = np.vstack([severe, of_district]), np.append(problem, locks)
    evening = Evening(occasion.phase, foretold, severe, waited, problem)
    event = occasion.event
    people = expected_people(event, season.registry.venue(event.venue))
    return Rehearsal(event.title, people, places, evening)


def cross_validated(
    places: Sequence[str], evenings: Sequence[Evening]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the odds of problems without corrections, and with those that others taught.

    Evenings are held out in turns, a tenth of each phase at a time.

    Returns:
        Probabilities, ``(evenings, places)`` each.
    """
    before = np.array([(evening.severity > 1.0).mean(axis=1) for evening in evenings])
    after = before.copy()
    order = sorted(range(len(evenings)), key=lambda i: evenings[i].phase)
    for fold in range(min(FOLDS, len(evenings))):
        mine = order[fold::FOLDS]
        others = [evening for i, evening in enumerate(evenings) if i not in mine]
        learned = learn_corrections(places, others)
        for i in mine:
            factor = learned.of_problems(evenings[i].phase)
            after[i] = (evenings[i].severity * factor[:, None] > 1.0).mean(axis=1)
    return before, after
