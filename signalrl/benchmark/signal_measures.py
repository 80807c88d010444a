"""What signal engineers read of a signal: Automated Traffic Signal Performance Measures.

The measures are those of Purdue University and the Indiana and Utah departments of transportation:
Day et al., *Performance Measures for Traffic Signal Systems: An Outcome-Oriented Approach* (2014),
and FHWA-HOP-20-002, *Automated Traffic Signal Performance Measures* (2020). There a controller logs
what it does; here everything follows from the states and the detectors, so that the measures mean
the same for any controller. Pure functions.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from signalrl.network.phases import greens, phase_shown
from signalrl.network.timing import GREEN
from signalrl.sumo.course import (
    Approach,
    Occupied,
    Shown,
    SignalCourse,
)

Colour = Literal["green", "yellow", "red"]
How = Literal["gap out", "max out", "cut off"]

GAP_S = 3.0
"""A green of which no vehicle passed the detectors for this long has served its purpose."""
TOLERANCE_S = 0.5
HOWS: tuple[How, ...] = ("gap out", "max out", "cut off")


@dataclass(frozen=True, slots=True)
class Green:
    """A phase that was green.

    Attributes:
        phase: Its index.
        start_s: Begin.
        end_s: End.
        after: The state that followed; empty where the episode ended.
        whole: Whether begin and end lie within the episode.
    """

    phase: int
    start_s: float
    end_s: float
    after: str
    whole: bool

    @property
    def length_s(self) -> float:
        """How long it was."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Ending:
    """How a green ended.

    Attributes:
        phase: Index of the phase.
        time_s: When.
        length_s: How long the green was.
        how: ``gap out`` where nobody followed, ``max out`` at the longest allowed green, else
            ``cut off``.
    """

    phase: int
    time_s: float
    length_s: float
    how: How


@dataclass(frozen=True, slots=True)
class Split:
    """The greens of a phase over an episode; nan where there was none.

    Attributes:
        phase: Its index.
        greens: How many ended within the episode.
        mean_s: Their mean.
        p15_s: 15th percentile.
        p85_s: 85th percentile.
        longest_s: The longest.
        share: Share of the greens that ended in each way, in the order of ``HOWS``.
    """

    phase: int
    greens: int
    mean_s: float
    p15_s: float
    p85_s: float
    longest_s: float
    share: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which a movement has one colour."""

    start_s: float
    end_s: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class Cycle:
    """From the begin of a movement's red to its next one.

    Attributes:
        begin_s: Begin of red.
        green_s: Begin of green.
        yellow_s: End of green.
        end_s: Begin of the next red.
    """

    begin_s: float
    green_s: float
    yellow_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When vehicles came in the cycle of their movement, one entry per vehicle.

    Attributes:
        time_s: When they came.
        in_cycle_s: Time since the begin of the cycle.
        on_green: Whether they came on green.
    """

    time_s: tuple[float, ...]
    in_cycle_s: tuple[float, ...]
    on_green: tuple[bool, ...]


def greens_shown(course: SignalCourse) -> list[Green]:
    """Return the greens of the phases in their order; a state with a phase's greens is the phase.

    Changes are no phase, nor are states that belong to none.
    """
    states = [phase.state for phase in course.phases]
    found: list[Green] = []
    running: tuple[int, float] | None = None
    for start_s, _, state in _spans(course.shown, course.end_s):
        phase = phase_shown(states, state)
        if running is not None and phase != running[0]:
            whole = running[1] > course.begin_s
            found.append(Green(running[0], running[1], start_s, state, whole))
            running = None
        if phase is not None and running is None:
            running = (phase, start_s)
    if running is not None:
        found.append(Green(running[0], running[1], course.end_s, "", False))
    return found


def endings(course: SignalCourse) -> list[Ending]:
    """Return how each green ended, as the detectors show it (Purdue phase termination).

    A green gaps out where no vehicle was on the detectors before its stop lines in the last
    seconds, nor is at a stop line as it ends.

    Args:
        course: The signal.
    """
    found = []
    for green in greens_shown(course):
        if not green.whole:
            continue
        longest_s = course.phases[green.phase].longest_s
        if not _is_wanted(course, green):
            how: How = "gap out"
        elif longest_s is not None and green.length_s >= longest_s - TOLERANCE_S:
            how = "max out"
        else:
            how = "cut off"
        found.append(Ending(green.phase, green.end_s, green.length_s, how))
    return found


def splits(course: SignalCourse) -> list[Split]:
    """Return the greens of each phase (split monitor), those that the episode cuts left out."""
    ended = endings(course)
    return [
        _split(phase, [e for e in ended if e.phase == phase]) for phase in range(len(course.phases))
    ]


def periods(shown: Shown, positions: Iterable[int], end_s: float) -> list[Period]:
    """Return the colours of a movement, which is green where any of its positions is."""
    positions = tuple(positions)
    found: list[Period] = []
    for start_s, until_s, state in _spans(shown, end_s):
        letters = {state[p] for p in positions}
        colour: Colour = (
            "green" if letters & set(GREEN) else "yellow" if letters & {"y", "Y"} else "red"
        )
        if found and found[-1].colour == colour:
            found[-1] = Period(found[-1].start_s, until_s, colour)
        else:
            found.append(Period(start_s, until_s, colour))
    return found


