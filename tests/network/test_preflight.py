import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.network.model import Link, Program, ProgramStep, StoredSignal
from signalrl.network.preflight import Report, SignalReport, check_signal, report
from signalrl.network.timing import TimingRules

GOOD = (("GGrr", 30.0), ("yyrr", 4.0), ("rrrr", 3.0), ("rrGG", 30.0), ("rryy", 4.0), ("rrrr", 3.0))
"""Links 0 and 1 against 2 and 3, with yellow and red as the rules ask for."""


def program(steps: Sequence[tuple[str, float]], kind: str = "static") -> Program:
    return Program("0", kind, 0.0, tuple(ProgramStep(s, d, d, d) for s, d in steps))


def stored(
    steps: Sequence[tuple[str, float]] = GOOD,
    crossings: Sequence[int] = (),
    foes: Sequence[tuple[int, int]] = ((0, 2), (0, 3), (1, 2), (1, 3)),
    yields: Sequence[tuple[int, int]] = (),
    links: int = 4,
    kind: str = "static",
) -> StoredSignal:
    size = max([links, *(len(state) for state, _ in steps)])
    conflict, way = (np.zeros((size, size), dtype=np.bool_) for _ in range(2))
    for a, b in foes:
        conflict[a, b] = conflict[b, a] = True
    for a, b in yields:
        way[a, b] = True
    return StoredSignal(
        id="J",
        junctions=("J",),
        links=tuple(
            Link(i, f"in{i}_0", f"out{i}_0", "s", 9.0, 13.89, 13.89, crossing=i in crossings)
            for i in range(links)
        ),
        programs=(program(steps, kind),) if steps else (),
        foes=conflict,
        yields=way,
    )


def codes(signal: SignalReport) -> dict[str, str]:
    return {finding.code: finding.level for finding in signal.findings}


