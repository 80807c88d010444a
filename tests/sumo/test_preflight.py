import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

from signalrl.errors import NetworkError
from signalrl.network.preflight import Report
from signalrl.network.timing import TimingRules
from signalrl.scenario.catalog import load_scenario
from signalrl.sumo.preflight import check_network, check_scenario
from signalrl.sumo.reader import load_net, read_network


def package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    return Path(next(iter(spec.submodule_search_locations or ())))


TOOLS = package("sumo") / "tools"
RESCO = sorted((package("sumo_rl") / "nets/RESCO").glob("*/*.net.xml"))
SHIPPED = sorted(path for path in TOOLS.rglob("*.net.xml*"))
SINGLE = TOOLS / "sumolib/scenario/scenarios/RealWorld/RiLSA_example1/rilsa1.net.xml"


@cache
def check(path: Path) -> Report:
    return check_network(path)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_every_network_gets_a_report_that_agrees_with_the_reader(path: Path) -> None:
    report = check(path)
    ids = [signal.id for signal in report.signals]
    assert ids == sorted(ids)
    controlled = [signal.id for signal in report.signals if signal.controlled]
    if controlled:
        network = read_network(path)
        assert controlled == [signal.id for signal in network.signals]
        assert report.network_hash == network.hash
        assert sorted({*ids} - {*controlled}) == [left for left, _ in network.uncontrolled]
    else:
        assert report.count("error")
        with pytest.raises(NetworkError, match="expected at least one signal"):
            read_network(path)
    for signal in report.signals:
        assert signal.controlled or signal.findings


@pytest.mark.parametrize("path", RESCO, ids=lambda path: path.parent.name)
def test_resco_maps_have_no_errors_under_their_own_rules(path: Path) -> None:
    report = check_network(path, TimingRules(yellow_s=3.0, red_clearance_s=0.0))
    assert all(signal.controlled for signal in report.signals)
    assert report.count("error") == 0
    codes = {finding.code for signal in report.signals for finding in signal.findings}
    assert not codes & {"short-yellow", "short-red-clearance", "no-yellow"}


def codes(path: str) -> dict[str, set[str]]:
    report = check(TOOLS / "game" / path)
    return {signal.id: {finding.code for finding in signal.findings} for signal in report.signals}


def test_finds_what_sumo_warns_of() -> None:
    found = codes("fkk_in/ingolstadt.net.xml.gz")
    assert "unserved" in found["335525545"]
    assert {"no-yellow", "conflicting-greens"} <= found["gneJ21"]


def test_names_signals_without_a_choice() -> None:
    assert "one-phase" in codes("kuehne/kuehne.net.xml")["top0"]


def test_knows_railways_shared_controllers_and_short_walks() -> None:
    found = codes("DRT/osm.net.xml")
    assert found["1906399893"] == {"railway"}
    assert sum("shared-controller" in each for each in found.values()) == 3
    assert "short-walk" in found["1525212345"]


def test_judges_the_plan_of_an_additional_file(tmp_path: Path) -> None:
    plan = tmp_path / "plan.add.xml"
    plan.write_text(
        '<additional><tlLogic id="0" programID="p" type="static" offset="0">'
        '<phase duration="30" state="rrrGGgrrrGGg"/><phase duration="30" state="GGgrrrGGgrrr"/>'
        '</tlLogic><tlLogic id="other"><phase duration="9" state="G"/></tlLogic></additional>'
    )
    report = check_network(SINGLE, additional=[plan], source="mine")
    assert report.source == "mine"
    assert [finding.code for finding in report.findings] == ["stray-program"]
    assert report.signals[0].findings[0].code == "no-yellow"
    assert report.signals[0].program is not None
    assert report.signals[0].program.id == "p"


def test_of_a_selection_leaves_the_rest_alone() -> None:
    path = next(path for path in RESCO if path.parent.name == "cologne3")
    ids = [signal.id for signal in check_network(path).signals]
    report = check_network(path, signals=ids[:1])
    assert [signal.controlled for signal in report.signals] == [True, False, False]
    assert report.network_hash == read_network(path, signals=ids[:1]).hash
    with pytest.raises(NetworkError, match="got 'nobody'"):
        check_network(path, signals=["nobody"])


@pytest.mark.parametrize(
    ("part", "code", "told"),
    [
        ("flows: [{from: n_inn, to: s_out, veh_h: 9}]", "unknown-edge", "did you mean 'n_in'?"),
        ("flows: [{from: s_out, to: n_in, veh_h: 9}]", "no-way", "from 's_out' to 'n_in'"),
        (
            "surges: [{from: n_in, to: {s_out: 1, wout: 2}, vehicles: [1, 2], start_s: [0, 9]}]",
            "unknown-edge",
            "demand.surges.0: expected edges of the network, got 'wout'",
        ),
    ],
)
def test_demand_that_has_no_way_is_found(tmp_path: Path, part: str, code: str, told: str) -> None:
    network = load_scenario("single").network_file
    (tmp_path / "scenario.yaml").write_text(f"network: {network}\ndemand: {{{part}}}\n")
    (finding,) = check_scenario(load_scenario(tmp_path)).findings
    assert (finding.level, finding.code) == ("error", code)
    assert told in finding.message


