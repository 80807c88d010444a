"""Judges the program that a network stores for a signal: what a field controller would refuse.

SUMO checks little of this: it runs conflicting greens, and changes without yellow, as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from signalrl.network.model import Program, StoredSignal
from signalrl.network.phases import conflicting_greens
from signalrl.network.timing import (
    GREEN,
    WALK_S,
    TimingRules,
    required_red_s,
    required_yellow_s,
    walk_clearance_s,
)

Level = Literal["error", "warning", "info"]
SHOWN = 4
"""How many links a message names before it only counts."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should know about a signal or a network.

    Attributes:
        level: ``error`` where control would fail, ``warning`` where it would be poor or the stored
            program is unsafe, ``info`` where it is only worth knowing.
        code: A stable word for scripts.
        message: What was expected, what came, what to do.
    """

    level: Level
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class _Run:
    """A time during which a position shows one kind of letter; times are seconds of the cycle."""

    kind: Literal["green", "yellow", "off", "red"]
    start_s: float
    duration_s: float
    protected: bool

    @property
    def end_s(self) -> float:
        return self.start_s + self.duration_s


def check_program(stored: StoredSignal, program: Program, rules: TimingRules) -> list[Finding]:
    """Return what is wrong with a stored program, judged on its states as they are.

    Args:
        stored: The signal.
        program: The program that runs; its states have a letter for every link.
        rules: The timing that is required.
    """
    findings = [*_letters(stored, program), *_conflicts(stored, program)]
    if program.type.upper() == "NEMA":  # its lines are rings of phases and do not follow each other
        return findings
    runs = {k.position: _runs(program, k.position) for k in stored.links}
    cycle_s = sum(step.duration_s for step in program.steps)
    return [*findings, *_changes(stored, runs, rules), *_clearances(stored, runs, cycle_s, rules)]


def name_links(stored: StoredSignal, positions: Iterable[int]) -> str:
    """Name some positions of a state with the lanes that they join, the first few in full."""
    names = {
        k.position: f"crossing {k.to_lane}" if k.crossing else f"{k.from_lane} > {k.to_lane}"
        for k in stored.links
    }
    return some([f"{i} ({names[i]})" for i in sorted(set(positions))])


def some(texts: list[str]) -> str:
    """Join texts with commas; where they are many, the first few and how many there are more."""
    more = len(texts) - SHOWN
    return ", ".join(texts[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _letters(stored: StoredSignal, program: Program) -> Iterator[Finding]:
    links = {link.position for link in stored.links}
    shown = {i: {step.state[i] for step in program.steps} for i in links}
    if turning := [i for i in links if "s" in shown[i]]:
        yield Finding(
            "info",
            "right-on-red",
            f"links {name_links(stored, turning)} may go at red after a stop (letter s); phases "
            "keep it",
        )
    if off := [i for i in links if shown[i] & set("oO")]:
        yield Finding(
            "info",
            "off",
            f"links {name_links(stored, off)} flash or are off at times (letters o, O); phases "
            "show a green instead, which yields where it flashes",
        )
    if spare := sorted(set(range(len(program.steps[0].state))) - links):
        yield Finding(
            "info",
            "unused-positions",
            f"no link obeys these positions of the states: {some([str(i) for i in spare])}",
        )


def _conflicts(stored: StoredSignal, program: Program) -> Iterator[Finding]:
    pairs: dict[tuple[int, int], None] = {}
    for step in program.steps:
        pairs |= dict.fromkeys(conflicting_greens(step.state, stored.foes))
    if pairs:
        yield Finding(
            "warning",
            "conflicting-greens",
            f"program {program.id!r}: expected G for one of two conflicting links at most, got it "
            f"for both of {some([f'{a} and {b}' for a, b in sorted(pairs)])}; in the phases the "
            "one that yields shows g; mend the program before it runs on its own",
        )


def _changes(
    stored: StoredSignal, runs: dict[int, list[_Run]], rules: TimingRules
) -> Iterator[Finding]:
    """Judge how greens end: with a yellow, long enough, and after a walk that is long enough."""
    bare, walks = [], []
    short: dict[tuple[float, float], list[int]] = {}
    for i, position_runs in runs.items():
        links = [k for k in stored.links if k.position == i and not k.crossing]
        needed = max((required_yellow_s(k, rules) for k in links), default=0.0)
        for run, after in _pairs(position_runs):
            if run.kind != "green":
                continue
            if not links:
                walks += [i] * (run.duration_s < WALK_S)
            elif after.kind == "red" and needed > 0:
                bare.append(i)
            elif after.kind == "yellow" and after.duration_s < needed:
                short.setdefault((after.duration_s, needed), []).append(i)
    if bare:
        yield Finding(
            "warning",
            "no-yellow",
            f"the stored program takes the green of links {name_links(stored, bare)} without a "
            "yellow; add one before it runs on its own",
        )
    for (got, needed), positions in sorted(short.items()):
        yield Finding(
            "warning",
            "short-yellow",
            f"the stored program has {got:g} s of yellow for links "
            f"{name_links(stored, positions)}, expected {needed:.1f} s at the speed of their "
            "approach; the phases get it",
        )
    if walks:
        yield Finding(
            "warning",
            "short-walk",
            f"the stored program has a walk shorter than {WALK_S:g} s for crossings "
            f"{name_links(stored, walks)}; the phases get {WALK_S:g} s",
        )


def _clearances(
    stored: StoredSignal, runs: dict[int, list[_Run]], cycle_s: float, rules: TimingRules
) -> Iterator[Finding]:
    """Judge how long after the end of a link its foes begin."""
    vehicles: list[tuple[int, int]] = []
    walks: list[tuple[int, int]] = []
    for i, position_runs in runs.items():
        links = [link for link in stored.links if link.position == i]
        crossing = i in stored.crossings
        needed = max(
            walk_clearance_s(k.length_m) if k.crossing else required_red_s(k, rules) for k in links
        )
        ends = [
            run.end_s % cycle_s
            for run, after in _pairs(position_runs)
            if run.kind in ("green", "yellow") and after.kind == "red"
        ]
        for j in runs:
            if not stored.foes[i, j]:
                continue
            starts = [
                run.start_s
                for before, run in _pairs(runs[j])
                if run.kind == "green"
                and before.kind != "green"
                and (run.protected or not crossing)
            ]
            if any((start - end) % cycle_s < needed - 1e-9 for end in ends for start in starts):
                (walks if crossing else vehicles).append((i, j))
    if vehicles:
        yield Finding(
            "info",
            "short-red-clearance",
            "the stored program has less red than geometry asks for between the links "
            f"{some([f'{i} before {j}' for i, j in vehicles])}; the phases get it",
        )
    if walks:
        yield Finding(
            "warning",
            "short-pedestrian-clearance",
            "the stored program gives G to a link before the slowest pedestrians have left the "
            f"crossing: {some([f'crossing {i} before link {j}' for i, j in walks])}; the phases "
            "wait for them",
        )


def _runs(program: Program, position: int) -> list[_Run]:
    """Return what a position shows around the cycle; the run over its end begins the list."""
    steps = program.steps
    kinds = [_kind(step.state[position]) for step in steps]
    first = next((i for i in range(len(kinds)) if kinds[i] != kinds[i - 1]), 0)
    order = [*range(first, len(kinds)), *range(first)]
    starts = [sum(step.duration_s for step in steps[:i]) for i in range(len(steps))]
    runs = []
    for kind, group in groupby(order, key=lambda i: kinds[i]):
        members = list(group)
        runs.append(
            _Run(
                kind,
                starts[members[0]],
                sum(steps[i].duration_s for i in members),
                any(steps[i].state[position] == "G" for i in members),
            )
        )
    return runs


def _kind(letter: str) -> Literal["green", "yellow", "off", "red"]:
    if letter in GREEN:
        return "green"
    return "yellow" if letter in "yY" else "off" if letter in "oO" else "red"


def _pairs(runs: list[_Run]) -> Iterator[tuple[_Run, _Run]]:
    """Return each run with the one that follows it around the cycle; none where nothing changes."""
    if len(runs) > 1:
        yield from zip(runs, [*runs[1:], runs[0]], strict=True)
