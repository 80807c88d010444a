"""SUMO's gap-based actuated control of the stored phases, with phases skipped that nobody calls.

Loops before the stop line extend a green while vehicles follow each other closely (SUMO
documentation, *Simulation/Traffic_Lights*, "Type 'actuated'"; values after FHWA, *Signal Timing
Manual*, 2nd ed., 2015, chapter 5). A fully actuated controller also skips phases without a call;
SUMO's plain one runs through all of them, which with left-turn phases or eight phases is most of
the cycle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from signalrl.benchmark.programs.site import Site
from signalrl.benchmark.programs.skipping import skipping_logic
from signalrl.network.model import Network, Signal
from signalrl.network.phases import phases_of_steps
from signalrl.network.timing import TimingRules
from signalrl.network.timing import min_green_s as shortest_green_s
from signalrl.sumo.logic import Logic, Step, write_logics

PROGRAM = "signalrl-actuated"
MIN_GREEN_S = 5.0
MAX_GREEN_S = 50.0
MAX_GAP_S = 2.0
DETECTOR_GAP_S = 2.0
DETECTOR_M = 5.0
JAM_THRESHOLD_S = 10.0
MAX_RED_S = 120.0


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
    max_red_s: float = MAX_RED_S,
) -> Path:
    """Write an additional file in which every signal runs SUMO's ``actuated`` logic.

    Args:
        site: The episode.
        skipping: Whether phases without a call are skipped, with the changes that the timing
            rules ask for. Without it the stored program runs through, with its own changes.
        max_gap_s: Longest gap between two vehicles, in s, that extends a green.
        detector_gap_s: Distance of a detector from the stop line, as driving time at the limit, in
            s. It is nearer where the shortest green could not clear what is between them, and
            lies on the lane upstream where the lane is too short.
        detector_m: Length of a detector, in m.
        jam_threshold_s: Time in s after which a vehicle that stands on a detector of a lane
            without a protected green stops extending, and calls for the protected one.
        min_green_s: Shortest green, in s; longer where rules or pedestrians ask for it.
        max_green_s: Longest green while another phase is called, in s.
        max_red_s: Time in s after which a red calls without a detection; with ``skipping`` only.

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
        max_red_s=max_red_s,
    )
    network, rules = site.network, site.scenario.timing
    logics = [actuation.logic(network, signal, rules) for signal in network.signals]
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
    max_red_s: float = MAX_RED_S

    def logic(self, network: Network, signal: Signal, rules: TimingRules) -> Logic:
        """Return the actuated program of a signal."""
        if self.skipping:
            return skipping_logic(network, signal, rules, self, PROGRAM)
        params = {
            "max-gap": self.max_gap_s,
            "detector-gap": self.detector_gap_s,
            "detector-length": self.detector_m,
        }
        if any("g" in step.state for step in signal.program.steps):
            # Without it SUMO extends only on lanes whose links are all G.
            params["jam-threshold"] = self.jam_threshold_s
        steps = tuple(self._in_order(signal, rules))
        return Logic(signal.id, "actuated", PROGRAM, steps, signal.program.offset_s, params)

    def bounds(
        self, signal: Signal, phase: int, rules: TimingRules, longest_s: float | None = None
    ) -> tuple[float, float]:
        """Return the shortest and the longest green of a phase in s.

        Args:
            signal: The signal.
            phase: The phase.
            rules: Whose bounds come first.
            longest_s: Longest green in place of the usual one.
        """
        shortest = max(self.min_green_s, shortest_green_s(signal, phase, rules))
        longest = self.max_green_s if longest_s is None else longest_s
        if rules.max_green_s is not None:
            longest = min(longest, rules.max_green_s)
        # SUMO takes a phase of equal bounds for one of fixed length, without detectors.
        return shortest, max(longest, shortest + 1.0)

    def _in_order(self, signal: Signal, rules: TimingRules) -> Iterator[Step]:
        for step, phase in zip(signal.program.steps, phases_of_steps(signal), strict=True):
            if phase is None:
                yield Step(step.state, step.duration_s)
            else:
                shortest, longest = self.bounds(signal, phase, rules)
                duration_s = min(max(step.duration_s, shortest), longest)
                yield Step(step.state, duration_s, {"minDur": shortest, "maxDur": longest})
