from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.benchmark.corridor_measures import Band, bands, progression
from signalrl.benchmark.signal_measures import periods
from signalrl.sumo.course import CorridorCourse, Stop
from tests.courses import corridors, shown


def corridor(drive_s: float) -> CorridorCourse:
    """Two signals, green from 10 to 30 s and from 25 to 45 s."""
    first, then = shown((0, "rr"), (10, "GG"), (30, "rr")), shown((0, "rr"), (25, "GG"), (45, "rr"))
    return CorridorCourse(
        "EB",
        "WB",
        (
            Stop("A", 0.0, (0,), (1,), None, drive_s, first),
            Stop("B", 200.0, (0,), (1,), drive_s, None, then),
        ),
    )


def test_a_band_is_what_meets_the_next_green() -> None:
    found = [b for b in bands(corridor(10.0), 100.0) if not b.through]
    assert found == [Band(0, 1, (15.0, 30.0), (25.0, 40.0), False)]
    assert progression(corridor(10.0), 100.0) == pytest.approx(15 / 20)
    assert progression(corridor(15.0), 100.0) == pytest.approx(1.0)
    assert progression(corridor(10.0), 100.0, backward=True) == 0.0


@given(corridors(), st.booleans())
def test_bands_lie_in_the_greens_of_both_signals(along: CorridorCourse, backward: bool) -> None:
    share = progression(along, 100.0, backward)
    assert math.isnan(share) or 0.0 <= share <= 1.0 + 1e-9
    found = bands(along, 100.0, backward)
    for band in found:
        for index, (start_s, end_s) in ((band.stop, band.leaves), (band.to, band.comes)):
            stop = along.stops[index]
            positions = stop.backward if backward else stop.forward
            assert any(
                p.colour == "green" and p.start_s <= start_s + 1e-9 and end_s <= p.end_s + 1e-9
                for p in periods(stop.shown, positions, 100.0)
            )
        assert band.leaves[1] - band.leaves[0] == pytest.approx(band.comes[1] - band.comes[0])
    through = [b for b in found if b.through]
    assert all(
        any(b.to == t.to and b.comes[0] <= t.comes[0] and t.comes[1] <= b.comes[1] for b in found)
        for t in through
    )
