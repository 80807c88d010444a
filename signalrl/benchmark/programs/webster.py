"""Fixed-time programs by Webster's method, with SUMO's own tools, out of the episode's demand.

They know the traffic that will come, hour by hour: what a city gets that counts and retimes for
the day. Cycle and splits are those of ``tools/tlsCycleAdaptation.py``, offsets those of
``tools/tlsCoordinator.py`` (SUMO documentation, *Tools/tls*), after F. V. Webster, *Traffic
Signal Settings*, Road Research Technical Paper 39 (1958). Signals that the tools can't count, those
without traffic, those with more or fewer links than letters and those whose program only flashes,
keep their stored program.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as ET

from signalrl.benchmark.programs.site import Site
from signalrl.benchmark.programs.tools import network_with, routed_vehicles
from signalrl.network.model import Signal
from signalrl.network.phases import phases_of_steps
from signalrl.network.timing import GREEN
from signalrl.network.timing import min_green_s as shortest_s
from signalrl.sumo.logic import Logic, Step, write_logics
from signalrl.sumo.tools import run_script

PROGRAM = "signalrl-webster"
MIN_CYCLE_S = 40.0
MAX_CYCLE_S = 120.0
MIN_GREEN_S = 5.0
SATURATION_HEADWAY_S = 3.0
"""Of lanes that left turns share, as on most of the maps; 2 s is that of through traffic alone."""
SPEED_FACTOR = 0.8


def write(
    site: Site,
    *,
    min_cycle_s: float = MIN_CYCLE_S,
    max_cycle_s: float = MAX_CYCLE_S,
    min_green_s: float = MIN_GREEN_S,
    saturation_headway_s: float = SATURATION_HEADWAY_S,
) -> Path:
    """Write fixed-time programs with Webster's cycle and splits for each signal by itself.

    Args:
        site: The episode.
        min_cycle_s: Shortest cycle, in whole s.
        max_cycle_s: Longest cycle, in whole s, unless the shortest greens need more.
        min_green_s: Shortest green, in whole s; longer where rules or pedestrians ask for it.
        saturation_headway_s: Headway in s at which a queue discharges per lane.

    Returns:
        The path of the additional file.

    Raises:
        SimulationError: A tool of SUMO failed.
    """
    method = _Method(site, min_green_s, saturation_headway_s)
    return write_logics(method.programs(min_cycle_s, max_cycle_s), site.folder / "webster.add.xml")


def write_coordinated(
    site: Site,
    *,
    min_cycle_s: float = MIN_CYCLE_S,
    max_cycle_s: float = MAX_CYCLE_S,
    min_green_s: float = MIN_GREEN_S,
    saturation_headway_s: float = SATURATION_HEADWAY_S,
    speed_factor: float = SPEED_FACTOR,
) -> Path:
    """Write Webster's programs with one cycle for all signals, and offsets for green waves.

    The cycle is the longest that a signal needs, as a network that is coordinated has to have.

    Args:
        site: The episode.
        min_cycle_s: Shortest cycle, in whole s.
        max_cycle_s: Longest cycle, in whole s, unless the shortest greens need more.
        min_green_s: Shortest green, in whole s; longer where rules or pedestrians ask for it.
        saturation_headway_s: Headway in s at which a queue discharges per lane.
        speed_factor: Speed of platoons as a share of the limit.

    Returns:
        The path of the additional file.

    Raises:
        SimulationError: A tool of SUMO failed.
    """
    method = _Method(site, min_green_s, saturation_headway_s)
    alone = method.programs(min_cycle_s, max_cycle_s)
    path = site.folder / "webster.add.xml"
    if not alone:
        return write_logics(alone, path)
    cycle_s = max(_cycle_s(logic) for logic in alone)
    common = [_with_cycle(logic, cycle_s) for logic in method.programs(cycle_s, cycle_s)]
    offsets = site.folder / "offsets.add.xml"
    run_script(
        "tlsCoordinator.py",
        [
            *("--net-file", network_with(site, common, "common.net.xml")),
            *("--route-file", method.vehicles),
            *("--speed-factor", str(speed_factor)),
            *("--output-file", offsets),
        ],
    )
    found = {e.attrib["id"]: float(e.attrib["offset"]) for e in ET.parse(offsets).iter("tlLogic")}
    return write_logics(
        [
            Logic(k.signal, k.type, k.program, k.steps, round(found.get(k.signal, 0.0)) % cycle_s)
            for k in common
        ],
        path,
    )


class _Method:
    def __init__(self, site: Site, min_green_s: float, headway_s: float) -> None:
        self._site, self._min_green_s, self._headway_s = site, min_green_s, headway_s
        self.vehicles = routed_vehicles(site)
        self._signals = [signal for signal in site.network.signals if _has_phases(signal)]
        counted = [_counted(signal) for signal in self._signals]
        self._network = network_with(site, counted, "counted.net.xml")

    def programs(self, min_cycle_s: float, max_cycle_s: float) -> list[Logic]:
        groups = defaultdict(list)
        for signal in filter(_has_a_link_per_position, self._signals):
            groups[round(_intergreen_s(signal))].append(signal)
        return [
            logic
            for intergreen_s, signals in sorted(groups.items())
            for logic in self._group(signals, intergreen_s, min_cycle_s, max_cycle_s)
        ]

    def _group(
        self, signals: list[Signal], intergreen_s: int, min_cycle_s: float, max_cycle_s: float
    ) -> Iterable[Logic]:
        others = {s.id for s in self._site.network.signals} - {s.id for s in signals}
        others |= {signal for signal, _ in self._site.network.uncontrolled}
        path = self._site.folder / f"cycles-{intergreen_s}.add.xml"
        run_script(
            "tlsCycleAdaptation.py",
            [
                *("--net-file", self._network),
                *("--route-files", self.vehicles),
                *("--begin", str(self._site.scenario.begin_s)),
                *("--yellow-time", str(intergreen_s)),
                *("--lost-time", str(intergreen_s)),
                *("--min-green", str(round(self._min_green_s))),
                *("--min-cycle", str(round(min_cycle_s))),
                *("--max-cycle", str(round(max_cycle_s))),
                "--restrict-cyclelength",
                *("--saturation-headway", str(self._headway_s)),
                *("--skip", ",".join(sorted(others))),
                *("--program", PROGRAM),
                *("--output-file", path),
            ],
        )
        found = {e.attrib["id"]: e for e in ET.parse(path).iter("tlLogic")}
        for signal in signals:
            if signal.id in found:
                times = [float(p.attrib["duration"]) for p in found[signal.id].iter("phase")]
                yield self._logic(signal, times[::2])

    def _logic(self, signal: Signal, greens_s: list[float]) -> Logic:
        rules, left = self._site.scenario.timing, iter(greens_s)
        steps = []
        for step, phase in zip(signal.program.steps, phases_of_steps(signal), strict=True):
            duration_s = step.duration_s
            if phase is not None:
                duration_s = max(next(left), shortest_s(signal, phase, rules))
            steps.append(Step(step.state, duration_s))
        return Logic(signal.id, "static", PROGRAM, tuple(steps), signal.program.offset_s)


def _has_phases(signal: Signal) -> bool:
    """Return whether the program that runs shows phases: else it only flashes."""
    return any(phase is not None for phase in phases_of_steps(signal))


def _has_a_link_per_position(signal: Signal) -> bool:
    """Return whether the tool finds a signal's links: it takes the n-th one for position n."""
    return sorted(link.position for link in signal.links) == list(range(signal.size))


