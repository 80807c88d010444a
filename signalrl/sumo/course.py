"""The course of one signal over an episode: what it showed, and what its detectors saw.

Plain data that survives ``dataclasses.asdict`` and JSON; :meth:`SignalCourse.from_dict` is the way
back. Nothing in it belongs to a single vehicle beyond the moment at which a detector saw one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

Times = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """The states of a signal, each shown until the next one.

    Attributes:
        time_s: When each began.
        state: Its letters.
    """

    time_s: Times
    state: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Occupied:
    """When anybody was on a detector: spans that don't touch each other.

    Attributes:
        entered_s: Their begins, ascending.
        left_s: Their ends.
    """

    entered_s: Times
    left_s: Times


@dataclass(frozen=True, slots=True)
class StopLane:
    """A lane before the stop line.

    Attributes:
        lane: Its id.
        positions: Of its links in the signal's state.
        stop: The detector at the stop line.
        gap: The detectors a short drive before it, which tell whether more vehicles follow.
    """

    lane: str
    positions: tuple[int, ...]
    stop: Occupied
    gap: Occupied


@dataclass(frozen=True, slots=True)
class Approach:
    """A road that leads to the signal.

    Attributes:
        edge: Its last edge.
        name: Where its traffic drives: ``NB`` northbound, ``EB``, ``SB``, ``WB``.
        positions: Of its main movement in the signal's state: straight on where it can.
        distance_m: How far before the stop line arrivals are seen, on average.
        arrival_s: When each vehicle would be at the stop line if nothing held it up.
    """

    edge: str
    name: str
    positions: tuple[int, ...]
    distance_m: float
    arrival_s: Times


@dataclass(frozen=True, slots=True)
class PhaseCourse:
    """A phase of the signal.

    Attributes:
        state: Its greens.
        name: Whom it serves, such as ``EB WB left``.
        stored_s: Its green in the program stored with the network, where there is one.
        longest_s: The longest green that was allowed, where there was a limit.
    """

    state: str
    name: str
    stored_s: float | None
    longest_s: float | None


@dataclass(frozen=True, slots=True)
class Stop:
    """A signal of a corridor.

    Attributes:
        signal: Its id.
        distance_m: Driving distance from the first one's stop line, in the forward direction.
        forward: Positions of the corridor's forward movement in its state.
        backward: Of the opposite one; empty where there is none.
        forward_s: Time to drive here from the stop before it, at the speed limit.
        backward_s: Time to drive here from the stop behind it, in the opposite direction.
        shown: What it showed.
    """

    signal: str
    distance_m: float
    forward: tuple[int, ...]
    backward: tuple[int, ...]
    forward_s: float | None
    backward_s: float | None
    shown: Shown


@dataclass(frozen=True, slots=True)
class CorridorCourse:
    """What the signals of a corridor showed.

    Attributes:
        forward: Where traffic drives that passes the stops in their order: ``EB`` ...
        backward: Where the opposite traffic drives.
        stops: The signals in the forward direction.
    """

    forward: str
    backward: str
    stops: tuple[Stop, ...]


@dataclass(frozen=True, slots=True)
class SignalCourse:
    """What one signal did in an episode, and who came.

    Attributes:
        signal: Its id.
        begin_s: Begin of the episode.
        end_s: Its end.
        phases: In the order of the network.
        shown: Its states.
        lanes: The lanes before its stop lines.
        approaches: The roads that lead to it, the busiest first.
        corridor: The signals of the corridor, where there is one.
    """

    signal: str
    begin_s: float
    end_s: float
    phases: tuple[PhaseCourse, ...]
    shown: Shown
    lanes: tuple[StopLane, ...]
    approaches: tuple[Approach, ...]
    corridor: CorridorCourse | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SignalCourse:
        """Build a course from what ``dataclasses.asdict`` made of it, JSON in between or not.

        Raises:
            ValidationError: The data is something else (pydantic's).
        """
        return TypeAdapter(cls).validate_python(data)
