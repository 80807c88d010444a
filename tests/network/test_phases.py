from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.errors import NetworkError
from signalrl.network.model import BoolArray, Phase, Program, ProgramStep
from signalrl.network.phases import conflicting_greens, derive_phases, greens, lit, phase_shown

REFUSALS = {"conflicting-greens", "flashing", "one-phase", "unknown-letter"}


def program(*steps: str | tuple[str, float]) -> Program:
    lines = [(step, 20.0) if isinstance(step, str) else step for step in steps]
    return Program("0", "static", 0.0, tuple(ProgramStep(s, d, d, d) for s, d in lines))


def derive(
    *programs: Program,
    crossings: Sequence[int] = (),
    foes: Sequence[tuple[int, int]] = (),
    yields: Sequence[tuple[int, int]] = (),
) -> tuple[list[str], tuple[str, ...]]:
    size = len(programs[0].steps[0].state)
    conflict, way = (np.zeros((size, size), dtype=np.bool_) for _ in range(2))
    for a, b in foes:
        conflict[a, b] = conflict[b, a] = True
    for a, b in yields:
        way[a, b] = True
    phases, notes = derive_phases("J", programs, frozenset(crossings), conflict, way)
    return [phase.state for phase in phases], notes


@st.composite
def intersections(
    draw: st.DrawFn, letters: str = "rrgGyusoO"
) -> tuple[Program, frozenset[int], BoolArray, BoolArray]:
    size = draw(st.integers(1, 7))
    state = st.text(alphabet=letters, min_size=size, max_size=size)
    steps = draw(st.lists(st.tuples(state, st.sampled_from([1.0, 3.0, 6.0, 30.0])), min_size=1))
    pairs = [(a, b) for a in range(size) for b in range(a)]
    foes, yields = (np.zeros((size, size), dtype=np.bool_) for _ in range(2))
    for a, b in draw(st.lists(st.sampled_from(pairs), max_size=6)) if pairs else []:
        foes[a, b] = foes[b, a] = True
        for one, other in draw(st.sampled_from([[(a, b)], [(b, a)], [(a, b), (b, a)], []])):
            yields[one, other] = True
    crossings = draw(st.frozensets(st.integers(0, size - 1), max_size=2))
    return program(*steps), crossings, foes, yields


def phases_of(
    case: tuple[Program, frozenset[int], BoolArray, BoolArray],
) -> tuple[Phase, ...] | None:
    stored, crossings, foes, yields = case
    try:
        return derive_phases("J", [stored], crossings, foes, yields)[0]
    except NetworkError as error:
        if error.code not in REFUSALS:
            raise
        return None


class TestEveryProgram:
    @given(intersections())
    def test_gives_distinct_green_phases_without_yellow(self, case) -> None:
        phases = phases_of(case)
        if phases is not None:
            assert len(phases) >= 2
            assert len({phase.state for phase in phases}) == len(phases)
            assert [phase.index for phase in phases] == list(range(len(phases)))
            for phase in phases:
                assert greens(phase.state)
                assert not set(phase.state) & set("yYu")

    @given(intersections())
    def test_never_keeps_conflicting_greens(self, case) -> None:
        for phase in phases_of(case) or ():
            assert conflicting_greens(phase.state, case[2]) == []

    @given(intersections())
    def test_serves_every_link_that_is_ever_green(self, case) -> None:
        phases = phases_of(case)
        if phases is not None:
            ever = set().union(*(greens(lit(step.state)) for step in case[0].steps))
            assert set().union(*(greens(phase.state) for phase in phases)) == ever

    @given(intersections(letters="rgGs"), st.integers(0, 5))
    def test_does_not_depend_on_where_the_cycle_begins(self, case, shift: int) -> None:
        steps = case[0].steps
        shift %= len(steps)
        rotated = Program("0", "static", 0.0, steps[shift:] + steps[:shift])
        first, second = phases_of(case), phases_of((rotated, *case[1:]))
        assert {p.state for p in first or ()} == {p.state for p in second or ()}

    @given(intersections(), st.floats(7, 60))
    def test_derives_the_same_from_its_own_phases(self, case, duration_s: float) -> None:
        phases = phases_of(case)
        if phases is not None:
            again = program(*((phase.state, duration_s) for phase in phases))
            assert phases_of((again, frozenset(), *case[2:])) == phases


