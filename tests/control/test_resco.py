"""A million requests over the phases of all RESCO maps, every state judged by the monitor."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from signalrl.control.interlock import Interlock, Verdict
from signalrl.control.monitor import Monitor
from signalrl.network.model import Network
from signalrl.network.timing import TimingRules
from tests.control import driving
from tests.control.driving import Requests

REQUESTS = 1_000_000
TIMINGS = {
    "resco": TimingRules(yellow_s=3.0, red_clearance_s=0.0, min_green_s=5.0),
    "auto": TimingRules(),
    "auto and every limit": TimingRules(max_green_s=40.0, max_red_s=90.0, cyclic=True),
}
RUNS = [
    pytest.param(rules, requests, id=f"{name}, {requests.__name__}")
    for (name, rules), requests in itertools.product(TIMINGS.items(), driving.ADVERSARIES)
]


@pytest.mark.parametrize(("rules", "requests"), RUNS)
def test_no_request_ever_makes_a_state_that_is_not_safe(
    resco: Network, rules: TimingRules, requests: Requests
) -> None:
    decisions = math.ceil(REQUESTS / len(RUNS) / len(resco.signals))
    interlock, monitor = Interlock(resco, rules), Monitor(resco, rules)
    rng = np.random.default_rng(1)
    changes = accepted = 0
    time_s = 0.0
    for _ in range(decisions):
        wanted = requests(interlock, interlock.requestable(time_s), rng)
        accepted += interlock.request(wanted, time_s).count(Verdict.ACCEPTED)
        end_s = time_s + rng.choice([1.0, 5.0, 5.0, 10.0])
        while time_s < end_s:
            for signal, state in interlock.advance(time_s):
                assert monitor.check(signal, state, time_s) is None
                changes += 1
            time_s = min(end_s, interlock.next_change_s)
    assert changes > decisions
    assert accepted > decisions
