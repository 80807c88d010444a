"""Reads the signal programs that SUMO would load, from a network and from additional files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from signalrl.errors import NetworkError
from signalrl.network.model import Program, ProgramStep
from signalrl.sumo.xml import read_xml


def stored_programs(net: Any, additional: Iterable[Path | str] = ()) -> dict[str, list[Program]]:
    """Return the programs of each signal in the order of loading: SUMO runs the last one.

    Args:
        net: What sumolib read.
        additional: Further SUMO files; their programs are loaded after those of the network.

    Raises:
        NetworkError: An additional file is missing, is no XML, or has a broken ``tlLogic``.
    """
    programs: dict[str, list[Program]] = defaultdict(list)
    for signal in net.getTrafficLights():
        for program_id, program in signal.getPrograms().items():
            steps = tuple(
                ProgramStep(
                    phase.state,
                    float(phase.duration),
                    float(phase.minDur if phase.minDur >= 0 else phase.duration),
                    float(phase.maxDur if phase.maxDur >= 0 else phase.duration),
                )
                for phase in program.getPhases()
            )
            programs[signal.getID()].append(
                Program(program_id, program.getType(), float(program.getOffset()), steps)
            )
    for path in additional:
        root = read_xml(Path(path), "an additional file of SUMO", NetworkError)
        for logic in root.iter("tlLogic"):
            if logic.find("phase") is not None:
                try:
                    programs[logic.attrib["id"]].append(_program(logic))
                except (KeyError, ValueError) as error:
                    raise NetworkError(
                        f"{path}: expected tlLogic elements as SUMO defines them, got one with "
                        f"a mismatch at {error} (id {logic.get('id')!r}); mend it"
                    ) from error
    return dict(programs)


def _program(logic: ElementTree.Element) -> Program:
    steps = []
    for phase in logic.iter("phase"):
        duration = phase.attrib["duration"]
        steps.append(
            ProgramStep(
                phase.attrib["state"],
                float(duration),
                float(phase.get("minDur", duration)),
                float(phase.get("maxDur", duration)),
            )
        )
    return Program(
        logic.get("programID", "0"),
        logic.get("type", "static"),
        float(logic.get("offset", 0)),
        tuple(steps),
    )
