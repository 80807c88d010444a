"""Derives the phases of a signal from the programs stored for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from signalrl.errors import NetworkError
from signalrl.network.model import BoolArray, Phase, Program, ProgramStep, Signal, StoredSignal
from signalrl.network.timing import GREEN

KNOWN_LETTERS = frozenset("GgrsyYuoO")
CHANGING = frozenset("yYu")
"""Letters of a change: yellow, and the red-amber before a green."""
MAX_CLEARANCE_STATE_S = 6.0
_FLOWING = str.maketrans("oO", "gG")
_STRENGTH = {"g": 1, "G": 2}


def control(stored: StoredSignal) -> Signal:
    """Turn a stored signal into one that can be controlled.

    Raises:
        NetworkError: Trains obey it, its program is missing, too short or broken, or it has fewer
            than two phases; ``code`` tells which.
    """
    name = f"signal {stored.id!r}"
    if stored.railway:
        raise NetworkError(
            f"{name} is a {stored.railway}; expected one that road traffic obeys; "
            "it is left to SUMO",
            code="railway",
        )
    programs = [program for program in stored.programs if program.steps]
    if not programs:
        raise NetworkError(
            f"{name} has no program; expected a tlLogic to derive its phases from; add one in "
            "netedit or in an additional file",
            code="no-program",
        )
    sizes = sorted({len(step.state) for program in programs for step in program.steps})
    if len(sizes) > 1:
        raise NetworkError(
            f"{name} has states of unlike lengths: expected {sizes[-1]} letters everywhere, "
            f"got one of {sizes[0]}; mend its tlLogic",
            code="unlike-states",
        )
    if (last := max(link.position for link in stored.links)) >= sizes[0]:
        raise NetworkError(
            f"{name} has a link with index {last}: expected states of at least {last + 1} "
            f"letters, got {sizes[0]}; mend its tlLogic or rebuild the network",
            code="short-program",
        )
    if stored.unjudged:
        raise NetworkError(
            f"{name}: expected a right-of-way table (request elements) for every link, got none "
            f"for {_join(set(stored.unjudged))}, so that conflicts are unknown; rebuild the "
            "network with netconvert",
            code="unknown-conflicts",
        )
    phases, notes = derive_phases(stored.id, programs, stored.crossings, stored.foes, stored.yields)
    return Signal(
        id=stored.id,
        junctions=stored.junctions,
        links=stored.links,
        phases=phases,
        program=programs[-1],
        foes=stored.foes,
        notes=notes,
    )


def derive_phases(
    signal_id: str,
    programs: Sequence[Program],
    crossings: frozenset[int],
    foes: BoolArray,
    yields: BoolArray,
) -> tuple[tuple[Phase, ...], tuple[str, ...]]:
    """Return the distinct green states of the program that runs, in its order, and notes on them.

    Left out are states with yellow or red-amber, states that give green to nobody, and partial
    states: short ones that give no link more than the state before or after does, and those that
    only withdraw the pedestrians' green. A link that is green only beside the yellow of
    another gets that state, the yellow made red. One that blinks or is off beside the green of
    another gets a green, which yields where it blinks: its traffic flows, so that its end has to
    be cleared. Where the program that runs has fewer than two phases, those of the other programs
    are taken too.

    Two conflicting links never both keep a protected green: the one that has to yield by the
    junction's right of way becomes permissive, and a note says so.

    Args:
        signal_id: For the messages.
        programs: The stored programs; the last one runs.
        crossings: Positions of the state string that are pedestrian crossings.
        foes: ``(positions, positions)``, which links conflict.
        yields: ``(positions, positions)``, which link yields to which.

    Raises:
        NetworkError: Fewer than two phases, flashing only, letters that SUMO does not know, or
            conflicting greens that no right of way settles.
    """
    letters = set("".join(step.state for program in programs for step in program.steps))
    if unknown := letters - KNOWN_LETTERS:
        raise NetworkError(
            f"signal {signal_id!r}: expected the state letters {''.join(sorted(KNOWN_LETTERS))}, "
            f"got {min(unknown)!r}; mend its tlLogic",
            code="unknown-letter",
        )
    notes: dict[str, None] = {}
    states = _green_states(programs[-1], crossings, notes)
    if len(states) < 2 and len(programs) > 1:
        states = [s for program in programs for s in _green_states(program, crossings, notes)]
        notes[f"program {programs[-1].id!r} has no two phases: those of all programs count"] = None
    distinct = list(
        dict.fromkeys(_without_conflict(signal_id, s, foes, yields, notes) for s in states)
    )
    if not distinct and letters <= set("oO"):
        raise NetworkError(
            f"signal {signal_id!r} only flashes or is off: expected at least two green phases to "
            "choose from; it is left to its program",
            code="flashing",
        )
    if len(distinct) < 2:
        raise NetworkError(
            f"signal {signal_id!r}: expected at least two green phases to choose from, "
            f"got {len(distinct)}; it is left to its program",
            code="one-phase",
        )
    return tuple(Phase(i, state) for i, state in enumerate(distinct)), tuple(notes)


def greens(state: str) -> set[int]:
    """Return the positions of a state that show a protected or permissive green."""
    return {i for i, letter in enumerate(state) if letter in GREEN}


def lit(state: str) -> str:
    """Return a state with greens for the links that blink or are off beside a green."""
    return state.translate(_FLOWING) if greens(state) else state


def phase_shown(phases: Sequence[str], state: str) -> int | None:
    """Return which phase a state shows: the one with its greens; None on the way between two.

    Args:
        phases: The states of a signal's phases, in their order.
        state: What is shown, or stored as a step of a program.
    """
    if CHANGING & set(state):
        return None
    shown = greens(lit(state))
    return next((i for i, phase in enumerate(phases) if greens(phase) == shown), None)


def phases_of_steps(signal: Signal) -> list[int | None]:
    """Return which phase each step of the stored program shows; None where it is on the way."""
    states = [phase.state for phase in signal.phases]
    return [phase_shown(states, step.state) for step in signal.program.steps]


def conflicting_greens(state: str, foes: BoolArray) -> list[tuple[int, int]]:
    """Return the pairs of positions that conflict and both show a protected green."""
    protected = [i for i, letter in enumerate(state) if letter == "G"]
    return [(a, b) for a in protected for b in protected if a < b and foes[a, b]]


def _green_states(program: Program, crossings: frozenset[int], notes: dict[str, None]) -> list[str]:
    """Return a program's phases, in its order, those of links that a change hides included."""
    steps = [replace(step, state=lit(step.state)) for step in program.steps]
    if changed := {
        i
        for step, stored in zip(steps, program.steps, strict=True)
        for i in greens(step.state) - greens(stored.state)
    }:
        notes[f"links {_join(changed)} blink or are off beside a green: they get one too"] = None
    whole = {}
    for i, step in enumerate(steps):
        if greens(step.state) and not CHANGING & set(step.state):
            before, after = steps[i - 1].state, _next_settled(steps, i)
            if not _is_partial(step.state, step.duration_s, before, after, crossings):
                whole[i] = step.state
    served = set().union(*(greens(state) for state in whole.values()))
    for i, step in enumerate(steps):
        if hidden := greens(step.state) - served:
            whole[i] = "".join("r" if letter in CHANGING else letter for letter in step.state)
            served |= hidden
            notes[f"links {_join(hidden)} are green beside a yellow only: it is shown as red"] = (
                None
            )
    return list(dict.fromkeys(whole[i] for i in sorted(whole)))


