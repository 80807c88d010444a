"""What is read from SUMO's outputs: figures worked out by hand on files written by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from signalrl.errors import SimulationError
from signalrl.sumo.episode import Outputs
from signalrl.sumo.outputs import read_edges, read_metrics, read_trips, resco_delay_s

TRIP = (
    '<tripinfo id="{id}" depart="{depart}" departDelay="{waited}" arrival="{arrival}" '
    'duration="{duration}" routeLength="{length}" waitingTime="{stood}" waitingCount="{stops}" '
    'timeLoss="{loss}">{more}</tripinfo>'
)
CO2 = '<emissions CO2_abs="{mg}"/>'
STATISTIC = """<statistics>
<performance begin="0.00" end="{end}" duration="{end}"/>
<vehicles loaded="5" inserted="3" running="1" waiting="2"/>
<teleports total="1"/><safety collisions="2"/>
</statistics>"""


def trip(
    name: str,
    depart: float,
    waited: float,
    arrival: float = -1,
    loss: float = 0,
    **more: float,
) -> str:
    values = {"duration": 0.0, "length": 0.0, "stood": 0.0, "stops": 0, "mg": math.nan, **more}
    emissions = "" if math.isnan(values["mg"]) else CO2.format(mg=values["mg"])
    own = {"id": name, "depart": depart, "waited": waited, "arrival": arrival, "loss": loss}
    return TRIP.format(**own, **values, more=emissions)


FINISHED = trip("a", 10, 2, 70, 20, duration=60, length=600, stood=8, stops=1, mg=120_000)
UNFINISHED = trip("b", 40, 0, -1, 30, duration=60, length=300, stood=25, stops=3, mg=60_000)
LAST = trip("c", 50, 5, 90, 4, duration=40, length=600, stood=0, stops=0, mg=120_000)
BLOCKED = trip("d", -1, 80)  # was to depart at 20, when c, the last that did, was not due yet
NEVER = trip("e", -1, 30)  # was to depart at 70


def write(folder: Path, *trips: str, end: int = 100) -> Outputs:
    folder.mkdir(exist_ok=True)
    outputs = Outputs(folder)
    outputs.tripinfo.write_text(f"<tripinfos>{''.join(trips)}</tripinfos>")
    outputs.statistic.write_text(STATISTIC.format(end=end))
    return outputs


def test_every_scheduled_vehicle_counts(tmp_path: Path) -> None:
    found = read_metrics(write(tmp_path, FINISHED, UNFINISHED, LAST, BLOCKED, NEVER))
    assert (found.vehicles, found.arrived, found.unfinished, found.undeparted) == (5, 2, 1, 2)
    assert found.mean_delay_s == (22 + 30 + 9 + 80 + 30) / 5
    assert found.median_delay_s == 30
    assert found.mean_travel_time_s == (62 + 60 + 45 + 80 + 30) / 5
    assert found.mean_waiting_s == (8 + 25) / 5
    assert found.mean_stops == 4 / 5
    assert found.co2_g_km == pytest.approx(300 / 1.5)
    assert (found.teleports, found.collisions) == (1, 2)


def test_rescos_delay_by_hand(tmp_path: Path) -> None:
    found = read_metrics(write(tmp_path, FINISHED, UNFINISHED, LAST, BLOCKED, NEVER))
    # Time loss and departure delay of the three that entered, 100 - 70 for the one that was to
    # depart after the last of them; the one whose road was blocked before is missing.
    assert found.resco_delay_s == pytest.approx((20 + 2 + 30 + 4 + 5 + 30) / 4)


def test_rescos_delay_is_ours_where_everybody_enters(tmp_path: Path) -> None:
    found = read_metrics(write(tmp_path, FINISHED, UNFINISHED, LAST))
    assert found.resco_delay_s == pytest.approx(found.mean_delay_s)


def test_rescos_delay_where_nobody_enters(tmp_path: Path) -> None:
    outputs = write(tmp_path, BLOCKED, NEVER)
    assert resco_delay_s(read_trips(outputs.tripinfo), 100.0) == 55.0


def test_what_was_not_recorded_is_not_made_up(tmp_path: Path) -> None:
    assert read_metrics(write(tmp_path, trip("a", 10, 2, 70, 20, length=600))).co2_g_km is None


def test_the_hash_follows_the_traffic(tmp_path: Path) -> None:
    one = read_trips(write(tmp_path, FINISHED, LAST).tripinfo).sha256
    assert read_trips(write(tmp_path, FINISHED, LAST).tripinfo).sha256 == one
    other = FINISHED.replace('timeLoss="20"', 'timeLoss="21"')
    assert read_trips(write(tmp_path, other, LAST).tripinfo).sha256 != one


def test_an_episode_without_traffic_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="at least one scheduled vehicle"):
        read_metrics(write(tmp_path))


def test_an_output_that_was_cut_off_is_an_error(tmp_path: Path) -> None:
    outputs = write(tmp_path, FINISHED)
    outputs.tripinfo.write_text("<tripinfos><tripinfo")
    with pytest.raises(SimulationError, match="run the episode again"):
        read_metrics(outputs)


def test_edges_come_as_intervals_by_edges(tmp_path: Path) -> None:
    path = tmp_path / "edges.xml"
    path.write_text(
        '<meandata><interval begin="0" end="300" id="x">'
        '<edge id="b" sampledSeconds="30" waitingTime="10" timeLoss="12" left="4"/></interval>'
        '<interval begin="300" end="600" id="x"><edge id="a" sampledSeconds="5" left="1"/>'
        "</interval></meandata>"
    )
    edges = read_edges(path)
    assert edges.ids == ("a", "b")
    assert edges.begin_s.tolist() == [0, 300]
    assert edges.end_s.tolist() == [300, 600]
    assert edges.present_s.tolist() == [[0, 30], [5, 0]]
    assert edges.standing_s.tolist() == [[0, 10], [0, 0]]
    assert edges.loss_s.tolist() == [[0, 12], [0, 0]]
    assert edges.left.tolist() == [[0, 4], [1, 0]]


@pytest.mark.parametrize("behind", ["b", "z"])  # "z": nobody has got there
def test_what_was_lost_on_a_road_left_out_is_lost_behind_it(tmp_path: Path, behind: str) -> None:
    path = tmp_path / "edges.xml"
    path.write_text(
        '<meandata><interval begin="0" end="300" id="x">'
        '<edge id="b" sampledSeconds="30" waitingTime="10" timeLoss="12" left="4"/>'
        '<edge id="gate" sampledSeconds="90" waitingTime="70" timeLoss="80" left="2"/>'
        "</interval></meandata>"
    )
    edges = read_edges(path).without({"gate": behind, "never": "c"})
    column = edges.ids.index(behind)
    others = edges.present_s, edges.standing_s, edges.left
    assert edges.ids == tuple(sorted({"b", behind}))
    assert edges.loss_s.sum() == 92
    assert edges.loss_s[0, column] == (92 if behind == "b" else 80)
    assert [one.sum() for one in others] == [30, 10, 4]
