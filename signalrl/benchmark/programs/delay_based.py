"""SUMO's delay-based control of the stored phases, in their order.

A green is extended by the vehicles before the stop line that have lost time and can still pass
(R. Oertel and P. Wagner, *Delay-Time Actuated Traffic Signal Control for an Isolated
Intersection*, TRB 90th Annual Meeting, 2011; SUMO documentation, *Simulation/Traffic_Lights*,
"Type 'delay_based'"). SUMO skips no phase under it, and sees no difference between a vehicle that
waits for its green and one that waits for a gap, so that long greens cost more than they bring.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from signalrl.benchmark.programs.site import Site
from signalrl.network.model import Signal
from signalrl.network.phases import phases_of_steps
from signalrl.network.timing import TimingRules
from signalrl.network.timing import min_green_s as shortest_green_s
from signalrl.sumo.logic import Logic, Step, write_logics

PROGRAM = "signalrl-delay-based"
MIN_TIME_LOSS_S = 5.0
DETECTOR_RANGE_M = 100.0
MIN_GREEN_S = 5.0
MAX_GREEN_S = 30.0


def write(
    site: Site,
    *,
    min_time_loss_s: float = MIN_TIME_LOSS_S,
    detector_range_m: float = DETECTOR_RANGE_M,
    min_green_s: float = MIN_GREEN_S,
    max_green_s: float = MAX_GREEN_S,
) -> Path:
    """Write an additional file in which every signal runs SUMO's ``delay_based`` logic.

    States, yellow and clearance stay as stored.

    Args:
        site: The episode.
        min_time_loss_s: Time in s that a vehicle has to have lost before it extends a green.
        detector_range_m: How far before the stop line, in m, vehicles are seen.
        min_green_s: Shortest green, in s; longer where rules or pedestrians ask for it.
        max_green_s: Longest green, in s.

    Returns:
        The path.
    """
    params = {"minTimeloss": min_time_loss_s, "detectorRange": detector_range_m}
    logics = [
        Logic(
            signal.id,
            "delay_based",
            PROGRAM,
            tuple(_steps(signal, site.scenario.timing, min_green_s, max_green_s)),
            signal.program.offset_s,
            params,
        )
        for signal in site.network.signals
    ]
    return write_logics(logics, site.folder / "delay-based.add.xml")


def _steps(
    signal: Signal, rules: TimingRules, min_green_s: float, max_green_s: float
) -> Iterator[Step]:
    for step, phase in zip(signal.program.steps, phases_of_steps(signal), strict=True):
        if phase is None:
            yield Step(step.state, step.duration_s)
            continue
        shortest = max(min_green_s, shortest_green_s(signal, phase, rules))
        longest = max(max_green_s, shortest)
        yield Step(
            step.state,
            min(max(step.duration_s, shortest), longest),
            {"minDur": shortest, "maxDur": longest},
        )