def cycles(shown: Shown, positions: Iterable[int], end_s: float) -> list[Cycle]:
    """Return the whole cycles of a movement, from red to red."""
    found: list[Cycle] = []
    begin_s = green_s = yellow_s = math.nan
    first = True
    for period in periods(shown, positions, end_s):
        if period.colour == "green" and math.isnan(green_s):
            green_s = period.start_s
        if period.colour == "green":
            yellow_s = period.end_s
        if period.colour == "red":
            if not math.isnan(begin_s) and not math.isnan(green_s):
                found.append(Cycle(begin_s, green_s, yellow_s, period.start_s))
            # The red in which an episode begins is older than the episode.
            begin_s = math.nan if first else period.start_s
            green_s = yellow_s = math.nan
        first = False
    return found


def arrivals_on_green(
    approach: Approach, shown: Shown, begin_s: float, end_s: float, bins: int
) -> tuple[list[int], list[int]]:
    """Return the arrivals of an approach and those of them on green, in equal parts of the time."""
    came, green = [0] * bins, [0] * bins
    found = periods(shown, approach.positions, end_s)
    starts = [period.start_s for period in found]
    for time_s in approach.arrival_s:
        if begin_s <= time_s < end_s and starts and time_s >= starts[0]:
            part = min(bins - 1, int((time_s - begin_s) / (end_s - begin_s) * bins))
            came[part] += 1
            green[part] += found[bisect.bisect_right(starts, time_s) - 1].colour == "green"
    return came, green


def coordination(approach: Approach, course: SignalCourse) -> tuple[list[Cycle], Arrivals]:
    """Return the cycles of an approach's main movement and who came when in them.

    This is the Purdue coordination diagram: Day et al. (2010), *Evaluation of Arterial Signal
    Coordination: Methodologies for Visualizing High-Resolution Event Data*.
    """
    found = cycles(course.shown, approach.positions, course.end_s)
    begins = [cycle.begin_s for cycle in found]
    times, since, green = [], [], []
    for time_s in approach.arrival_s:
        index = bisect.bisect_right(begins, time_s) - 1
        if index >= 0 and time_s < found[index].end_s:
            cycle = found[index]
            times.append(time_s)
            since.append(time_s - cycle.begin_s)
            green.append(cycle.green_s <= time_s < cycle.yellow_s)
    return found, Arrivals(tuple(times), tuple(since), tuple(green))


def platoon_ratio(found: Sequence[Cycle], arrivals: Arrivals) -> float:
    """Return the share of arrivals on green over the share of green: 1 where they come at random.

    The platoon ratio of the *Highway Capacity Manual* (6th edition, chapter 19); above 1 the
    platoons meet the green. It is nan where there is no cycle or nobody came.
    """
    cycle_s = sum(cycle.end_s - cycle.begin_s for cycle in found)
    green_s = sum(cycle.yellow_s - cycle.green_s for cycle in found)
    if not arrivals.on_green or green_s <= 0.0:
        return math.nan
    return sum(arrivals.on_green) / len(arrivals.on_green) * cycle_s / green_s


def _spans(shown: Shown, end_s: float) -> Iterator[tuple[float, float, str]]:
    """Yield begin, end and letters of each state."""
    ends = (*shown.time_s[1:], end_s)
    for start_s, until_s, state in zip(shown.time_s, ends, shown.state, strict=True):
        if start_s < end_s:
            yield start_s, min(until_s, end_s), state


def _is_wanted(course: SignalCourse, green: Green) -> bool:
    """Return whether the detectors show that a green that ended was still wanted.

    Lanes count whose green ended; permissive ones don't where there are protected ones, since who
    waits for a gap asks for no more green. Who stands on a lane that serves red movements too may
    want one of those: there it counts who crosses the stop line.
    """
    state = course.phases[green.phase].state
    served = greens(state)
    ended = {p for p in served if green.after[p] not in GREEN} or served
    wanted = {p for p in ended if state[p] == "G"} or ended
    lanes = [lane for lane in course.lanes if wanted & set(lane.positions)]
    alone = [lane for lane in lanes if served >= set(lane.positions)]
    if not alone:
        return any(_has_left(lane.stop, green.end_s - GAP_S, green.end_s) for lane in lanes)
    return any(
        _is_occupied(lane.gap, green.end_s - GAP_S, green.end_s)
        or _is_occupied(lane.stop, green.end_s - TOLERANCE_S, green.end_s)
        for lane in alone
    )


def _has_left(seen: Occupied, start_s: float, end_s: float) -> bool:
    return bisect.bisect_right(seen.left_s, start_s) < bisect.bisect_right(seen.left_s, end_s)


def _is_occupied(seen: Occupied, start_s: float, end_s: float) -> bool:
    """Return whether anybody was on a detector after ``start_s`` and up to ``end_s``."""
    last = bisect.bisect_right(seen.entered_s, end_s) - 1
    return last >= 0 and seen.left_s[last] > start_s


def _split(phase: int, ended: Sequence[Ending]) -> Split:
    if not ended:
        nan = math.nan
        return Split(phase, 0, nan, nan, nan, nan, (nan, nan, nan))
    lengths = np.array([e.length_s for e in ended])
    shares = [sum(e.how == how for e in ended) / len(ended) for how in HOWS]
    p15, p85 = (float(p) for p in np.percentile(lengths, (15, 85)))
    return Split(
        phase,
        len(ended),
        float(lengths.mean()),
        p15,
        p85,
        float(lengths.max()),
        (shares[0], shares[1], shares[2]),
    )