class TestWhichStatesArePhases:
    def test_default_program_of_netconvert(self) -> None:
        states, notes = derive(
            program("GGgrrrGGgrrr", ("yygrrryygrrr", 3), ("rrGrrrrrGrrr", 6), ("rryrrrrryrrr", 3))
        )
        assert states == ["GGgrrrGGgrrr", "rrGrrrrrGrrr"]
        assert notes == ()

    def test_all_red_and_red_amber_are_none(self) -> None:
        states, _ = derive(program("Gr", ("yr", 3), ("rr", 2), ("ru", 1), "rG", ("ry", 3)))
        assert states == ["Gr", "rG"]

    def test_a_short_state_that_two_phases_share_is_none(self) -> None:
        states, _ = derive(program("GGrr", ("rGrr", 3), "rGGr", ("ryyr", 3), "rrrG", ("rrry", 3)))
        assert states == ["GGrr", "rGGr", "rrrG"]

    def test_a_long_state_that_two_phases_share_is_one(self) -> None:
        states, _ = derive(program("GGrr", ("rGrr", 20), "rGGr", ("ryyr", 3), "rrrG", ("rrry", 3)))
        assert "rGrr" in states

    def test_a_head_start_of_pedestrians_is_none(self) -> None:
        states, _ = derive(program(("rG", 4), ("uG", 1), "GG", ("yr", 3), "gr", ("yr", 3)))
        assert states == ["GG", "gr"]

    def test_the_withdrawal_of_the_pedestrians_green_is_none_however_long(self) -> None:
        steps = ["GGr", ("Grr", 15), ("yrr", 3), "rrG", ("rry", 3)]
        assert derive(program(*steps), crossings=[1])[0] == ["GGr", "rrG"]
        assert derive(program(*steps))[0] == ["GGr", "Grr", "rrG"]

    def test_a_short_protected_turn_before_a_permissive_one_stays(self) -> None:
        states, _ = derive(program(("Gr", 5), "gG", ("yy", 3)))
        assert states == ["Gr", "gG"]

    def test_a_link_that_is_green_only_beside_a_yellow_gets_a_phase(self) -> None:
        states, notes = derive(program("Grr", ("yGr", 3), ("rrr", 2), "rrG", ("rry", 3)))
        assert states == ["Grr", "rGr", "rrG"]
        assert "1" in notes[0]

    def test_another_program_helps_where_the_one_that_runs_has_one_phase(self) -> None:
        states, notes = derive(program("Gr", ("yr", 3), "rG", ("ry", 3)), program("Gr", ("yr", 3)))
        assert states == ["Gr", "rG"]
        assert len(notes) == 1

    def test_the_last_program_runs(self) -> None:
        states, _ = derive(program("Grr", "rGr"), program("rGr", "rrG"))
        assert states == ["rGr", "rrG"]

    def test_a_link_that_blinks_beside_a_green_gets_one_that_yields(self) -> None:
        """Its traffic flows, so the next phase has to wait until it has gone."""
        states, notes = derive(program("orG", "rGG"), foes=[(0, 1)])
        assert states == ["grG", "rGG"]
        assert "links 0 blink or are off" in notes[0]
        assert phase_shown(states, "orG") == 0
        assert derive(program("OrG", "rGG"), foes=[(0, 1)])[0] == ["GrG", "rGG"]


class TestConflicts:
    def test_the_link_that_yields_becomes_permissive(self) -> None:
        states, notes = derive(program("GGr", "rrG"), foes=[(0, 1)], yields=[(1, 0)])
        assert states == ["Ggr", "rrG"]
        assert notes == ("link 1 yields to link 0: G is shown as g",)

    def test_permissive_links_may_conflict(self) -> None:
        assert derive(program("Ggr", "rrG"), foes=[(0, 1)])[0] == ["Ggr", "rrG"]

    def test_a_conflict_that_no_right_of_way_settles_is_refused(self) -> None:
        with pytest.raises(NetworkError, match="links 0 and 1 conflict") as caught:
            derive(program("GGr", "rrG"), foes=[(0, 1)])
        assert caught.value.code == "conflicting-greens"


@pytest.mark.parametrize(
    ("states", "code"),
    [
        (["Gr", "yr"], "one-phase"),
        (["rr", "rr"], "one-phase"),
        (["oo", "OO"], "flashing"),
        (["Gr", "rX"], "unknown-letter"),
    ],
)
def test_a_signal_without_a_choice_is_refused_by_name(states: list[str], code: str) -> None:
    with pytest.raises(NetworkError, match=r"'J'.*expected") as caught:
        derive(program(*states))
    assert caught.value.code == code


def test_a_state_shows_the_phase_with_its_greens_and_none_on_the_way() -> None:
    phases = ["GGrr", "rrGg"]
    states = ["GGrr", "rrGg", "rrgG", "yyrr", "GGru", "rrrr", "Grrr"]
    assert [phase_shown(phases, state) for state in states] == [0, 1, 1, None, None, None, None]