def _next_settled(steps: Sequence[ProgramStep], i: int) -> str:
    """Return the first state after a step that is not on its way to green by a red-amber."""
    following = [step.state for step in (*steps[i + 1 :], *steps[: i + 1])]
    return next((state for state in following if "u" not in state), following[0])


def _is_partial(
    state: str, duration_s: float, before: str, after: str, crossings: frozenset[int]
) -> bool:
    now, earlier = greens(state), greens(before)
    if now < earlier and earlier - now <= crossings:
        return True
    if duration_s > MAX_CLEARANCE_STATE_S:
        return False
    return any(
        _strength(state) != _strength(other)
        and all(a <= b for a, b in zip(_strength(state), _strength(other), strict=True))
        for other in (before, after)
    )


def _strength(state: str) -> list[int]:
    return [_STRENGTH.get(letter, 0) for letter in state]


def _without_conflict(
    signal_id: str, state: str, foes: BoolArray, yields: BoolArray, notes: dict[str, None]
) -> str:
    letters = list(state)
    for a, b in conflicting_greens(state, foes):
        if letters[a] != "G" or letters[b] != "G":
            continue
        if not (yields[a, b] or yields[b, a]):
            raise NetworkError(
                f"signal {signal_id!r}: expected phases without conflicting greens, got "
                f"{state!r}, in which links {a} and {b} conflict and neither yields; "
                "mend the program (netedit, or a tlLogic in an additional file)",
                code="conflicting-greens",
            )
        for one, other in ((a, b), (b, a)):
            if yields[one, other]:
                letters[one] = "g"
                notes[f"link {one} yields to link {other}: G is shown as g"] = None
    return "".join(letters)


def _join(positions: set[int]) -> str:
    return ", ".join(str(i) for i in sorted(positions))
