from __future__ import annotations

import json
from dataclasses import asdict, replace

from hypothesis import given

from signalrl.sumo.course import SignalCourse
from tests.courses import courses


@given(courses())
def test_a_course_survives_json(course: SignalCourse) -> None:
    assert SignalCourse.from_dict(json.loads(json.dumps(asdict(course)))) == course
    alone = replace(course, corridor=None)
    assert SignalCourse.from_dict(asdict(alone)) == alone
