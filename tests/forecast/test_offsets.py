"""Offsets are judged by the queues at red of another model, which knows how platoons spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from signalrl.forecast.assignment import assign
from signalrl.forecast.offsets import with_offsets
from signalrl.forecast.plans import Designer, SignalPlan
from signalrl.forecast.traffic import Window, draw_traffic
from signalrl.forecast.waves import red_queues
from signalrl.network.capacity import Capacity, find_movements
from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.episode import scenario_network

SCENARIO = load_scenario("corridor", settings={"demand": {"surges": []}})
NETWORK = scenario_network(SCENARIO)
SIGNALS = {signal.id: signal for signal in NETWORK.signals}
RULES = SCENARIO.timing
CAPACITY = Capacity(find_movements(NETWORK))
WINDOW = Window(datetime(2000, 1, 1, tzinfo=UTC), SCENARIO.begin_s, SCENARIO.begin_s + 1800.0)
TURNING = assign(SCENARIO, CAPACITY, draw_traffic(SCENARIO, None, (), WINDOW, 4), 2).turning
VOLUMES = TURNING.flows[0].sum(axis=0)
DESIGNER = Designer(NETWORK, RULES)


def waiting(plans: Mapping[str, SignalPlan]) -> float:
    """Return how many vehicles wait for a green in the mean."""
    programs = {
        name: replace(plan.program(SIGNALS[name], RULES), offset_s=float(plan.offset_s or 0))
        for name, plan in plans.items()
    }
    capacity = Capacity(find_movements(NETWORK, programs))
    return float(red_queues(capacity, TURNING).mean(axis=0).sum())


def test_fewer_wait_with_these_offsets_than_with_others() -> None:
    plans = DESIGNER.design(VOLUMES, DESIGNER.common_cycle_s(DESIGNER.design(VOLUMES)))
    found = with_offsets(NETWORK, RULES, TURNING, CAPACITY, VOLUMES, plans)
    (cycle_s,) = {plan.cycle_s(SIGNALS[name], RULES) for name, plan in found.items()}
    offsets = [plan.offset_s for plan in found.values()]
    assert all(s is not None and 0 <= s < cycle_s for s in offsets)
    assert {n: replace(plan, offset_s=None) for n, plan in found.items()} == plans
    random = np.random.default_rng(0)
    others = [
        waiting({n: replace(p, offset_s=int(random.integers(cycle_s))) for n, p in plans.items()})
        for _ in range(20)
    ]
    assert waiting(found) < 0.9 * np.mean(others)
    assert waiting(found) < 1.02 * min(others)
    # The other way round the wave is that of traffic which drives backwards.
    assert waiting({n: replace(p, offset_s=-(p.offset_s or 0)) for n, p in found.items()}) > min(
        others
    )
    # It is all relative: at another time of the same cycle nothing else is different.
    later = {n: replace(p, offset_s=(p.offset_s or 0) + 20) for n, p in found.items()}
    assert abs(waiting(later) - waiting(found)) < 0.03 * waiting(found)


def test_a_signal_with_a_cycle_of_its_own_has_no_offset() -> None:
    plans = DESIGNER.design(VOLUMES, 80)
    (first, *others), alone = plans, DESIGNER.design(VOLUMES, 70)
    found = with_offsets(NETWORK, RULES, TURNING, CAPACITY, VOLUMES, {**plans, first: alone[first]})
    assert found[first].offset_s is None
    assert all(found[name].offset_s is not None for name in others)
