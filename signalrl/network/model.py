"""A road network as a signal controller sees it: signals, links, phases, lanes, detection zones.

Everything here is frozen data with sorted ids. It is read from SUMO by :mod:`signalrl.sumo.reader`,
and from a deployed bundle by :meth:`Network.from_dict`; nothing here knows where it came from.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from signalrl.errors import NetworkError

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane that is measured."""

    id: str
    edge: str
    length_m: float
    speed_m_s: float


@dataclass(frozen=True, slots=True)
class Link:
    """One connection through a junction that a position of the signal's state string controls.

    Attributes:
        position: Index into the state string; several links may share one.
        from_lane: Lane before the stop line.
        to_lane: Lane behind the junction.
        direction: SUMO's letter: ``s`` straight, ``l`` left, ``r`` right, ``t`` turn around ...
        length_m: Length of the path through the junction (of the crossing, for pedestrians).
        speed_m_s: Speed limit of the approach.
        path_speed_m_s: Speed on the path through the junction.
        crossing: Whether this is a pedestrian crossing.
    """

    position: int
    from_lane: str
    to_lane: str
    direction: str
    length_m: float
    speed_m_s: float
    path_speed_m_s: float
    crossing: bool = False


@dataclass(frozen=True, slots=True)
class Phase:
    """A green state that may be requested."""

    index: int
    state: str


@dataclass(frozen=True, slots=True)
class ProgramStep:
    """One line of a stored program."""

    state: str
    duration_s: float
    min_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Program:
    """The program stored for a signal: what runs when nobody controls it."""

    id: str
    type: str
    offset_s: float
    steps: tuple[ProgramStep, ...]


