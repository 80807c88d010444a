"""Courses of a signal, made by hand and at random, for tests that need no SUMO."""

from __future__ import annotations

from hypothesis import strategies as st

from signalrl.sumo.course import (
    Approach,
    CorridorCourse,
    Occupied,
    PhaseCourse,
    Shown,
    SignalCourse,
    Stop,
    StopLane,
)

STATES = ("Gr", "yr", "rr", "rG", "ry")
EMPTY = Occupied((), ())


def shown(*pairs: tuple[float, str]) -> Shown:
    """States with their begins."""
    return Shown(tuple(p[0] for p in pairs), tuple(p[1] for p in pairs))


def occupied(*spans: tuple[float, float]) -> Occupied:
    """A detector with its spans."""
    return Occupied(tuple(s[0] for s in spans), tuple(s[1] for s in spans))


def lane(position: int, stop: Occupied = EMPTY, gap: Occupied = EMPTY) -> StopLane:
    """A lane with one link."""
    return StopLane(f"lane {position}", (position,), stop, gap)


def course(
    states: Shown,
    lanes: tuple[StopLane, ...] = (),
    arrival_s: tuple[float, ...] = (),
    longest_s: float | None = None,
    end_s: float = 100.0,
    corridor: CorridorCourse | None = None,
) -> SignalCourse:
    """A signal of two phases, east-west and north-south."""
    return SignalCourse(
        signal="A",
        begin_s=0.0,
        end_s=end_s,
        phases=(
            PhaseCourse("Gr", "EB WB", 20.0, longest_s),
            PhaseCourse("rG", "NB SB", None, longest_s),
        ),
        shown=states,
        lanes=lanes,
        approaches=(Approach("west", "EB", (0,), 100.0, arrival_s),),
        corridor=corridor,
    )


@st.composite
def states(draw: st.DrawFn, end_s: float = 100.0) -> Shown:
    """Draw states that change on whole seconds, from 0 on."""
    times = sorted(draw(st.sets(st.integers(1, int(end_s) - 1), max_size=20)))
    found = [draw(st.sampled_from(STATES))]
    for _ in times:
        found.append(draw(st.sampled_from([s for s in STATES if s != found[-1]])))
    return Shown((0.0, *map(float, times)), tuple(found))


@st.composite
def detectors(draw: st.DrawFn) -> Occupied:
    """Draw what a detector sees."""
    times = sorted(draw(st.sets(st.integers(0, 999), max_size=20)))
    spans = zip(times[::2], times[1::2], strict=False)
    return occupied(*((a / 10.0, b / 10.0) for a, b in spans))


@st.composite
def courses(draw: st.DrawFn) -> SignalCourse:
    """Draw a signal of two lanes on which traffic arrives, and a corridor of three."""
    arrivals = tuple(sorted(draw(st.lists(st.integers(0, 1100).map(lambda t: t / 10.0)))))
    return course(
        draw(states()),
        tuple(lane(p, draw(detectors()), draw(detectors())) for p in range(2)),
        arrivals,
        draw(st.sampled_from([None, 10.0])),
        corridor=draw(corridors()),
    )


@st.composite
def corridors(draw: st.DrawFn) -> CorridorCourse:
    """Draw three signals at distances of 100 m; the way back may be missing."""
    back = draw(st.booleans())
    drives = st.sampled_from([0.0, 7.5, 20.0])
    return CorridorCourse(
        "EB",
        "WB",
        tuple(
            Stop(
                f"S{k}",
                100.0 * k,
                (0,),
                (1,) if back else (),
                draw(drives) if k else None,
                draw(drives) if back and k < 2 else None,
                draw(states()),
            )
            for k in range(3)
        ),
    )
