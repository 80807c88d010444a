"""Writes gap-based actuated programs for SUMO, out of the stored ones."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from signalrl.network.model import Network, Program, Signal
from signalrl.network.phases import CHANGING, greens
from signalrl.network.timing import TimingRules, min_green_s

PROGRAM_ID = "signalrl-actuated"
MIN_GREEN_S = 5.0
MAX_GREEN_S = 50.0
MAX_GAP_S = 3.0
JAM_THRESHOLD_S = 30.0
"""Without it SUMO extends only lanes whose links all show ``G``; with it, a vehicle that waits for
a gap on a permissive green stops counting after this time."""


def write_actuated(
    network: Network, rules: TimingRules, path: Path, max_green_s: float = MAX_GREEN_S
) -> Path:
    """Write an additional file in which every controlled signal runs SUMO's ``actuated`` logic.

    The order of the states, yellow and clearance stay as stored. Greens last 5 s (longer where the
    rules or pedestrians ask for it) to ``max_green_s``, and are extended while vehicles come with
    gaps of at most 3 s. Bounds that an actuated program has been stored with are kept.

    Args:
        network: The signals.
        rules: For the minimum green of each phase.
        path: The file to write.
        max_green_s: Longest green of a phase.

    Returns:
        The path.
    """
    root = ET.Element("additional")
    for signal in network.signals:
        program = signal.program
        logic = ET.SubElement(
            root,
            "tlLogic",
            id=signal.id,
            type="actuated",
            programID=PROGRAM_ID,
            offset=f"{program.offset_s:g}",
        )
        ET.SubElement(logic, "param", key="max-gap", value=f"{MAX_GAP_S:g}")
        if any("g" in step.state for step in program.steps):
            ET.SubElement(logic, "param", key="jam-threshold", value=f"{JAM_THRESHOLD_S:g}")
        for step, bounds in zip(
            program.steps, _bounds(signal, program, rules, max_green_s), strict=True
        ):
            times = {"duration": f"{step.duration_s:g}"}
            if bounds is not None:
                times = {
                    "duration": f"{min(max(step.duration_s, bounds[0]), bounds[1]):g}",
                    "minDur": f"{bounds[0]:g}",
                    "maxDur": f"{bounds[1]:g}",
                }
            ET.SubElement(logic, "phase", times, state=step.state)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return path


def _bounds(
    signal: Signal, program: Program, rules: TimingRules, max_green_s: float
) -> list[tuple[float, float] | None]:
    """Return the shortest and longest duration per step; None where it stays as stored."""
    phases = {frozenset(greens(phase.state)): phase.index for phase in signal.phases}
    bounds: list[tuple[float, float] | None] = []
    for step in program.steps:
        phase = phases.get(frozenset(greens(step.state)))
        if phase is None or CHANGING & set(step.state):
            bounds.append(None)
        elif step.min_s < step.max_s:
            bounds.append((step.min_s, step.max_s))
        else:
            shortest = max(MIN_GREEN_S, min_green_s(signal, phase, rules))
            bounds.append((shortest, max(max_green_s, shortest)))
    return bounds
