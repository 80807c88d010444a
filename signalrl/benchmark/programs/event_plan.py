"""Signal plans for an evening with an event, from the calendar: fixed in time, or actuated.

They know what the calendar says, begin, end and people of the events, and what drives on any other
day; they know nothing of the traffic that is drawn. See :mod:`signalrl.forecast.evening`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from signalrl.benchmark.programs.actuated import Actuation
from signalrl.benchmark.programs.site import Site
from signalrl.benchmark.programs.skipping import Setting, skipping_logic
from signalrl.errors import ConfigError
from signalrl.forecast.evening import Period, events_of, plan_evening
from signalrl.forecast.plans import GATE, MAX_CYCLE_S, MIN_CYCLE_S, Bounds
from signalrl.forecast.switching import fixed_logics
from signalrl.forecast.traffic import Window
from signalrl.scenario.event_demand import draw_occasion, load_season
from signalrl.sumo.logic import write_logics

ACTUATED_PROGRAM = "signalrl-event-plan-actuated"
ACTUATED_CYCLES_S = (90.0, 120.0)
HEADROOM = 2.0
COMING_GREEN_S = 60.0


def write(
    site: Site,
    *,
    late_s: float = 0.0,
    attendance_factor: float = 1.0,
    min_cycle_s: float = MIN_CYCLE_S,
    max_cycle_s: float = MAX_CYCLE_S,
    coordinated: bool = True,
    gate: float = GATE,
) -> Path:
    """Write the plans of an episode as one long program for each signal.

    Args:
        site: The episode.
        late_s: By how many s the calendar has events too late, so that plans change too late; too
            early where it is below 0.
        attendance_factor: How many times the people that may be expected the calendar expects.
        min_cycle_s: Shortest cycle in whole s.
        max_cycle_s: Longest cycle in whole s, unless the shortest greens need more.
        coordinated: Whether all signals have one cycle, with offsets for green waves.
        gate: Part of their traffic for which approaches get green on which vehicles enter.

    Returns:
        The path.

    Raises:
        ConfigError: The scenario has surges, which no calendar knows, or a parameter is wrong.
        NetworkError: Nobody passes a signal.
        SimulationError: A tool of SUMO failed.
    """
    bounds = Bounds(round(min_cycle_s), round(max_cycle_s), gate=gate)
    periods = evening(site, late_s, attendance_factor, bounds, coordinated=coordinated)
    logics = fixed_logics(site.network, site.scenario.timing, periods)
    return write_logics(logics, site.folder / "event-plan.add.xml")


def write_actuated(
    site: Site,
    *,
    late_s: float = 0.0,
    attendance_factor: float = 1.0,
    min_cycle_s: float = ACTUATED_CYCLES_S[0],
    max_cycle_s: float = ACTUATED_CYCLES_S[1],
    headroom: float = HEADROOM,
    coming_green_s: float = COMING_GREEN_S,
) -> Path:
    """Write actuated programs with the longest greens of each period's plan.

    Args:
        site: The episode.
        late_s: By how many s the calendar has events too late, so that plans change too late; too
            early where it is below 0.
        attendance_factor: How many times the people that may be expected the calendar expects.
        min_cycle_s: Shortest cycle of the plans in whole s.
        max_cycle_s: Longest cycle of the plans in whole s, unless the shortest greens need more.
        headroom: Longest green over the plan's green.
        coming_green_s: Longest green in s while more visitors come than leave: longer ones let
            more into a district than its streets hold.

    Returns:
        The path.

    Raises:
        ConfigError: The scenario has surges, which no calendar knows, or a parameter is wrong.
        NetworkError: Nobody passes a signal.
        SimulationError: A tool of SUMO failed.
    """
    for name, value in (("headroom", headroom), ("coming_green_s", coming_green_s)):
        if not value >= 0.0:
            raise ConfigError(f"{name}: expected 0 or more, got {value:g}")
    # All phases stay: one that nobody calls is skipped, and costs nothing.
    bounds = Bounds(round(min_cycle_s), round(max_cycle_s), choose=False, gate=1.0)
    periods = evening(site, late_s, attendance_factor, bounds, coordinated=False)
    actuation, rules = Actuation(), site.scenario.timing
    logics = []
    for signal in site.network.signals:
        settings = []
        for period in periods:
            # Bounds without choice keep all phases in their order.
            greens_s = period.plans[signal.id].greens_s
            most_s = coming_green_s if period.coming else math.inf
            longest_s = tuple(min(float(round(headroom * g)), most_s) for g in greens_s)
            settings.append(Setting(period.begin_s, longest_s))
        logics.append(
            skipping_logic(site.network, signal, rules, actuation, ACTUATED_PROGRAM, settings)
        )
    return write_logics(logics, site.folder / "event-plan.add.xml")


def evening(
    site: Site, late_s: float, factor: float, bounds: Bounds, *, coordinated: bool
) -> tuple[Period, ...]:
    """Design the plans of an episode: of its event, or of any day where it has none."""
    scenario = site.scenario
    window = Window(datetime(2000, 1, 1, tzinfo=UTC), scenario.begin_s, scenario.end_s)
    if scenario.events is None:  # no hour of a day matters then
        return plan_evening(
            scenario, site.network, None, (), window, (), bounds, coordinated=coordinated
        )
    season = load_season(scenario)
    occasion = draw_occasion(scenario, season, site.seed)
    window = replace(window, clock=occasion.clock)
    return plan_evening(
        scenario,
        site.network,
        season.registry,
        events_of(scenario, season, window, late_s, factor),
        window,
        (scenario.begin_s + scenario.events.lead_s[occasion.phase] + late_s,),
        bounds,
        coordinated=coordinated,
    )
