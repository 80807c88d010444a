"""What past evenings teach about where a forecast errs.

Some approaches are worse than foretold each time, others better: the model knows programs and
ways, and not every turn that blocks another. Whoever has seen a few evenings knows which. So the
weather is forecast, too: the model's output is corrected, place by place, by what was seen when it
said the like (Glahn and Lowry, "The use of Model Output Statistics (MOS) in objective weather
forecasting", Journal of Applied Meteorology 11, 1972). Here two factors are learned for each
approach, before events and after them: one on its queue, so that queues are right in the median,
and one on the queue by which problems are judged, so that problems are as likely as they were. A
factor of the whole district does the same for its lock. All are drawn towards 1 where few evenings
were seen (empirical Bayes; Efron and Morris, "Data analysis using Stein's estimator and its
generalizations", Journal of the American Statistical Association 70, 1975).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from signalrl.errors import ConfigError
from signalrl.files import suggestion
from signalrl.forecast.traffic import PHASES
from signalrl.network.capacity import find_movements
from signalrl.network.model import Network
from signalrl.scenario.demand_schema import Phase
from signalrl.scenario.schema import Scenario

FloatArray = npt.NDArray[np.floating[Any]]

DISTRICT = "(district)"
"""The place of all of a district together, whose problem is that it locks."""
COLUMNS = ("place", "phase", "queue", "problem", "evenings")
PRIOR_EVENINGS = 2.0
"""So many evenings on which queues were as foretold count beside those that were seen."""
PRIOR_SPREAD = 1.5
"""Standard deviation of the logarithm of the factor on problems, before anything was seen."""
_FEW_VEHICLES = 3.0
"""Is added to queues before they are compared: short ones say little."""
_LOG_FACTORS = np.linspace(-3.0, 3.0, 61)
_ALWAYS = 0.02
"""Part of the evenings on which it comes differently than any factor can say."""


@dataclass(frozen=True, slots=True)
class Evening:
    """An evening that was foretold and seen.

    Attributes:
        phase: Whether visitors came or left.
        foretold: Vehicles that wait at each place, summed over bins, in the median of all draws,
            ``(places,)``; 0 for the district.
        severity: How bad it gets in each draw, ``(places, draws)``; above 1 is a problem. See
            :func:`signalrl.forecast.forecast.severity`, and for the district
            :func:`signalrl.network.gridlock.lock_severity`.
        seen: Vehicles that waited, summed over the same bins.
        problem: Whether there was a problem, ``(places,)``.
    """

    phase: Phase
    foretold: FloatArray
    severity: FloatArray
    seen: FloatArray
    problem: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Corrections:
    """Factors on what a forecast says.

    Attributes:
        places: Edges before the stop lines, and :data:`DISTRICT` where there is one.
        queue: Factor on what waits there, ``(phases, places)``, phases as in
            :data:`signalrl.forecast.traffic.PHASES`.
        problem: Factor on the queue by which problems are judged, likewise.
        evenings: How many evenings each phase has been seen, ``(phases,)``.
    """

    places: tuple[str, ...]
    queue: FloatArray
    problem: FloatArray
    evenings: tuple[int, ...]

    def of(self, chosen: npt.NDArray[np.bool_]) -> Corrections:
        """Return those of some of the places."""
        names = tuple(name for name, mine in zip(self.places, chosen, strict=True) if mine)
        return Corrections(names, self.queue[:, chosen], self.problem[:, chosen], self.evenings)

    def of_problems(self, phase: Phase) -> FloatArray:
        """Return the factors by which problems of a phase are judged, ``(places,)``."""
        found: FloatArray = self.problem[PHASES.index(phase)]
        return found

    def factors(
        self, places: Sequence[str], phases: npt.NDArray[np.intp]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the factors on queues and for problems, ``(parts, places)`` each.

        Args:
            places: Those of the forecast.
            phases: Index of the phase of each part, -1 where there are no visitors yet.

        Raises:
            ConfigError: The corrections are those of another network.
        """
        if missing := sorted(set(places) - set(self.places)):
            raise ConfigError(
                f"corrections: expected those of the approach {missing[0]!r}, got none"
                f"{suggestion(missing[0], self.places)}; they are those of another network: learn "
                "them anew with signalrl rehearse"
            )
        columns = [self.places.index(name) for name in places]
        ones = np.ones((1, len(columns)), np.float32)
        found = (
            np.concatenate([of[:, columns].astype(np.float32), ones])[phases]
            for of in (self.queue, self.problem)
        )
        return next(found), next(found)


