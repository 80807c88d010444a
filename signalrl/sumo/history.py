"""Makes a history of counts: drives past events in SUMO and writes what detectors would have seen.

Signals run the programs stored with the network. The file is what
:func:`signalrl.events.history.read_counts` reads.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from signalrl.errors import ConfigError
from signalrl.events.clocks import later
from signalrl.events.event import Event
from signalrl.events.history import COLUMNS, edges_of
from signalrl.events.turnout import usual_end_s
from signalrl.events.venues import Registry
from signalrl.scenario.demand import draw_episode
from signalrl.scenario.event_demand import Occasion, load_season
from signalrl.scenario.schema import Scenario
from signalrl.sumo.episode import demand_options, sumo_options
from signalrl.sumo.process import Simulation

INTERVAL_S = 300.0
BEFORE_S = 3 * 3600.0
"""How long before the beginning of an event its day is driven from."""
AFTER_S = 3.5 * 3600.0
"""How long after its usual end its day is driven to."""
Row = tuple[datetime, str, int]


def record_history(
    scenario: Scenario,
    events: Sequence[Event],
    seed: int,
    path: Path,
) -> int:
    """Drive days of events, one seed each, and write the counts at their venues; return the rows.

    Args:
        scenario: A scenario with events.
        events: Those to drive, of its season.
        seed: That of the first; the next has the next one.
        path: The CSV file.

    Raises:
        ConfigError: The scenario has no events.
        SimulationError: SUMO failed.
    """
    if scenario.events is None:
        raise ConfigError(f"{scenario.name}: expected an environment with events, got one without")
    registry = load_season(scenario).registry
    rows = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for number, event in enumerate(events):
            for time, detector, vehicles in _day(scenario, registry, event, seed + number):
                writer.writerow((time.isoformat(), detector, vehicles))
                rows += 1
    return rows


def _day(scenario: Scenario, registry: Registry, event: Event, seed: int) -> Iterator[Row]:
    """Drive one event and yield what its detectors counted."""
    length_s = BEFORE_S + usual_end_s(event, registry.kind(event.kind)) + AFTER_S
    begin_s = scenario.begin_s
    day = scenario.model_copy(update={"end_s": begin_s + length_s})
    occasion = Occasion(event, "ingress", later(event.begin, -BEFORE_S - begin_s))
    edges = edges_of(registry.venue(event.venue))
    with tempfile.TemporaryDirectory(prefix="signalrl-history-") as name:
        folder = Path(name)
        demand = draw_episode(day, seed, folder, occasion)
        counts, detectors = folder / "counts.xml", folder / "detectors.add.xml"
        detectors.write_text(
            f'<additional><edgeData id="counts" file={quoteattr(str(counts))} '
            f'period="{INTERVAL_S:g}" edges="{" ".join(edges)}"/></additional>\n',
            encoding="utf-8",
        )
        simulation = Simulation(sumo_options(day, (detectors,)) + demand_options(demand))
        try:
            simulation.api.simulationStep(day.end_s)
        except Exception as error:
            simulation.fail(error)
        finally:
            simulation.close()
        for interval in ElementTree.parse(counts).getroot().iter("interval"):
            first_s, last_s = (float(interval.attrib[name]) for name in ("begin", "end"))
            if last_s - first_s < INTERVAL_S:  # the day ends in it
                continue
            time = later(occasion.clock, first_s)
            seen = {e.attrib["id"]: e.attrib for e in interval.iter("edge")}
            for edge in edges:
                a = seen.get(edge, {})
                yield time, edge, int(a.get("entered", 0)) + int(a.get("departed", 0))
