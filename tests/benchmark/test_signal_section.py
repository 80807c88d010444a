"""The section about a signal and its pictures: readable, light, and without scripts."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from signalrl.benchmark.figures import Look
from signalrl.benchmark.signal_section import signal_section
from signalrl.sumo.course import SignalCourse
from tests.courses import course, courses, lane, occupied, shown

NAMES = ("fixed", "greedy <1>")
LOOKS = {name: Look.number(i) for i, name in enumerate(NAMES)}


def a_course(shift_s: float = 0.0) -> SignalCourse:
    pairs = [(0.0, "rr")]
    for k in range(40):
        start_s = shift_s + 90.0 * k
        pairs += [(start_s + t, s) for t, s in ((10, "Gr"), (40, "yr"), (45, "rG"), (85, "ry"))]
    arrivals = tuple(float(t) for t in range(0, 3600, 3))
    seen = occupied(*((t, t + 1.0) for t in arrivals))
    return course(shown(*pairs), (lane(0, seen, seen), lane(1)), arrivals, 30.0, 3600.0)


def test_the_section_says_the_same_each_time_and_needs_no_script() -> None:
    found = {name: a_course(5.0 * i) for i, name in enumerate(NAMES)}
    page = signal_section(found, LOOKS)
    assert page == signal_section(found, LOOKS)
    assert "<script" not in page
    assert "greedy &lt;1&gt;" in page
    assert "greedy <1>" not in page
    assert page.count("<figure>") == 4
    assert len(page) < 600_000
    ET.fromstring(f"<div>{page}</div>".replace("xlink:", ""))


@pytest.mark.parametrize("name", NAMES)
def test_a_table_tells_the_phases_of_each_controller(name: str) -> None:
    page = signal_section({name: a_course()}, LOOKS)
    assert "1 EB WB" in page
    assert "30.0" in page


@settings(max_examples=2)
@given(courses(), courses())
def test_any_courses_can_be_drawn(one: SignalCourse, other: SignalCourse) -> None:
    page = signal_section({NAMES[0]: one, NAMES[1]: other}, LOOKS)
    assert page.count("<figure>") == 5
    ET.fromstring(f"<div>{page}</div>".replace("xlink:", ""))


def test_no_course_is_no_section() -> None:
    assert signal_section({}, LOOKS) == ""
