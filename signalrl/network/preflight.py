"""The preflight: what each signal of a network will show, and what is wrong with it.

Everything is judged on :class:`~signalrl.network.model.StoredSignal`, so that a network that can't
be controlled still gets a report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from signalrl.errors import NetworkError
from signalrl.network.model import Program, Signal, StoredSignal
from signalrl.network.phases import control
from signalrl.network.program_checks import Finding, Level, check_program, name_links, some
from signalrl.network.timing import TimingRules, min_green_s, transition

USEFUL_DETECTION_M = 50.0
"""A stop line whose detectors see less than this has little to tell before vehicles stand."""
LONG_CLEARANCE_S = 15.0

_REFUSED: dict[str, Level] = {"railway": "info", "flashing": "warning", "one-phase": "warning"}
"""Refusals that are no error: these signals are left to their program, and the others work."""
_BROKEN_STATES = frozenset(
    {
        "railway",
        "no-program",
        "unlike-states",
        "short-program",
        "unknown-letter",
        "unknown-conflicts",
    }
)
_OPEN = frozenset("GgsoO")
"""Letters at which a link lets traffic flow, at once or after a stop."""


@dataclass(frozen=True, slots=True)
class Clearance:
    """What is shown between a phase and the next, in s; zero where nothing has to be cleared."""

    to: int
    walk_s: float
    yellow_s: float
    red_s: float


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """A phase, its shortest green, and the clearances on the way to the others."""

    index: int
    state: str
    min_green_s: float
    clearances: tuple[Clearance, ...]


@dataclass(frozen=True, slots=True)
class SignalReport:
    """What is known about one signal.

    Attributes:
        id: SUMO's id.
        junctions: Junctions that it controls.
        controlled: Whether it can be controlled; if not, a finding says why.
        phases: Phases that may be requested, empty where it is not controlled.
        program: The program that runs on its own, None where there is none.
        findings: The worst first.
    """

    id: str
    junctions: tuple[str, ...]
    controlled: bool
    phases: tuple[PhaseReport, ...]
    program: Program | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The preflight of a network.

    Attributes:
        source: What was checked.
        network_hash: Of what can be controlled; empty where nothing can.
        signals: One report per signal, sorted by id.
        findings: What concerns the network as a whole.
    """

    source: str
    network_hash: str
    signals: tuple[SignalReport, ...]
    findings: tuple[Finding, ...] = ()

    def count(self, level: Level) -> int:
        """Return how many findings of a level there are."""
        found = [self.findings, *(signal.findings for signal in self.signals)]
        return sum(finding.level == level for findings in found for finding in findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON data."""
        return asdict(self)


def report(
    source: str, signals: Iterable[SignalReport], network_hash: str = "", stray: Iterable[str] = ()
) -> Report:
    """Put the reports of a network's signals together and judge the whole.

    Args:
        source: What was checked.
        signals: Their reports.
        network_hash: Hash of the network that can be controlled.
        stray: Ids that have a program and control no link.
    """
    signals = tuple(sorted(signals, key=lambda signal: signal.id))
    findings = []
    if not signals:
        findings.append(
            Finding(
                "error",
                "no-lights",
                "expected at least one traffic light, got none; add one in netedit, or rebuild "
                "the network with netconvert --tls.guess",
            )
        )
    elif not any(signal.controlled for signal in signals):
        findings.append(
            Finding(
                "error",
                "nothing-to-control",
                "expected at least one signal that can be controlled, got none; see the findings "
                "of each",
            )
        )
    if ids := sorted(set(stray)):
        findings.append(
            Finding(
                "warning",
                "stray-program",
                f"expected programs of signals that control a link, got some for {some(ids)}; look "
                "whether they belong to another network",
            )
        )
    return Report(source, network_hash, signals, tuple(findings))


def check_signal(
    stored: StoredSignal,
    rules: TimingRules,
    detected_m: Mapping[str, float] | None = None,
    selected: bool = True,
) -> SignalReport:
    """Report on one signal: its phases and timings, or why it can't be controlled.

    Args:
        stored: The signal as the network stores it.
        rules: The city's timing rules.
        detected_m: How far before the stop line each of its lanes is seen, in m.
        selected: Whether it shall be controlled at all.
    """
    findings: list[Finding] = []
    signal, refused = None, ""
    try:
        signal = control(stored)
    except NetworkError as error:
        refused = error.code
        findings.append(Finding(_REFUSED.get(error.code, "error"), error.code, str(error)))
    program = (
        signal.program if signal else next((p for p in stored.programs[::-1] if p.steps), None)
    )
    if program is not None and refused not in _BROKEN_STATES:
        phases = [p.state for p in signal.phases] if signal else [s.state for s in program.steps]
        findings += _unserved(stored, phases)
        if signal is not None or refused == "conflicting-greens":
            findings += [*check_program(stored, program, rules), *_arrangement(stored, program)]
        if signal is not None:
            findings += [*_timing(signal, rules), *_detection(detected_m or {})]
    if not selected:
        findings = [Finding("info", "not-selected", "left to its program: it is not selected")]
    order: dict[Level, int] = {"error": 0, "warning": 1, "info": 2}
    return SignalReport(
        id=stored.id,
        junctions=stored.junctions,
        controlled=signal is not None and selected,
        phases=_phases(signal, rules) if signal is not None and selected else (),
        program=program,
        findings=tuple(sorted(findings, key=lambda finding: order[finding.level])),
    )


def _phases(signal: Signal, rules: TimingRules) -> tuple[PhaseReport, ...]:
    return tuple(
        PhaseReport(
            phase.index,
            phase.state,
            min_green_s(signal, phase.index, rules),
            tuple(
                _clearance(signal, phase.index, to.index, rules)
                for to in signal.phases
                if to is not phase
            ),
        )
        for phase in signal.phases
    )


def _clearance(signal: Signal, start: int, end: int, rules: TimingRules) -> Clearance:
    times = {
        interval.kind: interval.duration_s for interval in transition(signal, start, end, rules)
    }
    return Clearance(end, times.get("walk", 0.0), times.get("yellow", 0.0), times.get("red", 0.0))


def _unserved(stored: StoredSignal, phases: list[str]) -> Iterator[Finding]:
    unserved = [
        link.position
        for link in stored.links
        if not any(state[link.position] in _OPEN for state in phases)
    ]
    if unserved:
        yield Finding(
            "error",
            "unserved",
            "expected every link to be green in a phase, got none for "
            f"{name_links(stored, unserved)}: what waits there would wait for ever; mend the "
            "program (netedit, or a tlLogic in an additional file), or remove the connection",
        )


def _arrangement(stored: StoredSignal, program: Program) -> Iterator[Finding]:
    if len(stored.junctions) > 1:
        yield Finding(
            "info",
            "shared-controller",
            f"controls {len(stored.junctions)} junctions, which change together: "
            f"{some(list(stored.junctions))}; conflicts between junctions are not known",
        )
    if program.type != "static":
        yield Finding(
            "info",
            "program-type",
            f"program {program.id!r} is {program.type}: run as a fixed program it keeps the "
            "durations that are stored",
        )


def _timing(signal: Signal, rules: TimingRules) -> Iterator[Finding]:
    if signal.notes:
        yield Finding(
            "info", "mended", f"the phases differ from the program: {some(list(signal.notes))}"
        )
    greens = {p.index: min_green_s(signal, p.index, rules) for p in signal.phases}
    if rules.max_green_s is not None and max(greens.values()) > rules.max_green_s:
        long = [str(p) for p, green in greens.items() if green > rules.max_green_s]
        yield Finding(
            "warning",
            "walk-over-max-green",
            f"expected a maximum green above the walk, got {rules.max_green_s:g} s for phases "
            f"{some(long)}, whose pedestrians need {max(greens.values()):g} s; they get it",
        )
    longest = max(
        sum(interval.duration_s for interval in transition(signal, a.index, b.index, rules))
        for a in signal.phases
        for b in signal.phases
    )
    if longest > LONG_CLEARANCE_S:
        yield Finding(
            "info",
            "long-clearance",
            f"a change of phase takes up to {longest:g} s, mostly for pedestrians on long "
            "crossings; every change costs that much green",
        )


def _detection(detected_m: Mapping[str, float]) -> Iterator[Finding]:
    short = {lane: m for lane, m in detected_m.items() if m < USEFUL_DETECTION_M}
    if short:
        lanes = [f"{lane} ({m:.0f} m)" for lane, m in sorted(short.items())]
        yield Finding(
            "warning",
            "short-detection",
            f"expected at least {USEFUL_DETECTION_M:g} m of road before a stop line, got less at "
            f"{some(lanes)}: vehicles are seen late there; extend the road if it is cut by the "
            "edge of the network",
        )
