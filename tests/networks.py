"""Small networks for tests: builders for those written by hand, and strategies for random ones."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from signalrl.network.model import (
    Lane,
    Link,
    Network,
    Phase,
    Program,
    ProgramStep,
    Signal,
    Zone,
    ZonePart,
)
from signalrl.network.phases import greens
from signalrl.network.timing import TimingRules


def way(
    position: int,
    from_lane: str = "in",
    to_lane: str = "out",
    *,
    length_m: float = 12.0,
    speed_m_s: float = 12.2,
    path_speed_m_s: float | None = None,
) -> Link:
    """A vehicle's way through a junction; by default 3 s of yellow and 1.48 s to clear."""
    path_speed_m_s = speed_m_s if path_speed_m_s is None else path_speed_m_s
    return Link(position, from_lane, to_lane, "s", length_m, speed_m_s, path_speed_m_s)


def crosswalk(position: int, length_m: float = 10.7) -> Link:
    """A pedestrian crossing; by default 10 s to clear."""
    return Link(position, "pavement", "crossing", "s", length_m, 2.0, 2.0, crossing=True)


def make_signal(
    name: str,
    states: Sequence[str],
    links: Iterable[Link],
    foes: Iterable[tuple[int, int]] = (),
) -> Signal:
    """A signal with the given phases; positions without a link are obeyed by nobody."""
    size = len(states[0])
    matrix = np.zeros((size, size), dtype=np.bool_)
    for a, b in foes:
        matrix[a, b] = matrix[b, a] = True
    return Signal(
        id=name,
        junctions=(name,),
        links=tuple(sorted(links, key=lambda link: (link.position, link.from_lane, link.to_lane))),
        phases=tuple(Phase(i, state) for i, state in enumerate(states)),
        program=Program(
            "0", "static", 0.0, tuple(ProgramStep(state, 30.0, 30.0, 30.0) for state in states)
        ),
        foes=matrix,
    )


def make_network(
    signals: Iterable[Signal], upstream: Mapping[str, Mapping[str, float]] | None = None
) -> Network:
    """A network of signals; ``upstream`` adds shares of further lanes to stop-line lanes' zones."""
    signals = tuple(sorted(signals, key=lambda signal: signal.id))
    zones = []
    for signal in signals:
        for lane in signal.approach_lanes:
            more = (upstream or {}).get(lane, {})
            parts = {lane: ZonePart(lane, 1.0, 0.0)}
            parts |= {other: ZonePart(other, share, 100.0) for other, share in more.items()}
            zones.append(Zone(signal.id, lane, tuple(parts[key] for key in sorted(parts))))
    lanes = {part.lane for zone in zones for part in zone.parts} | {
        link.to_lane for signal in signals for link in signal.links if not link.crossing
    }
    return Network(
        signals=signals,
        lanes=tuple(Lane(lane, f"edge of {lane}", 100.0, 13.9) for lane in sorted(lanes)),
        zones=tuple(zones),
    )


def junction() -> Network:
    """Two streets that cross, and a crosswalk over the first that walks with the second.

    Positions: 0 the first street, 1 the second, 2 the crosswalk, in conflict with 0.
    """
    links = [way(0, "a", "out a"), way(1, "b", "out b"), crosswalk(2)]
    return make_network([make_signal("A", ["Grr", "rGG"], links, foes=[(0, 1), (0, 2)])])


def three_ways() -> Network:
    """One signal with three streets, of which one may go at a time."""
    links = [way(i, f"in {i}", f"out {i}") for i in range(3)]
    foes = itertools.combinations(range(3), 2)
    return make_network([make_signal("A", ["Grr", "rGr", "rrG"], links, foes)])