def _counted(signal: Signal) -> Logic:
    """Return the stored program as the tool counts phases: greens, with one change after each.

    It would take every state with a ``G`` and without a yellow for a phase of its own, such as a
    red clearance beside which another link stays green.
    """
    change_s = round(_intergreen_s(signal))
    steps = []
    for step, phase in zip(signal.program.steps, phases_of_steps(signal), strict=True):
        if phase is not None:
            change = "".join("y" if letter in GREEN else "r" for letter in step.state)
            steps += [Step(step.state, round(step.duration_s)), Step(change, change_s)]
    return Logic(signal.id, "static", signal.program.id, tuple(steps))


def _intergreen_s(signal: Signal) -> float:
    """Return the mean time between two greens of the stored program."""
    phases = phases_of_steps(signal)
    steps = zip(signal.program.steps, phases, strict=True)
    between_s = sum(step.duration_s for step, phase in steps if phase is None)
    return between_s / sum(phase is not None for phase in phases)


def _cycle_s(logic: Logic) -> float:
    return sum(step.duration_s for step in logic.steps)


def _with_cycle(logic: Logic, cycle_s: float) -> Logic:
    """Give what is missing to the longest step, a green."""
    missing_s = cycle_s - _cycle_s(logic)
    longest = max(range(len(logic.steps)), key=lambda i: (logic.steps[i].duration_s, -i))
    steps = [
        Step(step.state, step.duration_s + missing_s if i == longest else step.duration_s)
        for i, step in enumerate(logic.steps)
    ]
    return Logic(logic.signal, logic.type, logic.program, tuple(steps), logic.offset_s)
