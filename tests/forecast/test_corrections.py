"""Past evenings correct a forecast: towards what was seen, and no farther than they can say."""

from __future__ import annotations

import shutil
import threading
import time
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalrl.cli import main
from signalrl.errors import ConfigError
from signalrl.events.scoring import detection, threshold_at
from signalrl.forecast.assignment import assign
from signalrl.forecast.corrections import (
    DISTRICT,
    PRIOR_EVENINGS,
    Corrections,
    Evening,
    learn_corrections,
    read_corrections,
    write_corrections,
)
from signalrl.forecast.days import drawn_part
from signalrl.forecast.forecast import outlook, severity
from signalrl.forecast.rehearsal import Rehearsal, cross_validated, rehearse
from signalrl.forecast.traffic import draw_traffic
from signalrl.network.capacity import Capacity, find_movements
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import load_season
from signalrl.sumo.episode import scenario_network
from signalrl.sumo.fresh import run_fresh

NAMES = ("a", "b", "c")
DRAWS = 200


def evening(
    ratio: float = 1.0, problems: tuple[bool, ...] = (False, True, False), seed: int = 0
) -> Evening:
    """An evening before an event, with a severity around 1 at each approach."""
    random = np.random.default_rng(seed)
    foretold = np.array([50.0, 200.0, 80.0])
    severities = np.exp(random.normal(0.0, 0.6, (3, DRAWS)))
    return Evening("ingress", foretold, severities, ratio * foretold, np.array(problems))


def test_who_has_seen_nothing_corrects_nothing() -> None:
    found = learn_corrections(NAMES, [])
    assert (found.queue == 1.0).all()
    assert (found.problem == 1.0).all()
    after = learn_corrections(NAMES, [evening(3.0)])
    assert (after.queue[1] == 1.0).all()  # nobody has seen the end of an event
    assert after.evenings == (1, 0)


@given(st.integers(1, 40), st.floats(0.3, 4.0))
def test_queues_come_near_what_was_seen_the_oftener_it_was(number: int, ratio: float) -> None:
    found = learn_corrections(NAMES, [evening(ratio)] * number).queue[0]
    expected = number / (number + PRIOR_EVENINGS) * np.log(ratio)
    assert np.log(found) == pytest.approx(np.full(3, expected), abs=0.15)
    more = learn_corrections(NAMES, [evening(ratio)] * (number + 1)).queue[0]
    assert (abs(np.log(more)) >= abs(np.log(found)) - 1e-9).all()


@given(st.integers(1, 30), st.integers(0, 1000))
def test_problems_become_likelier_where_they_were(number: int, seed: int) -> None:
    seen = [evening(problems=(False, True, i % 2 == 0), seed=seed + i) for i in range(number)]
    never, always, _ = learn_corrections(NAMES, seen).problem[0]
    assert never < 1.0 < always
    more = [*seen, evening(problems=(False, True, False), seed=seed + number)]
    less_still, more_still, _ = learn_corrections(NAMES, more).problem[0]
    assert less_still < never
    assert more_still > always


def test_evenings_that_are_held_out_are_foretold_better() -> None:
    """Two approaches that look alike to the model, of which one always fails."""
    seen = [evening(problems=(False, True, i % 2 == 0), seed=i) for i in range(20)]
    before, after = cross_validated(NAMES, seen)
    happened = np.array([one.problem for one in seen])
    assert ((after - happened) ** 2).mean() < 0.5 * ((before - happened) ** 2).mean()
    assert (before == np.array([(one.severity > 1.0).mean(axis=1) for one in seen])).all()


def test_a_factor_on_the_queue_is_one_on_the_severity() -> None:
    random = np.random.default_rng(1)
    queue, left = random.uniform(0.0, 40.0, (2, 50))
    assert 3.0 * severity(queue, left, 900.0) == pytest.approx(severity(3.0 * queue, left, 900.0))


