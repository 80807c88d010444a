"""The signal programs that SUMO runs by itself, written for an episode, by name.

A program's parameters are the keyword-only arguments of its ``write``: all have defaults, numbers
but for switches, which are ``bool``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from signalrl.benchmark.programs import actuated, delay_based, event_plan, floor, nema, webster
from signalrl.benchmark.programs.site import Site

__all__ = ["PROGRAMS", "Program", "Site"]


@dataclass(frozen=True, slots=True)
class Program:
    """A signal program of a benchmark.

    Attributes:
        description: What it does, in a few words.
        source: Where it comes from.
        write: Writes an additional file into the folder of a site and returns its path; None for
            the program that is stored with the network.
        settings: Values in place of the scenario's, where the program is no program without them.
    """

    description: str
    source: str
    write: Callable[..., Path] | None
    settings: Mapping[str, Any] = field(default_factory=dict)


PROGRAMS: dict[str, Program] = {
    "fixed": Program(
        "the program stored with the network, run by SUMO",
        "the scenario's own",
        None,
    ),
    "webster": Program(
        "fixed time, cycles and splits by Webster's method; knows the demand",
        "Webster, Traffic Signal Settings, Road Research Technical Paper 39, 1958; SUMO's "
        "tlsCycleAdaptation.py",
        webster.write,
    ),
    "webster-offsets": Program(
        "Webster's splits, one cycle and offsets for green waves; knows the demand",
        "Webster 1958; SUMO's tlsCycleAdaptation.py and tlsCoordinator.py",
        webster.write_coordinated,
    ),
    "actuated": Program(
        "SUMO's gap-based actuation of the stored phases, uncalled ones skipped",
        "SUMO's tlLogic type actuated; FHWA, Signal Timing Manual, 2nd ed., 2015, chapter 5",
        actuated.write,
    ),
    "delay-based": Program(
        "SUMO's extension of the stored phases by vehicles that have lost time",
        "Oertel and Wagner, TRB 90th Annual Meeting, 2011; SUMO's tlLogic type delay_based",
        delay_based.write,
    ),
    "nema": Program(
        "dual-ring actuated control by NEMA phases, actuated where the shape forbids it",
        "NEMA TS 2; FHWA, Signal Timing Manual, 2nd ed., 2015; SUMO's tlLogic type NEMA",
        nema.write,
    ),
    "event-plan": Program(
        "fixed-time plans for the evening, designed and switched by the calendar of events",
        "Webster 1958; FHWA, Managing Travel for Planned Special Events, FHWA-OP-04-010",
        event_plan.write,
    ),
    "event-plan-actuated": Program(
        "SUMO's gap-based actuation with the longest greens of the evening's plans",
        "as event-plan and actuated",
        event_plan.write_actuated,
    ),
    "floor": Program(
        "everything green at once: a bound, not a controller",
        "SUMO's right of way at protected greens",
        floor.write,
        floor.SETTINGS,
    ),
}
"""Every program by its name, in the order in which they are listed."""
