"""Writes signal programs as SUMO's additional files take them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a program.

    Attributes:
        state: The letters.
        duration_s: How long it lasts where nothing else decides.
        settings: Further attributes of SUMO's ``phase``, such as ``minDur``, by name.
    """

    state: str
    duration_s: float
    settings: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Detector:
    """An induction loop.

    Attributes:
        id: Its id.
        lane: Its lane.
        position_m: Where on the lane it begins.
        length_m: Its length.
    """

    id: str
    lane: str
    position_m: float
    length_m: float


@dataclass(frozen=True, slots=True)
class Logic:
    """The program of one signal.

    Attributes:
        signal: Id of the signal.
        type: SUMO's type of control: ``static``, ``actuated`` ...
        program: Id of the program; SUMO runs the one that is loaded last.
        steps: Its lines.
        offset_s: Offset.
        params: SUMO's parameters of the type, by name.
        conditions: SUMO's named expressions, by name.
        detectors: Induction loops that the program looks at.
    """

    signal: str
    type: str
    program: str
    steps: tuple[Step, ...]
    offset_s: float = 0.0
    params: Mapping[str, float | str] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    detectors: tuple[Detector, ...] = ()


def write_logics(logics: Iterable[Logic], path: Path) -> Path:
    """Write programs as an additional file, in the order of their signals; return its path."""
    root = ET.Element("additional")
    ordered = sorted(logics, key=lambda logic: logic.signal)
    root.extend(_loop(detector) for logic in ordered for detector in logic.detectors)
    root.extend(logic_element(logic) for logic in ordered)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return path


def logic_element(logic: Logic) -> ET.Element:
    """Return a program as SUMO's ``tlLogic``."""
    element = ET.Element(
        "tlLogic",
        id=logic.signal,
        type=logic.type,
        programID=logic.program,
        offset=_text(logic.offset_s),
    )
    for key, value in logic.params.items():
        ET.SubElement(element, "param", key=key, value=_text(value))
    for name, expression in logic.conditions.items():
        ET.SubElement(element, "condition", id=name, value=expression)
    for step in logic.steps:
        settings = {name: _text(value) for name, value in step.settings.items()}
        duration = _text(step.duration_s)
        ET.SubElement(element, "phase", {"duration": duration, **settings}, state=step.state)
    return element


def _loop(detector: Detector) -> ET.Element:
    return ET.Element(
        "inductionLoop",
        id=detector.id,
        lane=detector.lane,
        pos=f"{detector.position_m:.2f}",
        length=f"{detector.length_m:.2f}",
        file="NUL",
    )


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.10g}"
