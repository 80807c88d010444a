"""Looks for values of a scenario with events that are possible and yet hardly meant.

Most are of another unit: hours or minutes where seconds are expected, per minute where per hour is.
"""

from __future__ import annotations

from collections.abc import Iterator

from signalrl.scenario.demand_schema import Profile
from signalrl.scenario.event_demand import Season
from signalrl.scenario.schema import Scenario

FEWEST_VEH_H = 60.0
"""An exit of a car park that lets fewer out may be given per minute."""
MOST_VEH_H = 2000.0
"""Four lanes of a car park let out as many."""
SHORTEST_LEAD_S = 120.0
"""Nobody's episode begins so shortly before an event's beginning."""


def implausible(scenario: Scenario, season: Season | None = None) -> Iterator[tuple[str, str]]:
    """Yield a stable word and a message for each value that is hardly meant.

    Args:
        scenario: The scenario.
        season: Its events, where it has some.
    """
    if scenario.demand is not None:
        yield from _of_profile(scenario.demand.profile, scenario)
    if scenario.events is not None:
        lead_s = scenario.events.lead_s.get("ingress", SHORTEST_LEAD_S)
        if "ingress" in scenario.events.phases and lead_s < SHORTEST_LEAD_S:
            yield "lead", f"events.lead_s.ingress: expected seconds such as 4800, got {lead_s:g}"
    if season is not None:
        yield from _of_venues(season)


def _of_profile(profile: Profile, scenario: Scenario) -> Iterator[tuple[str, str]]:
    last_s = profile.points[-1].time_s
    if profile.clock == "day" and 0.0 < last_s <= 48.0:
        yield (
            "profile",
            "demand.profile.points: expected time_s in seconds from midnight (7:30 is 27000), got "
            f"at most {last_s:g}, which looks like hours",
        )
    if profile.clock == "episode" and last_s > scenario.end_s:
        yield (
            "profile",
            "demand.profile.points: expected times up to the end of the episode "
            f"({scenario.end_s:g} s), got {last_s:g}; for seconds from midnight write clock: day",
        )


def _of_venues(season: Season) -> Iterator[tuple[str, str]]:
    registry = season.registry
    for key in sorted({event.venue for event in season.events}):
        venue = registry.venue(key)
        if "zone" not in registry.model_fields_set and venue.zone is None:
            yield (
                "zone",
                f"venues.{key}: expected a time zone such as Europe/Berlin (zone), got none; its "
                "times are taken as UTC",
            )
        for name, park in sorted(venue.car_parks.items()):
            for edge, veh_h in sorted(park.exits.items()):
                if not FEWEST_VEH_H <= veh_h <= MOST_VEH_H:
                    yield (
                        "exit",
                        f"venues.{key}.car_parks.{name}.exits.{edge}: expected "
                        f"{FEWEST_VEH_H:g} to {MOST_VEH_H:g} veh/h, 300 to 500 per lane, got "
                        f"{veh_h:g}",
                    )
        roads: dict[tuple[str, str], str] = {}
        for name, gate in sorted(venue.gates.items()):
            other = roads.setdefault((gate.inbound, gate.outbound), name)
            if other != name:
                yield (
                    "gate",
                    f"venues.{key}.gates.{name}: expected roads of its own, got those of {other}",
                )