@pytest.mark.parametrize(
    ("edge", "code", "told"),
    [
        ("n_inn", "unknown-edge", "metering.gates.north: expected edges of the network"),
        ("s_out", "gate-inside", "got 's_out', to which they come from others"),
        ("n_in", "", ""),
    ],
)
def test_gates_that_can_not_stand_there_are_found(
    tmp_path: Path, edge: str, code: str, told: str
) -> None:
    network = load_scenario("single").network_file
    gates = f"{{gates: {{north: {edge}}}, critical_veh: 9, capacity_veh_h: 900}}"
    demand = "{flows: [{from: n_in, to: s_out, veh_h: 9}]}"
    text = f"network: {network}\nmetering: {gates}\ndemand: {demand}\n"
    (tmp_path / "scenario.yaml").write_text(text)
    findings = check_scenario(load_scenario(tmp_path)).findings
    assert [(finding.level, finding.code) for finding in findings] == [("error", code)] * bool(code)
    assert all(told in finding.message for finding in findings)


@pytest.mark.parametrize(("name", "told"), [("arena", ""), ("resco-ingolstadt21", "33 of 55")])
def test_streets_that_a_district_does_not_count_are_told(
    tmp_path: Path, name: str, told: str
) -> None:
    network = load_scenario(name).network_file
    edge = next(e.getID() for e in load_net(network).getEdges() if not e.getIncoming())
    gates = f"{{gates: {{one: '{edge}'}}, critical_veh: 9, capacity_veh_h: 900}}"
    flow = f"{{flows: [{{from: '{edge}', to: '{edge}', veh_h: 9}}]}}"
    text = f"network: {network}\nmetering: {gates}\ndemand: {flow}\n"
    (tmp_path / "scenario.yaml").write_text(text)
    findings = [f for f in check_scenario(load_scenario(tmp_path)).findings if f.code == "core"]
    assert [f.level for f in findings] == ["warning"] * bool(told)
    assert all(told in finding.message for finding in findings)


VENUES = """
zone: Europe/Berlin
venues:
  arena:
    capacity: 100
    car_parks: {park: {spaces: 50, entrances: [ENTRANCE], exits: {n_in: 500}}}
    gates: {west: {inbound: w_in, outbound: w_out, weight: 1}}
"""
EVENTS = """
network: NETWORK
events:
  venues: venues.yaml
  calendars: [a.csv]
  first_day: 2026-05-01
  last_day: 2026-05-31
"""


@pytest.mark.parametrize(
    ("entrance", "code", "told"),
    [
        ("n_outt", "unknown-edge", "got 'n_outt', did you mean 'n_out'?; mend it in venues.yaml"),
        ("n_in", "no-way", "venues.arena.car_parks.park: expected a way from 'w_in' to 'n_in'"),
        ("n_out", "", ""),
    ],
)
def test_visitors_that_have_no_way_are_found(
    tmp_path: Path, entrance: str, code: str, told: str
) -> None:
    network = load_scenario("single").network_file
    (tmp_path / "scenario.yaml").write_text(EVENTS.replace("NETWORK", str(network)))
    (tmp_path / "venues.yaml").write_text(VENUES.replace("ENTRANCE", entrance))
    (tmp_path / "a.csv").write_text("venue,begin\narena,2026-05-09T18:30\nmoon,2026-05-10T18:30\n")
    findings = check_scenario(load_scenario(tmp_path)).findings
    errors = [finding for finding in findings if finding.level == "error"]
    assert [finding.code for finding in errors] == [code] * bool(code)
    assert all(told in finding.message for finding in errors)
    (note,) = (finding for finding in findings if finding.level == "warning")
    assert note.code == "calendar"
    assert "expected a venue of the registry (arena), got 'moon'" in note.message


def test_a_way_for_buses_is_none_for_cars(tmp_path: Path) -> None:
    text = load_scenario("single").network_file.read_text()
    only_buses = re.sub(r'(<lane id="s_out_\d")', r'\1 allow="bus"', text)
    (tmp_path / "bus.net.xml").write_text(only_buses)
    flow = "from: n_in, to: s_out, veh_h: 9"
    vehicles = "vehicles: {car: {}, bus: {vclass: bus}}"
    for mix, codes in (("{car: 1}", ["no-way"]), ("{bus: 1}", []), ("{}", ["no-way"])):
        demand = f"{{{vehicles}, flows: [{{{flow}, mix: {mix}}}]}}"
        (tmp_path / "scenario.yaml").write_text(f"network: bus.net.xml\ndemand: {demand}\n")
        findings = check_scenario(load_scenario(tmp_path)).findings
        found = [finding for finding in findings if finding.code == "no-way"]
        assert [finding.code for finding in found] == codes
        assert all("a vehicle of class passenger" in finding.message for finding in found)


@pytest.mark.parametrize("name", ["arena", "single", "corridor", "rilsa"])
def test_the_demand_of_our_own_environments_has_a_way(name: str) -> None:
    assert check_scenario(load_scenario(name)).findings == ()


@pytest.mark.parametrize("name", ["cologne-concert", "ingolstadt-matchday"])
def test_recorded_traffic_with_events_has_no_error(name: str) -> None:
    """What is left are warnings about the stored programs, which are those of the recorded map."""
    report = check_scenario(load_scenario(name))
    twin = "resco-cologne8" if "cologne" in name else "resco-ingolstadt7"
    assert report.count("error") == 0
    assert report.count("warning") == check_scenario(load_scenario(twin)).count("warning")
    assert "calendar" not in {finding.code for finding in report.findings}
