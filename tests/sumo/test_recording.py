"""What SUMO records of a signal: it changes no traffic, and agrees with SUMO's other outputs."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from signalrl.control.controllers import Greedy
from signalrl.env.session import Session
from signalrl.errors import SimulationError
from signalrl.network.timing import TimingRules
from signalrl.sumo.corridor import find_corridor
from signalrl.sumo.course import Shown, SignalCourse
from signalrl.sumo.episode import Outputs, scenario_network
from signalrl.sumo.outputs import read_trips
from signalrl.sumo.reader import load_net
from signalrl.sumo.recording import Recording, read_recording, write_recording
from tests.scenarios import short

SIGNAL = "j3"
KINDS = ("ours", "sumo")
Recorded = tuple[Path, SignalCourse, list[tuple[float, str]]]


def run(
    folder: Path, kind: str, minutes: float = 6.0
) -> tuple[Recording, SignalCourse, list[tuple[float, str]]]:
    """Record a signal; return the course and the states that the plant told, second by second."""
    scenario = short("corridor", minutes)
    network, net = scenario_network(scenario), load_net(scenario.network_file)
    recording = write_recording(
        net,
        network,
        SIGNAL,
        folder,
        corridor=find_corridor(net, network),
        rules=scenario.timing if kind == "ours" else None,
    )
    index = [signal.id for signal in network.signals].index(SIGNAL)
    told = []
    with Session(
        scenario,
        backend="libsumo",
        network=network,
        outputs=Outputs(folder, details=True),
        additional=(recording.additional,),
    ) as session:
        if kind == "ours":
            greedy, seen, ended = Greedy(), session.reset(1), False
            while not ended:
                told.append((session.plant.time_s, session.plant.shown()[index]))
                step = session.step(greedy.decide(seen))
                seen, ended = step.observation, step.ended
        else:
            plant = session.start(1)
            while not plant.ended:
                told.append((plant.time_s, plant.shown()[index]))
                plant.advance(plant.time_s + 5.0)
        session.stop()
    return recording, read_recording(recording, scenario.begin_s, scenario.end_s), told


@pytest.fixture(scope="module", params=KINDS)
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp(request.param)
    return folder, *run(folder, request.param)[1:]


def state_at(shown: Shown, time_s: float) -> str:
    return next(
        s for t, s in zip(reversed(shown.time_s), reversed(shown.state), strict=True) if t < time_s
    )


def test_the_states_are_those_that_sumo_tells(recorded: Recorded) -> None:
    _, course, told = recorded
    assert len(told) == 72
    # What is told is what was shown in the second before, until somebody sets a state.
    assert all(state_at(course.shown, t) == state for t, state in told[1:])
    assert course.shown.time_s[0] == course.begin_s
    assert len(set(course.shown.state)) > 4


def test_the_detectors_count_the_vehicles_that_sumo_counts(recorded: Recorded) -> None:
    folder, course, _ = recorded
    left: dict[str, float] = defaultdict(float)
    for edge in edges(folder):
        left[edge.attrib["id"]] += float(edge.attrib.get("left", 0))
    counted = sum(len(lane.stop.entered_s) for lane in course.lanes)
    passed = sum(left[approach.edge] for approach in course.approaches)
    assert passed > 50
    assert passed <= counted <= passed + len(course.lanes)
    arrived = sum(len(approach.arrival_s) for approach in course.approaches)
    assert passed <= arrived <= passed + 80
    for lane in course.lanes:
        spans = list(zip(lane.gap.entered_s, lane.gap.left_s, strict=True))
        assert all(a <= b for a, b in spans)
        assert all(a[1] < b[0] for a, b in pairwise(spans))


def test_the_corridor_is_recorded_with_it(recorded: Recorded) -> None:
    _, course, _ = recorded
    assert course.corridor is not None
    assert len(course.corridor.stops) == 5
    shown = next(s.shown for s in course.corridor.stops if s.signal == SIGNAL)
    assert shown == course.shown


def test_no_vehicle_can_be_told_from_a_course(recorded: Recorded) -> None:
    folder, course, _ = recorded
    ids = {e.attrib["id"] for e in ET.parse(folder / "tripinfo.xml").getroot()}
    assert len(ids) > 100
    assert not any(name in repr(course) for name in ids)


def edges(folder: Path) -> list[ET.Element]:
    return [e for e in ET.parse(folder / "edges.xml").getroot().iter() if e.tag == "edge"]


PROGRAM = """
import sys
from itertools import pairwise
from pathlib import Path
from tests.sumo.test_recording import run
from tests.scenarios import short
from signalrl.control.controllers import Greedy
from signalrl.env.session import Session
from signalrl.sumo.episode import Outputs

folder, kind, records = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "records"
if records:
    run(folder, kind, minutes=4)
else:
    with Session(short("corridor", 4), backend="libsumo", outputs=Outputs(folder)) as session:
        if kind == "ours":
            greedy, seen, ended = Greedy(), session.reset(1), False
            while not ended:
                step = session.step(greedy.decide(seen))
                seen, ended = step.observation, step.ended
        else:
            plant = session.start(1)
            while not plant.ended:
                plant.advance(plant.time_s + 5.0)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_recording_changes_no_traffic(kind: str, tmp_path: Path) -> None:
    hashes = []
    for what in ("records", "plain"):
        folder = tmp_path / what
        folder.mkdir()
        # A simulation repeats itself only in a fresh process.
        subprocess.run([sys.executable, "-c", PROGRAM, str(folder), kind, what], check=True)
        hashes.append(read_trips(folder / "tripinfo.xml").sha256)
    assert hashes[0] == hashes[1]


def test_a_record_that_breaks_off_is_refused(tmp_path: Path) -> None:
    recording, _, _ = run(tmp_path, "sumo", minutes=1.0)
    whole = recording.loops.read_text()
    recording.loops.write_text(whole[: len(whole) // 2])
    with pytest.raises(SimulationError, match="expected a complete output"):
        read_recording(recording, 0.0, 60.0)
    recording.loops.write_text(whole)
    recording.states.unlink()
    with pytest.raises(SimulationError, match="expected a complete output"):
        read_recording(recording, 0.0, 60.0)


def test_limits_are_told_of_what_runs(tmp_path: Path) -> None:
    scenario = short("corridor")
    network, net = scenario_network(scenario), load_net(scenario.network_file)
    ours = write_recording(net, network, SIGNAL, tmp_path, rules=TimingRules(max_green_s=40.0))
    assert [p.longest_s for p in ours.phases] == [40.0] * 4
    stored = write_recording(net, network, SIGNAL, tmp_path)
    assert [p.longest_s for p in stored.phases] == [None] * 4
    assert [p.stored_s for p in stored.phases] == [42.0, 8.0, 17.0, 8.0]
