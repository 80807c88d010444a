from __future__ import annotations

import numpy as np
import pytest

from signalrl.events.courses import egress, ingress
from signalrl.events.sampling import draw_arrivals, draw_egress
from signalrl.events.shapes import Egress, Ingress

NUMBER = 10_000
WITHIN = 4 * 0.5 / np.sqrt(NUMBER)
TIMES_S = np.arange(-9005.0, 60_000.0, 10.0)


@pytest.mark.parametrize("k", [1e-6, 0.05, 0.3, 1.0, 2.0, 1000.0])
def test_visitors_leave_on_the_course_on_which_they_are_drawn(k: float) -> None:
    shape = Egress(delay_s=300.0, k=k, mean_s=1500.0)
    drawn = draw_egress(np.random.default_rng(1), shape, NUMBER, 0.0)
    left = np.searchsorted(drawn, TIMES_S) / NUMBER
    np.testing.assert_allclose(egress(shape)(TIMES_S), left, atol=WITHIN)


@pytest.mark.parametrize(("a", "b"), [(0.05, 2.0), (0.5, 0.1), (5.0, 2.0), (2.0, 1e3), (1e3, 1e3)])
def test_visitors_come_on_the_course_on_which_they_are_drawn(a: float, b: float) -> None:
    shape = Ingress(a=a, b=b, first_s=-9000.0, last_s=900.0)
    drawn = draw_arrivals(np.random.default_rng(1), shape, NUMBER, 0.0, 0.0)
    come = np.searchsorted(drawn, TIMES_S, side="right") / NUMBER
    np.testing.assert_allclose(ingress(shape)(TIMES_S), come, atol=WITHIN)