def test_a_forecast_is_corrected_where_and_when_it_errs() -> None:
    scenario = load_scenario("arena", settings={"events": {"phases": ["egress"]}})
    season, capacity = load_season(scenario), Capacity(find_movements(scenario_network(scenario)))
    _, part = drawn_part(scenario, season, 3)
    traffic = draw_traffic(scenario, season.registry, part.events, part.window, 20)
    found = assign(scenario, capacity, traffic, turns=1)
    names, ones = capacity.approaches, np.ones((2, len(capacity.approaches)))
    plain = outlook(capacity, found, traffic)
    same = outlook(capacity, found, traffic, corrections=Corrections(names, ones, ones, (9, 9)))
    assert (same.queue == plain.queue).all()
    assert (same.problem == plain.problem).all()

    worse = ones.copy()
    worse[1, 7] = 2.0  # after an event
    look = outlook(capacity, found, traffic, corrections=Corrections(names, worse, ones, (9, 9)))
    others = np.arange(len(names)) != 7
    assert (look.queue[:, others] == plain.queue[:, others]).all()
    assert look.queue[2:, 7] == pytest.approx(2.0 * plain.queue[2:, 7])
    assert (look.problem == plain.problem).all()
    look = outlook(capacity, found, traffic, corrections=Corrections(names, ones, worse, (9, 9)))
    assert (look.queue == plain.queue).all()
    assert look.severity[7] == pytest.approx(2.0 * plain.severity[7])
    assert (
        np.nan_to_num(look.onset_s[7], nan=9e9).sum()
        <= np.nan_to_num(plain.onset_s[7], nan=9e9).sum()
    )

    few = Corrections(names[1:], ones[:, 1:], ones[:, 1:], (9, 9))
    with pytest.raises(ConfigError, match=f"expected those of the approach '{names[0]}'"):
        outlook(capacity, found, traffic, corrections=few)


def test_visitors_come_before_they_leave() -> None:
    scenario = load_scenario("arena")
    season = load_season(scenario)
    _, part = drawn_part(scenario, season, 1)
    traffic = draw_traffic(scenario, season.registry, part.events, part.window, 5)
    phases = traffic.phases(10)
    assert set(phases) <= {-1, 0, 1}
    assert (np.diff(phases) >= 0).all()
    usual = draw_traffic(scenario, season.registry, (), part.window, 5)
    assert (usual.phases(10) == -1).all()


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_evening_is_one_that_is_missing(data: st.DataObject) -> None:
    whole = Rehearsal("A match", 9000, NAMES, evening())
    with TemporaryDirectory() as folder:
        path = Path(folder) / "1.npz"
        whole.write(path)
        content = bytearray(path.read_bytes())
        if data.draw(st.booleans()):
            content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        else:
            del content[data.draw(st.integers(0, len(content) - 1)) :]
        path.write_bytes(content)
        found = Rehearsal.read(path)
        assert found is None or isinstance(found, Rehearsal)


def test_corrections_are_a_table(tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    learned = learn_corrections(NAMES, [evening(2.0), evening(3.0, seed=1)])
    write_corrections(learned, path)
    read = read_corrections(path)
    assert read.places == NAMES
    assert read.evenings == (2, 0)
    assert read.queue == pytest.approx(learned.queue, rel=1e-3)
    assert read.problem == pytest.approx(learned.problem, rel=1e-3)


def test_a_factor_near_nothing_can_be_read_again(tmp_path: Path) -> None:
    path, tiny = tmp_path / "corrections.csv", np.full((2, 1), 1.5e-5)
    write_corrections(Corrections(("a",), tiny, tiny, (40, 40)), path)
    assert read_corrections(path).queue == pytest.approx(tiny)


HEAD = "place,phase,queue,problem,evenings\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected the columns place, phase, queue, problem, evenings, got none"),
        ("a,b\n1,2\n", "got a, b"),
        (HEAD + "a,ingress,0,1,3\n", "line 2: expected a place, a phase"),
        (HEAD + "a,ingress,nan,1,3\n", "line 2"),
        (HEAD + "a,ingress,1,1\n", "line 2"),
        (HEAD + "a,ingress,1,1,-3\n", "line 2"),
        (HEAD + "a,ingress,1,5,1,2,3\na,egress,1,5,1,2,3\n", "line 2"),
        (HEAD + "a,half-time,1,1,3\n", "got a,half-time,1,1,3"),
        (HEAD + "a,ingress,1,1,3\n", "expected each place once before events and once after"),
        (HEAD, "expected each place once"),
        (HEAD + "a,ingress,1,1,3\n" * 2 + "a,egress,1,1,3\n", "line 3: expected each place once"),
    ],
)
def test_a_broken_table_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"corrections\.csv") as caught:
        read_corrections(path)
    assert told in str(caught.value)
    with pytest.raises(ConfigError, match="expected a table of corrections"):
        read_corrections(tmp_path / "missing.csv")


