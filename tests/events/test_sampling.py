from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.events.kinds import KINDS
from signalrl.events.sampling import draw_arrivals, draw_departures, throttled_by
from signalrl.events.shapes import Egress, Stay, Stream

NUMBER = 4000
HOUR_S = 3600.0


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("end_s", [0.0, 600.0, 2 * HOUR_S])
def test_nobody_leaves_before_coming_however_short_the_event(kind: str, end_s: float) -> None:
    random, shapes = np.random.default_rng(1), KINDS[kind]
    come_s = draw_arrivals(random, shapes.arrivals, NUMBER, 0.0, end_s)
    assert (draw_departures(random, shapes.departures, come_s, end_s) >= come_s).all()


def test_who_is_late_to_come_does_not_leave_late() -> None:
    come_s = np.linspace(-HOUR_S, 0.0, NUMBER)
    leave_s = draw_departures(np.random.default_rng(1), Egress(), come_s, 2 * HOUR_S)
    assert abs(np.corrcoef(come_s, leave_s)[0, 1]) < 4 / np.sqrt(NUMBER)


@pytest.mark.parametrize(("hours", "last_h"), [(12.0, 11.0), (2.0, 1.0), (1.0, 0.5)])
def test_a_stream_ends_before_the_event_does(hours: float, last_h: float) -> None:
    random = np.random.default_rng(1)
    come_s = draw_arrivals(random, Stream(hump=0.0), NUMBER, 0.0, hours * HOUR_S)
    assert 0.99 * last_h * HOUR_S < come_s.max() <= last_h * HOUR_S
    assert abs(come_s.mean() / (last_h * HOUR_S) - 0.5) < 4 * np.sqrt(1 / 12 / NUMBER)


def test_stays_are_lognormal_and_all_leave_by_the_end_plus_some_minutes() -> None:
    random, shape = np.random.default_rng(1), Stay(median_s=HOUR_S, sigma=0.5, clearing_s=1800)
    come_s = np.zeros(NUMBER)
    stays = np.log(draw_departures(random, shape, come_s, 1e9) / HOUR_S)
    assert abs(np.median(stays)) < 4 * 1.25 * 0.5 / np.sqrt(NUMBER)
    assert abs(stays.std() / 0.5 - 1.0) < 4 / np.sqrt(2 * NUMBER)
    leave_s = draw_departures(random, shape, come_s, 900.0)
    assert 0.99 * 2700.0 < leave_s.max() <= 2700.0


@given(
    times=st.lists(st.floats(-1e4, 1e4), max_size=40).map(sorted),
    veh_h=st.sampled_from([300, 900.0]),
    seed=st.integers(0, 99),
)
def test_exits_keep_their_headway_and_hold_back_no_more_than_they_must(
    times: list[float], veh_h: float, seed: int
) -> None:
    exits = np.random.default_rng(seed).choice(["a", "b"], len(times))
    left = throttled_by(exits, np.array(times), veh_h)
    headway_s = 3600.0 / veh_h
    for edge in ("a", "b"):
        free_s = -np.inf
        for wanted_s, left_s in zip(
            np.array(times)[exits == edge], left[exits == edge], strict=True
        ):
            free_s = max(free_s + headway_s, wanted_s)
            assert left_s == pytest.approx(free_s, abs=1e-6)
