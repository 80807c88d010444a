"""SUMO's gap-based actuated control of the stored phases, with phases skipped that nobody calls.

Loops before the stop line extend a green while vehicles follow each other closely. Between two
greens SUMO picks the phase with the most active detectors, first in the order of the program, and
skips those without a call (SUMO documentation, *Simulation/Traffic_Lights*, "Type 'actuated'" and
"Dynamic Phase Selection"; values after FHWA, *Signal Timing Manual*, 2nd ed., 2015, chapter 5).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from signalrl.benchmark.programs.logic import Logic, Step, phases_of_steps, write_logics
from signalrl.benchmark.programs.site import Site
from signalrl.network.model import Signal
from signalrl.network.timing import (
    GREEN,
    Interval,
    TimingRules,
    required_red_s,
    required_yellow_s,
    transition,
    walk_clearance_s,
)
from signalrl.network.timing import min_green_s as shortest_green_s

PROGRAM = "signalrl-actuated"
MIN_GREEN_S = 5.0
MAX_GREEN_S = 50.0
MAX_GAP_S = 2.0
DETECTOR_GAP_S = 2.0
DETECTOR_M = 5.0
JAM_THRESHOLD_S = 30.0
INACTIVE_S = 180.0


def write(
    site: Site,
    *,
    skipping: bool = True,
    max_gap_s: float = MAX_GAP_S,
    detector_gap_s: float = DETECTOR_GAP_S,
    detector_m: float = DETECTOR_M,
    jam_threshold_s: float = JAM_THRESHOLD_S,
    min_green_s: float = MIN_GREEN_S,
    max_green_s: float = MAX_GREEN_S,
    inactive_s: float = INACTIVE_S,
) -> Path:
    """Write an additional file in which every signal runs SUMO's ``actuated`` logic.

    Args:
        site: The episode.
        skipping: Whether phases without a call are skipped and the next one is chosen by the
            detectors, with the changes that the timing rules ask for. Without it the stored
            program runs through in its order, with its own yellow and clearance.
        max_gap_s: Longest gap between two vehicles, in s, that extends a green.
        detector_gap_s: Distance of a detector from the stop line, as driving time at the limit, in
            s. SUMO brings it nearer where the shortest green could not clear what is between
            them, and follows the lane upstream where it is too short.
        detector_m: Length of a detector, in m.
        jam_threshold_s: Time in s after which a vehicle that stands on a detector stops counting,
            on lanes where no phase gives every link a protected green. Without it SUMO takes no
            notice of such a lane, and on others it would count vehicles that have red.
        min_green_s: Shortest green, in s; longer where rules or pedestrians ask for it.
        max_green_s: Longest green, in s.
        inactive_s: Time in s after which a call that was passed over is served first.

    Returns:
        The path.
    """
    actuation = Actuation(
        skipping=skipping,
        max_gap_s=max_gap_s,
        detector_gap_s=detector_gap_s,
        detector_m=detector_m,
        jam_threshold_s=jam_threshold_s,
        min_green_s=min_green_s,
        max_green_s=max_green_s,
        inactive_s=inactive_s,
    )
    rules = site.scenario.timing
    logics = [actuation.logic(signal, rules) for signal in site.network.signals]
    return write_logics(logics, site.folder / "actuated.add.xml")


@dataclass(frozen=True, slots=True)
class Actuation:
    """The parameters of :func:`write`."""

    skipping: bool = True
    max_gap_s: float = MAX_GAP_S
    detector_gap_s: float = DETECTOR_GAP_S
    detector_m: float = DETECTOR_M
    jam_threshold_s: float = JAM_THRESHOLD_S
    min_green_s: float = MIN_GREEN_S
    max_green_s: float = MAX_GREEN_S
    inactive_s: float = INACTIVE_S

    def logic(self, signal: Signal, rules: TimingRules) -> Logic:
        """Return the actuated program of a signal."""
        params = {
            "max-gap": self.max_gap_s,
            "detector-gap": self.detector_gap_s,
            "detector-length": self.detector_m,
            "inactive-threshold": self.inactive_s,
        }
        params |= {f"jam-threshold:{k}": self.jam_threshold_s for k in _never_protected(signal)}
        steps = self._choosing(signal, rules) if self.skipping else self._in_order(signal, rules)
        return Logic(signal.id, "actuated", PROGRAM, tuple(steps), signal.program.offset_s, params)

    def _in_order(self, signal: Signal, rules: TimingRules) -> Iterator[Step]:
        for step, phase in zip(signal.program.steps, phases_of_steps(signal), strict=True):
            if phase is None:
                yield Step(step.state, step.duration_s)
            else:
                shortest, longest = self._bounds(signal, phase, rules)
                duration_s = min(max(step.duration_s, shortest), longest)
                yield Step(step.state, duration_s, {"minDur": shortest, "maxDur": longest})

    def _choosing(self, signal: Signal, rules: TimingRules) -> list[Step]:
        """Return the greens, then the ways between each two of them, linked by ``next``."""
        count = len(signal.phases)
        ways: list[Step] = []
        starts: dict[tuple[int, int], int] = {}
        for a in range(count):
            for b in (b for b in range(count) if b != a):
                change = _change(signal, a, b, rules)
                first = count + len(ways)
                starts[a, b] = first if change else b
                after = [*range(first + 1, first + len(change)), b]
                ways += [
                    Step(interval.state, interval.duration_s, {"next": str(n)})
                    for interval, n in zip(change, after, strict=False)
                ]
        greens = []
        for phase in signal.phases:
            a = phase.index
            shortest, longest = self._bounds(signal, a, rules)
            # The first is where SUMO goes without any call: it stays.
            nexts = [a, *(starts[a, (a + i) % count] for i in range(1, count))]
            settings: dict[str, float | str] = {
                "minDur": shortest,
                "maxDur": longest,
                "next": " ".join(str(n) for n in nexts),
            }
            greens.append(Step(phase.state, shortest, settings))
        return greens + ways

    def _bounds(self, signal: Signal, phase: int, rules: TimingRules) -> tuple[float, float]:
        shortest = max(self.min_green_s, shortest_green_s(signal, phase, rules))
        # SUMO takes a phase of equal bounds for one of fixed length, without detectors.
        return shortest, max(self.max_green_s, shortest + 1.0)


def _never_protected(signal: Signal) -> list[str]:
    """Return the lanes whose links no phase gives a protected green together, sorted."""
    lanes: dict[str, set[int]] = defaultdict(set)
    for link in signal.links:
        if not link.crossing:
            lanes[link.from_lane].add(link.position)
    return sorted(
        lane
        for lane, positions in lanes.items()
        if not any(all(phase.state[i] == "G" for i in positions) for phase in signal.phases)
    )


def _change(signal: Signal, a: int, b: int, rules: TimingRules) -> tuple[Interval, ...]:
    """Return the states between two phases, none of which SUMO could take for a phase.

    It takes every state with a green and without a yellow for one, and looks no further for the
    detectors of the phase that follows. Where a clearance has such a state, everything is ended.
    """
    intervals = transition(signal, a, b, rules)
    if all("y" in k.state or not set(GREEN) & set(k.state) for k in intervals):
        return intervals
    old = signal.phases[a].state
    ending = [link for link in signal.links if old[link.position] in GREEN]
    vehicles = [link for link in ending if not link.crossing]
    walk_s = max((walk_clearance_s(k.length_m) for k in ending if k.crossing), default=0.0)
    yellow_s = math.ceil(max((required_yellow_s(k, rules) for k in vehicles), default=0.0))
    red_s = math.ceil(max([walk_s, *(required_red_s(k, rules) for k in vehicles)]))
    driven = {link.position for link in vehicles}
    yellow = "".join(("y" if i in driven else "r") if c in GREEN else c for i, c in enumerate(old))
    changes = [Interval(yellow_s, yellow), Interval(red_s, yellow.replace("y", "r"), "red")]
    return tuple(k for k in changes if k.duration_s > 0)