def test_a_threshold_finds_what_it_is_to_find() -> None:
    odds, happened = np.array([0.9, 0.8, 0.1, 0.6]), np.array([True, False, True, True])
    for recall in (0.3, 0.6, 0.9, 1.0):
        threshold = threshold_at(odds, happened, recall)
        assert detection(odds, happened, threshold).recall >= recall
        assert detection(odds, happened, threshold + 1e-9).recall < recall


def test_the_command_learns_from_evenings_and_the_forecast_uses_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "short", tmp_path / "out"
    shutil.copytree(load_scenario("arena").folder, folder)
    file = folder / "scenario.yaml"
    text = file.read_text().replace("end_s: 5400", "end_s: 900")
    text = text.replace("lead_s: {ingress: 4800,", "lead_s: {ingress: 2400,")
    file.write_text(text)
    command = ["rehearse", str(folder), "--evenings", "2", "--draws", "20", "--out", str(out)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "with corrections: found" in said
    assert "corrections of fewer than 10 are rough" in said
    first = Rehearsal.read(out / "evenings" / "1.npz")
    assert first is not None
    assert main(command) == 0  # nothing is driven again
    assert "evening" not in capsys.readouterr().out.partition("problems of")[0]
    text = file.read_text()
    file.write_text(text.replace("  corrections: corrections.csv\n", ""))
    assert main(command) == 0  # nor is it where what was learned is used, or no more
    file.write_text(text)
    (out / "evenings" / "2.npz").write_bytes(b"broken")
    assert Rehearsal.read(out / "evenings" / "2.npz") is None  # would be
    learned = read_corrections(out / "corrections.csv")
    assert first.places[-1] == DISTRICT
    assert learned.places == first.places[:-1]  # it never locked, so of that nothing was learned
    assert sum(learned.evenings) == 2
    assert not (learned.queue == 1.0).all()
    for other in (["--end-s", "600"], ["--draws", "30"]):
        assert main([*command, *other]) == 2
        assert "give another --out" in capsys.readouterr().err
    calendar = folder / "season.ics"
    calendar.write_text(calendar.read_text().replace("Rovers", "Rangers"))
    assert main(command) == 2  # evenings of another calendar
    assert "give another --out" in capsys.readouterr().err
    (out / "rehearsal.json").write_text("{")
    assert main(command) == 2
    assert "expected the terms of a rehearsal" in capsys.readouterr().err

    other = tmp_path / "other"
    other.mkdir()
    (other / "corrections.csv").write_text(HEAD + "a,ingress,1,1,3\na,egress,1,1,3\n")
    shutil.copy(other / "corrections.csv", folder)
    file.write_text(file.read_text().replace("  corrections: corrections.csv\n", ""))
    file.write_text(
        file.read_text().replace("events:\n", "events:\n  corrections: corrections.csv\n", 1)
    )
    assert main(["check", str(folder)]) == 1
    assert "those of another network" in " ".join(capsys.readouterr().out.split())
    shutil.copy(out / "corrections.csv", folder)
    assert main(["check", str(folder)]) == 0
    assert load_scenario(str(folder)).corrections_file == folder / "corrections.csv"
    (folder / "corrections.csv").unlink()
    with pytest.raises(ConfigError, match=r"corrections\.csv"):
        load_scenario(str(folder))


def _rehearse(folder: Path, probability: float) -> None:
    events = {"probability": probability, "phases": ["ingress"], "lead_s": {"ingress": 2400}}
    scenario = load_scenario("arena", settings={"end_s": 900, "events": events})
    rehearse(scenario, 1, 20).write(folder / f"{probability}.npz")


def test_an_evening_that_is_foretold_happens(tmp_path: Path) -> None:
    tasks = (0.0, 1.0)
    list(run_fresh(partial(_rehearse, tmp_path), tasks, 1))
    none, whole = (Rehearsal.read(tmp_path / f"{task}.npz") for task in tasks)
    assert none is not None
    assert whole is not None
    assert none.evening.foretold == pytest.approx(whole.evening.foretold)
    assert none.evening.seen == pytest.approx(whole.evening.seen)


def test_an_evening_that_is_killed_is_told_and_leaves_nothing_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def kill() -> None:
        while not (running := active_children()):
            time.sleep(0.01)
        running[0].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    command = ["rehearse", "arena", "--evenings", "3", "--jobs", "2", "--out", str(tmp_path)]
    assert main(command) == 1
    killer.join()
    assert "its process was killed; the same command goes on" in capsys.readouterr().err
    assert not active_children()
    assert list((tmp_path / "evenings").iterdir()) == []