def learn_corrections(places: Sequence[str], evenings: Sequence[Evening]) -> Corrections:
    """Learn the factors from evenings that were foretold without any.

    Args:
        places: Those of the evenings' arrays.
        evenings: What was foretold and what was seen.
    """
    shape = (len(PHASES), len(places))
    queue, problem = np.ones(shape), np.ones(shape)
    numbers = []
    for i, phase in enumerate(PHASES):
        mine = [evening for evening in evenings if evening.phase == phase]
        numbers.append(len(mine))
        if mine:
            queue[i], problem[i] = _of_queues(mine), _of_problems(mine)
    return Corrections(tuple(places), queue, problem, tuple(numbers))


def _of_queues(evenings: Sequence[Evening]) -> FloatArray:
    ratios = [
        np.log((evening.seen + _FEW_VEHICLES) / (evening.foretold + _FEW_VEHICLES))
        for evening in evenings
    ]
    found: FloatArray = np.exp(np.sum(ratios, axis=0) / (len(evenings) + PRIOR_EVENINGS))
    return found


def _of_problems(evenings: Sequence[Evening]) -> FloatArray:
    """Return the mean of the posterior, over a grid of factors."""
    log = -0.5 * (_LOG_FACTORS[:, None] / PRIOR_SPREAD) ** 2
    for evening in evenings:
        likely = np.array(
            [(evening.severity * factor > 1.0).mean(axis=1) for factor in np.exp(_LOG_FACTORS)]
        )
        likely = _ALWAYS + (1.0 - 2.0 * _ALWAYS) * likely
        log = log + np.log(np.where(evening.problem, likely, 1.0 - likely))
    weights = np.exp(log - log.max(axis=0))
    found: FloatArray = np.exp((_LOG_FACTORS[:, None] * weights).sum(axis=0) / weights.sum(axis=0))
    return found


def write_corrections(corrections: Corrections, path: Path) -> None:
    """Write corrections as CSV, a row per place and phase."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for i, phase in enumerate(PHASES):
            for j, name in enumerate(corrections.places):
                factors = corrections.queue[i, j], corrections.problem[i, j]
                number = corrections.evenings[i]
                writer.writerow([name, phase, *(f"{factor:.4g}" for factor in factors), number])


def read_corrections(path: Path) -> Corrections:
    """Read what :func:`write_corrections` wrote.

    Raises:
        ConfigError: The file can't be read, or a row is not as expected.
    """
    found: dict[str, dict[str, tuple[float, float, int]]] = {phase: {} for phase in PHASES}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                got = ", ".join(reader.fieldnames or ()) or "none"
                raise ConfigError(
                    f"{path}: expected the columns {', '.join(COLUMNS)}, got {got}; "
                    "write it with signalrl rehearse"
                )
            for row in reader:
                try:
                    factors = float(row["queue"]), float(row["problem"])
                    known, seen = found.get(row["phase"]), int(row["evenings"])
                    if known is None or not all(0.0 < f < math.inf for f in factors):
                        raise ValueError
                    if seen < 0 or len(row) > len(COLUMNS):  # as a decimal comma makes it
                        raise ValueError
                    if row["place"] in known:
                        raise ConfigError(
                            f"{path}, line {reader.line_num}: expected each place once before "
                            f"events and once after them, got {row['place']!r} again"
                        )
                    known[row["place"]] = (*factors, seen)
                except (TypeError, ValueError):
                    raise ConfigError(
                        f"{path}, line {reader.line_num}: expected a place, a phase "
                        f"({' or '.join(PHASES)}), two factors above 0 and a number of evenings, "
                        f"got {','.join(str(value) for value in row.values())}"
                    ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: expected a table of corrections, got {error}") from error
    names = tuple(found[PHASES[0]])
    if not names or any(found[phase].keys() != set(names) for phase in PHASES):
        raise ConfigError(
            f"{path}: expected each place once before events and once after them, got others; "
            "write it with signalrl rehearse"
        )
    table = np.array([[found[phase][name] for name in names] for phase in PHASES])
    evenings = tuple(int(number) for number in table[:, 0, 2])
    return Corrections(names, table[:, :, 0], table[:, :, 1], evenings)


def corrections_of(scenario: Scenario) -> Corrections | None:
    """Return the corrections that belong to a scenario; raises as :func:`read_corrections`."""
    path = scenario.corrections_file
    return None if path is None else read_corrections(path)


def check_corrections(scenario: Scenario, network: Network) -> None:
    """Make sure that the corrections of a scenario, where it has some, are those of its network.

    Raises:
        ConfigError: They are not, or can't be read.
    """
    found = corrections_of(scenario)
    if found is not None:
        approaches = sorted({movement.key[0] for movement in find_movements(network)})
        found.factors(approaches, np.zeros(1, np.intp))
