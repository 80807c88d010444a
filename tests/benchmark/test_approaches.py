from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalrl.benchmark.approaches import (
    approach_delay_s,
    fairness,
    find_approaches,
    is_gridlocked,
)
from signalrl.sumo.outputs import Edges
from tests.networks import make_network, make_signal, way


def edges(intervals: int = 4, **values: dict[str, list[float]]) -> Edges:
    """Edges by id, each with its columns over intervals of five minutes; zero where not given."""
    ids = tuple(sorted(values))

    def column(name: str) -> np.ndarray:
        rows = [values[edge].get(name, [0.0] * intervals) for edge in ids]
        return np.array(rows, dtype=np.float64).T.reshape(intervals, len(ids))

    begin_s = 300.0 * np.arange(intervals)
    names = ("present_s", "standing_s", "loss_s", "left")
    return Edges(ids, begin_s, begin_s + 300.0, *(column(name) for name in names))


def jammed(intervals: list[int], of: int = 4) -> dict[str, list[float]]:
    present = [900.0 if i in intervals else 0.0 for i in range(of)]
    left = [0.0 if i in intervals else 5.0 for i in range(of)]
    return {"present_s": present, "standing_s": present, "left": left}


def test_an_approach_reaches_as_far_as_its_detectors() -> None:
    links = [way(0, "n", "x"), way(1, "w", "x")]
    signal = make_signal("A", ["Gr", "rG"], links, foes=[(0, 1)])
    network = make_network([signal], {"n": {"u": 1.0, "v": 0.5}, "w": {"v": 0.5}})
    found = {a.edge: a.edges for a in find_approaches(network)}
    assert found == {
        "edge of n": ("edge of n", "edge of u"),
        "edge of w": ("edge of w",),  # v feeds both
    }
    record = edges(
        **{
            "edge of n": {"loss_s": [10, 20, 30, 40], "left": [4, 4, 4, 4]},
            "edge of u": {"loss_s": [100, 0, 0, 0], "left": [9, 9, 9, 9]},
            "edge of w": {"loss_s": [9, 9, 9, 9], "left": [3, 3, 3, 0]},
        }
    )
    # w had nine vehicles, too few to say anything.
    assert approach_delay_s(find_approaches(network), record) == {"edge of n": 200 / 16}


def test_who_still_waits_at_the_end_counts() -> None:
    signal = make_signal("A", ["G"], [way(0, "n", "x")])
    record = edges(
        **{
            "edge of n": {
                "loss_s": [0, 0, 0, 600],
                "left": [8, 8, 0, 0],
                "present_s": [0, 0, 0, 1200],
            }
        }
    )
    found = approach_delay_s(find_approaches(make_network([signal])), record)
    assert found == {"edge of n": 600 / 20}


delays = st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0.01, 1e4), min_size=1)


@given(delays, st.floats(0.1, 10))
def test_evenness_lies_between_one_alone_and_all_alike(x: dict[str, float], scale: float) -> None:
    found = fairness(x)
    assert 1 / len(x) - 1e-9 <= found <= 1 + 1e-9
    assert fairness({k: scale * v for k, v in x.items()}) == pytest.approx(found)
    assert fairness(dict.fromkeys(x, 7.0)) == pytest.approx(1.0)


def test_evenness_by_hand() -> None:
    assert fairness({"a": 10.0, "b": 30.0}) == pytest.approx(1600 / (2 * 1000))
    assert fairness({}) == fairness({"a": 0.0}) == 1.0


def test_two_edges_lock_together_when_nobody_leaves_them_for_two_records() -> None:
    assert is_gridlocked(edges(a=jammed([1, 2]), b=jammed([1, 2, 3])))
    assert not is_gridlocked(edges(a=jammed([1, 2]), b=jammed([1])))  # one is starved
    assert not is_gridlocked(edges(a=jammed([0, 1]), b=jammed([2, 3])))  # one after the other
    assert not is_gridlocked(edges(1, a=jammed([0], 1), b=jammed([0], 1)))


def test_a_parked_or_a_flowing_edge_is_not_locked() -> None:
    few = {"present_s": [299.0] * 4, "standing_s": [299.0] * 4}
    flowing = {"present_s": [900.0] * 4, "standing_s": [100.0] * 4}
    assert not is_gridlocked(edges(a=few, b=few, c=flowing, d=flowing, e=jammed([0, 1])))