@dataclass(frozen=True, eq=False)
class Signal:
    """A traffic signal: its links, the phases that may be shown, and what conflicts with what.

    Attributes:
        id: SUMO's id of the controller.
        junctions: Junctions that it controls; more than one where they share a controller.
        links: Controlled links, by position.
        phases: Green phases derived from the program, in its order.
        program: The stored program.
        foes: Symmetric ``(positions, positions)`` conflict matrix from the junctions' own foes.
        notes: What was mended on the way from the program to the phases.
    """

    id: str
    junctions: tuple[str, ...]
    links: tuple[Link, ...]
    phases: tuple[Phase, ...]
    program: Program
    foes: BoolArray
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Length of the state string."""
        return len(self.foes)

    @cached_property
    def approach_lanes(self) -> tuple[str, ...]:
        """Vehicle lanes before the stop line, sorted."""
        return tuple(sorted({link.from_lane for link in self.links if not link.crossing}))


@dataclass(frozen=True, eq=False)
class StoredSignal:
    """A signal as its network file stores it, before anything is judged or derived.

    Attributes:
        id: SUMO's id of the controller.
        junctions: Junctions that it controls, sorted.
        links: Controlled links, by position.
        programs: Stored programs in the order of loading; the last one runs.
        foes: Symmetric ``(positions, positions)``, which positions conflict.
        yields: ``(positions, positions)``, which position yields to which.
        railway: What it is where trains obey it (``rail signal`` ...), else empty.
        unjudged: Positions whose conflicts the network does not tell.
    """

    id: str
    junctions: tuple[str, ...]
    links: tuple[Link, ...]
    programs: tuple[Program, ...]
    foes: BoolArray
    yields: BoolArray
    railway: str = ""
    unjudged: tuple[int, ...] = ()

    @property
    def crossings(self) -> frozenset[int]:
        """Positions that only pedestrian crossings obey."""
        vehicles = {link.position for link in self.links if not link.crossing}
        return frozenset(link.position for link in self.links) - vehicles


@dataclass(frozen=True, slots=True)
class ZonePart:
    """A lane, or a share of its traffic, that belongs to a detection zone.

    Attributes:
        lane: Id of the lane.
        share: Share of the lane's traffic that heads for the zone's stop line, in (0, 1].
        offset_m: Distance from the end of the lane to the stop line.
    """

    lane: str
    share: float
    offset_m: float


@dataclass(frozen=True, slots=True)
class Zone:
    """What the detectors of one stop-line lane see: the lane and those upstream of it."""

    signal: str
    lane: str
    parts: tuple[ZonePart, ...]


@dataclass(frozen=True, eq=False)
class Network:
    """The signals under control and the lanes around them, all sorted by id.

    Attributes:
        signals: Signals under control.
        lanes: Every lane that is measured: detection zones and the lanes behind the junctions.
        zones: One per signal and stop-line lane, sorted by signal, then lane.
        uncontrolled: Signals of the network that are left to their program, with the reason.
    """

    signals: tuple[Signal, ...]
    lanes: tuple[Lane, ...]
    zones: tuple[Zone, ...]
    uncontrolled: tuple[tuple[str, str], ...] = ()

    @property
    def max_phases(self) -> int:
        """The largest number of phases of a signal: the padded length of phase axes."""
        return max(len(signal.phases) for signal in self.signals)

    @cached_property
    def lane_index(self) -> dict[str, int]:
        """Position of each lane id on the lane axis of every array."""
        return {lane.id: i for i, lane in enumerate(self.lanes)}

    @cached_property
    def adjacent(self) -> BoolArray:
        """Which signals lie next to each other, ``(S, S)``, symmetric: one leads to the other.

        A signal leads to another where its vehicles drive from the junction into a detection zone
        of the other.
        """
        seen = [
            {part.lane for zone in self.zones if zone.signal == signal.id for part in zone.parts}
            for signal in self.signals
        ]
        leads = np.array(
            [
                [
                    a is not b and any(k.to_lane in lanes for k in a.links)
                    for b, lanes in zip(self.signals, seen, strict=True)
                ]
                for a in self.signals
            ]
        )
        adjacent: BoolArray = leads | leads.T
        return adjacent

    @cached_property
    def hash(self) -> str:
        """SHA-256 over what is controlled and measured: two equal networks agree.

        Signals with their links, phases, conflicts and program count, lanes and zones too; where
        the file lies, notes, and the signals that are left alone do not.
        """
        data = self.to_dict()
        del data["uncontrolled"]
        for signal in data["signals"]:
            del signal["notes"]
        canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the network as plain JSON data; :meth:`from_dict` is its inverse."""
        return {
            "signals": [_signal_to_dict(signal) for signal in self.signals],
            "lanes": [asdict(lane) for lane in self.lanes],
            "zones": [asdict(zone) for zone in self.zones],
            "uncontrolled": [list(pair) for pair in self.uncontrolled],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Network:
        """Build a network from what :meth:`to_dict` returned.

        Raises:
            NetworkError: The data does not describe a network.
        """
        try:
            return cls(
                signals=tuple(_signal_from_dict(item) for item in data["signals"]),
                lanes=tuple(Lane(**item) for item in data["lanes"]),
                zones=tuple(
                    Zone(z["signal"], z["lane"], tuple(ZonePart(**part) for part in z["parts"]))
                    for z in data["zones"]
                ),
                uncontrolled=tuple((a, b) for a, b in data["uncontrolled"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise NetworkError(
                f"expected network data as Network.to_dict() writes it, got a mismatch at {error}; "
                "export the network again with this version"
            ) from error


def _signal_to_dict(signal: Signal) -> dict[str, Any]:
    return {
        "id": signal.id,
        "junctions": list(signal.junctions),
        "links": [asdict(link) for link in signal.links],
        "phases": [phase.state for phase in signal.phases],
        "program": asdict(signal.program),
        "foes": ["".join("1" if foe else "0" for foe in row) for row in signal.foes],
        "notes": list(signal.notes),
    }


def _signal_from_dict(data: dict[str, Any]) -> Signal:
    program = data["program"]
    return Signal(
        id=data["id"],
        junctions=tuple(data["junctions"]),
        links=tuple(Link(**link) for link in data["links"]),
        phases=tuple(Phase(i, state) for i, state in enumerate(data["phases"])),
        program=Program(
            program["id"],
            program["type"],
            program["offset_s"],
            tuple(ProgramStep(**step) for step in program["steps"]),
        ),
        foes=np.array([[c == "1" for c in row] for row in data["foes"]], dtype=np.bool_),
        notes=tuple(data["notes"]),
    )