class TestASignal:
    def test_that_is_good_has_no_findings(self) -> None:
        signal = check_signal(stored(), TimingRules())
        assert signal.controlled
        assert signal.findings == ()
        assert signal.program == stored().programs[0]

    def test_reports_its_phases_and_timings(self) -> None:
        first, second = check_signal(stored(crossings=[1]), TimingRules()).phases
        assert (first.state, first.min_green_s) == ("GGrr", 7)
        assert (second.state, second.min_green_s) == ("rrGG", 5)
        (clearance,) = first.clearances
        # 9 m at 1.07 m/s, 1 + 13.89 / 6.1 s and (9 + 6) m at 13.89 m/s, in whole seconds
        assert (clearance.to, clearance.walk_s, clearance.yellow_s, clearance.red_s) == (1, 9, 4, 2)

    def test_that_is_not_selected_is_left_alone(self) -> None:
        signal = check_signal(stored(), TimingRules(), selected=False)
        assert not signal.controlled
        assert signal.phases == ()
        assert codes(signal) == {"not-selected": "info"}

    @pytest.mark.parametrize(
        ("signal", "expected"),
        [
            (stored(GOOD[:2]), {"one-phase": "warning", "unserved": "error"}),
            (stored([("oooo", 9.0)]), {"flashing": "warning"}),
            (stored(()), {"no-program": "error"}),
            (stored([("GGrr", 9.0), ("rrG", 9.0)]), {"unlike-states": "error"}),
            (stored(links=5), {"short-program": "error"}),
            (stored([("GGrr", 9.0), ("rrGx", 9.0)]), {"unknown-letter": "error"}),
            (replace(stored(), railway="rail signal"), {"railway": "info"}),
            (replace(stored(), unjudged=(2,)), {"unknown-conflicts": "error"}),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    def test_that_is_refused_says_why(self, signal: StoredSignal, expected: dict[str, str]) -> None:
        checked = check_signal(signal, TimingRules())
        assert not checked.controlled
        assert checked.phases == ()
        assert codes(checked) == expected
        assert all("J" in f.message for f in checked.findings if f.code != "unserved")

    def test_with_a_conflict_that_nobody_settles_is_refused(self) -> None:
        signal = check_signal(stored(foes=[(0, 1)]), TimingRules())
        assert not signal.controlled
        assert [f.level for f in signal.findings if f.code == "conflicting-greens"] == [
            "error",
            "warning",
        ]

    def test_with_a_conflict_that_the_right_of_way_settles_is_mended(self) -> None:
        signal = check_signal(stored(foes=[(0, 1)], yields=[(1, 0)]), TimingRules())
        assert signal.phases[0].state == "Ggrr"
        assert codes(signal) == {"conflicting-greens": "warning", "mended": "info"}

    @pytest.mark.parametrize(
        ("steps", "crossings", "expected"),
        [
            ([*GOOD[:1], *GOOD[2:]], [], {"no-yellow": "warning"}),
            ([GOOD[0], ("yyrr", 3.0), *GOOD[2:]], [], {"short-yellow": "warning"}),
            ([*GOOD[:2], *GOOD[3:]], [], {"short-red-clearance": "info"}),
            (
                [("GGrr", 6.0), ("Grrr", 20.0), ("yrrr", 4.0), *GOOD[2:]],
                [1],
                {"short-walk": "warning"},
            ),
            (
                [GOOD[0], ("yrrr", 4.0), *GOOD[2:]],
                [1],
                {"short-pedestrian-clearance": "warning"},
            ),
            ([("GGsr", 30.0), ("yysr", 4.0), *GOOD[2:]], [], {"right-on-red": "info"}),
            ([*GOOD, ("oooo", 9.0)], [], {"off": "info"}),
            ([(state[:3] + "r", s) for state, s in GOOD], [], {"unserved": "error"}),
            ([(state + "r", s) for state, s in GOOD], [], {"unused-positions": "info"}),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    def test_with_a_poor_program_is_controlled_and_says_what_is_poor(
        self, steps: list[tuple[str, float]], crossings: list[int], expected: dict[str, str]
    ) -> None:
        signal = check_signal(stored(steps, crossings), TimingRules())
        assert signal.controlled
        assert codes(signal) == expected

    def test_is_judged_by_the_rules_of_the_city(self) -> None:
        short = stored([GOOD[0], ("yyrr", 3.0), *GOOD[3:]])
        assert check_signal(short, TimingRules(yellow_s=3, red_clearance_s=0)).findings == ()
        assert codes(check_signal(short, TimingRules(yellow_s=5))).keys() >= {"short-yellow"}

    def test_tells_what_its_detectors_miss(self) -> None:
        signal = check_signal(stored(), TimingRules(), {"in0_0": 12.0, "in1_0": 150.0})
        assert codes(signal) == {"short-detection": "warning"}
        assert "in0_0 (12 m)" in signal.findings[0].message
        assert "in1_0" not in signal.findings[0].message

    def test_tells_what_surprises(self) -> None:
        signal = replace(stored(kind="actuated"), junctions=("J", "K"))
        assert codes(check_signal(signal, TimingRules())) == {
            "shared-controller": "info",
            "program-type": "info",
        }
        walk = check_signal(stored(crossings=[1]), TimingRules(max_green_s=6))
        assert codes(walk)["walk-over-max-green"] == "warning"
        long = stored(crossings=[1])
        links = tuple(replace(k, length_m=20.0) for k in long.links)
        assert codes(check_signal(replace(long, links=links), TimingRules()))["long-clearance"]

    def test_of_nema_type_is_not_read_as_a_sequence(self) -> None:
        rings = [("GGrr", 5.0), ("rrGG", 5.0)]
        assert codes(check_signal(stored(rings, kind="NEMA"), TimingRules())) == {
            "program-type": "info"
        }

    @given(
        st.lists(
            st.tuples(
                st.text(alphabet="rrgGyusoOYx", min_size=3, max_size=5), st.sampled_from([1.0, 9.0])
            ),
            max_size=6,
        ),
        st.lists(st.integers(0, 4), max_size=2),
        st.sets(st.sampled_from([(0, 1), (1, 2), (0, 3), (2, 3)])),
    )
    def test_is_reported_whatever_is_stored(self, steps, crossings, foes) -> None:
        signal = check_signal(stored(steps, crossings, sorted(foes)), TimingRules())
        assert signal.controlled == bool(signal.phases)
        assert signal.controlled or signal.findings
        levels = ["error", "warning", "info"]
        order = [levels.index(finding.level) for finding in signal.findings]
        assert order == sorted(order)


class TestAReport:
    def test_is_plain_json(self) -> None:
        whole = report("net", [check_signal(stored(), TimingRules())], "abc")
        data = json.loads(json.dumps(whole.to_dict()))
        assert data["signals"][0]["phases"][0]["clearances"][0]["to"] == 1
        assert data["signals"][0]["program"]["steps"][0]["state"] == "GGrr"
        assert data["network_hash"] == "abc"

    def test_of_nothing_says_so(self) -> None:
        assert self.codes(report("net", [])) == ["no-lights"]
        refused = check_signal(replace(stored(), railway="rail signal"), TimingRules())
        assert self.codes(report("net", [refused])) == ["nothing-to-control"]

    def test_names_programs_that_control_nothing(self) -> None:
        whole = report("net", [check_signal(stored(), TimingRules())], stray=["other"])
        assert self.codes(whole) == ["stray-program"]
        assert "other" in whole.findings[0].message

    def test_counts_by_level(self) -> None:
        poor = check_signal(stored([*GOOD[:1], *GOOD[2:]]), TimingRules())
        whole = report("net", [poor, replace(poor, id="A")])
        assert [signal.id for signal in whole.signals] == ["A", "J"]
        assert [whole.count(level) for level in ("error", "warning", "info")] == [0, 2, 0]

    @staticmethod
    def codes(whole: Report) -> list[str]:
        return [finding.code for finding in whole.findings]
