"""The signal plans for the events of a day, as people and SUMO read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from signalrl.errors import ConfigError
from signalrl.events.clocks import later
from signalrl.events.event import Event
from signalrl.events.turnout import usual_end_s
from signalrl.forecast.days import Part, knows_all_hours, parts_of_day
from signalrl.forecast.evening import Period, plan_evening
from signalrl.forecast.switching import fixed_logics
from signalrl.forecast.traffic import Window
from signalrl.network.model import Network
from signalrl.network.timing import TimingRules
from signalrl.scenario.event_demand import Season, events_around
from signalrl.scenario.schema import Scenario
from signalrl.sumo.logic import Logic

BEFORE_S, AFTER_S = 3.0 * 3600.0, 2.5 * 3600.0
"""How long before the first event of the day plans begin, and how long after the last they end."""


class Row(NamedTuple):
    """A phase in the plan of a signal.

    Attributes:
        begin: When the plan begins, by the clocks of the venue.
        end: When it ends.
        signal: Id of the signal.
        cycle_s: Its cycle.
        offset_s: Its offset; None where it has none.
        phase: Index of the phase.
        state: SUMO's letters of the phase, one per link.
        green_s: Its green.
    """

    begin: datetime
    end: datetime
    signal: str
    cycle_s: int
    offset_s: int | None
    phase: int
    state: str
    green_s: int


class Span(NamedTuple):
    """The time of a part of the day in which the same plans run.

    Attributes:
        part: The word for the part.
        begin: When the plans begin, by the clocks of the venue.
        end: When they end.
        cycle_s: The longest cycle of a signal.
        phases_dropped: How many phases of all signals have no green.
    """

    part: str
    begin: datetime
    end: datetime
    cycle_s: int
    phases_dropped: int


@dataclass(frozen=True, slots=True)
class PartPlans:
    """The plans of a part of a day.

    Attributes:
        part: The part.
        network: The signals.
        rules: How they are timed.
        periods: Which plans run when.
    """

    part: Part
    network: Network
    rules: TimingRules
    periods: tuple[Period, ...]

    def spans(self) -> Iterator[Span]:
        """Yield what is to be told of each period."""
        for period in self.periods:
            plans = [(signal, period.plans[signal.id]) for signal in self.network.signals]
            cycle_s = max(plan.cycle_s(signal, self.rules) for signal, plan in plans)
            dropped = sum(len(signal.phases) - len(plan.phases) for signal, plan in plans)
            yield Span(self.part.label, *self._times(period), cycle_s, dropped)

    def rows(self) -> Iterator[Row]:
        """Yield the phases of each period and signal in the order in which they are shown."""
        for period in self.periods:
            times = self._times(period)
            for signal in self.network.signals:
                plan = period.plans[signal.id]
                timing = plan.cycle_s(signal, self.rules), plan.offset_s
                for phase, green_s in zip(plan.phases, plan.greens_s, strict=True):
                    state = signal.phases[phase].state
                    yield Row(*times, signal.id, *timing, phase, state, green_s)

    def logics(self) -> list[Logic]:
        """Return the plans as one program for each signal."""
        return fixed_logics(self.network, self.rules, self.periods)

    def _times(self, period: Period) -> tuple[datetime, datetime]:
        clock = self.part.window.clock
        return later(clock, period.begin_s), later(clock, period.end_s)


def planned_parts(scenario: Scenario, season: Season, day: date) -> tuple[Part, ...]:
    """Return the parts of a day for which plans are designed.

    That is the time around all of its events where the usual traffic of all hours is known. Else
    plans are for the parts that are forecast; see :func:`signalrl.forecast.days.parts_of_day`.

    Raises:
        ConfigError: No event of the season begins on the day.
    """
    assert scenario.events is not None
    first = scenario.events.first_day  # an event of a season may begin on the evening before it
    days = {e.begin.date() for e in season.events if e.begin.date() >= first}
    if day not in days:
        nearest = sorted(days, key=lambda other: (abs(other - day), other))[:3]
        near = ", ".join(map(str, sorted(nearest))) or "another calendar (--calendar)"
        raise ConfigError(f"{scenario.name}: expected a day with an event, got {day}; try {near}")
    events = [event for event in season.events if event.begin.date() == day]
    if knows_all_hours(scenario):
        return (_around(scenario, season, events),)
    return parts_of_day(scenario, season, day)


def plan_part(scenario: Scenario, network: Network, season: Season, part: Part) -> PartPlans:
    """Design the plans of a part of a day.

    Args:
        scenario: Says what drives on any day.
        network: Its signals.
        season: Its calendar.
        part: One of :func:`planned_parts`.

    Raises:
        ConfigError: The scenario has surges, which no calendar knows, or a venue has no roads.
        NetworkError: Nobody passes a signal.
        SimulationError: SUMO's router failed.
    """
    periods = plan_evening(
        scenario, network, season.registry, part.events, part.window, part.anchors_s
    )
    return PartPlans(part, network, scenario.timing, periods)


def _around(scenario: Scenario, season: Season, events: list[Event]) -> Part:
    """Return the time around some events, first to last; plans change at the end of each."""
    clock = later(events[0].begin, -BEFORE_S - scenario.begin_s)
    ends = [later(e.begin, usual_end_s(e, season.registry.kind(e.kind))) for e in events]
    ends_s = tuple(sorted({end.timestamp() - clock.timestamp() for end in ends}))
    end_s = ends_s[-1] + AFTER_S
    near = events_around(season, clock, scenario.begin_s, end_s)
    return Part("evening", Window(clock, scenario.begin_s, end_s), near, ends_s)