_SIZES = st.integers(2, 6)
_PAIRS = list(itertools.combinations(range(6), 2))
_CHOICE_OF_PAIRS = st.integers(0, 2 ** len(_PAIRS) - 1)
_STATES = {
    size: st.lists(st.text("rrGGgs", min_size=size, max_size=size), min_size=2, max_size=6)
    for size in range(2, 7)
}
_POSITIONS = {
    size: st.one_of(
        st.just(list(range(size))), st.lists(st.integers(0, size - 1), min_size=size, max_size=8)
    )
    for size in range(2, 7)
}
_WAYS = st.sampled_from(
    [
        # Length in m, speed limit and speed on the way in m/s; None for a crosswalk.
        (12.0, 13.89, 13.89),
        (7.3, 13.89, 6.51),
        (30.0, 8.33, 3.0),
        (60.0, 27.8, 19.4),
        (1.0, 3.0, 1.0),
        (3.2, None, None),
        (17.9, None, None),
    ]
)
_LINKS = st.lists(st.tuples(_WAYS, st.integers(0, 15)), min_size=8, max_size=8)


@st.composite
def signals(draw: st.DrawFn, name: str = "A") -> Signal:
    """Draw a signal: phases in which no two foes are both protected, all else at random.

    Positions may be shared by several links, crossings and vehicles among them, or have none.
    """
    size = draw(_SIZES)
    chosen = draw(_CHOICE_OF_PAIRS)
    foes = [pair for k, pair in enumerate(_PAIRS) if chosen >> k & 1 and max(pair) < size]
    drawn = [_without_conflict(state, foes) for state in draw(_STATES[size])]
    states = [state for state in dict.fromkeys(drawn) if greens(state)]
    if len(states) < 2:
        states = ["G" + "r" * (size - 1), "r" * (size - 1) + "G"]
    positions = draw(_POSITIONS[size])
    links = []
    for position, ((length_m, speed_m_s, path_speed_m_s), lanes) in zip(
        positions, draw(_LINKS), strict=False
    ):
        if speed_m_s is None and links:
            links.append(crosswalk(position, length_m))
        else:
            link = way(position, f"{name} in {lanes % 4}", f"out {lanes // 4}", length_m=length_m)
            speeds = (speed_m_s, path_speed_m_s) if speed_m_s is not None else (13.89, 13.89)
            links.append(replace(link, speed_m_s=speeds[0], path_speed_m_s=speeds[1]))
    return make_signal(name, states, links, foes)


def _without_conflict(state: str, foes: Iterable[tuple[int, int]]) -> str:
    letters = list(state)
    for a, b in foes:
        if letters[a] == letters[b] == "G":
            letters[b] = "g"
    return "".join(letters)


_NAMED = [signals(name) for name in "ABC"]
_UPSTREAM = st.dictionaries(
    st.sampled_from(["up 0", "up 1"]), st.sampled_from([0.25, 0.5, 1 / 3, 1.0])
)


@st.composite
def networks(draw: st.DrawFn, max_signals: int = 3) -> Network:
    """Draw a network of some signals, with lanes upstream that several zones may share."""
    drawn = [draw(signal) for signal in _NAMED[: draw(st.integers(1, max_signals))]]
    stops = sorted({lane for signal in drawn for lane in signal.approach_lanes})
    return make_network(drawn, {lane: draw(_UPSTREAM) for lane in stops[:3]})


@st.composite
def timing_rules(
    draw: st.DrawFn,
    max_green: bool | None = None,
    max_red: bool | None = None,
    cyclic: bool | None = None,
) -> TimingRules:
    """Draw timing rules; an argument says whether they have that limit, None leaves it open."""
    min_green_s = draw(st.sampled_from([0.0, 1.0, 4.5, 5.0, 10.0]))
    limits_green = draw(st.booleans()) if max_green is None else max_green
    limits_red = draw(st.booleans()) if max_red is None else max_red
    return TimingRules(
        yellow_s=draw(st.sampled_from(["auto", 0.0, 3.0, 3.5])),
        red_clearance_s=draw(st.sampled_from(["auto", 0.0, 1.0, 2.5])),
        min_green_s=min_green_s,
        max_green_s=min_green_s + draw(st.sampled_from([0.0, 7.0, 30.0])) if limits_green else None,
        max_red_s=draw(st.sampled_from([0.0, 30.0, 60.0, 120.0])) if limits_red else None,
        cyclic=draw(st.booleans()) if cyclic is None else cyclic,
    )
