from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalrl.errors import ConfigError
from signalrl.events.event_days import DIRECTIONS, detectors_of, event_days
from signalrl.events.history import Counts, Series, read_counts
from tests.events.histories import ROADS, changed, days_of, history, registry, weekly

REGISTRY = registry()
HEAD = "time,detector,vehicles\n"


def read(folder: Path, text: str | bytes, interval_s: float | None = None) -> Counts:
    path = folder / "counts.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_counts(path, REGISTRY, interval_s)


def test_rows_in_any_order_zone_and_column_are_one_series(tmp_path: Path) -> None:
    rows = "vehicles;detector;time;\n".replace("time;", "time")
    rows += "3;n_in;2026-05-09T18:05\n4;n_in;2026-05-09T16:00:00Z\n0;n_in;2026-05-09T18:10+02:00\n"
    counts = read(tmp_path, rows)
    assert counts.interval_s == 300
    assert counts.notes == ()
    assert counts.series["n_in"].vehicles.tolist() == [4, 3, 0]
    assert counts.first == datetime(2026, 5, 9, 16, tzinfo=UTC)
    assert counts.last == datetime(2026, 5, 9, 16, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("2026-05-09T19:00,n_in,many", "a number of vehicles"),
        ("2026-05-09T19:00,n_in,-1", "0 to 100000"),
        ("2026-05-09T19:00,n_in,nan", "0 to 100000"),
        ("2026-05-09T19:00,n_in,", "a number of vehicles"),
        ("seven,n_in,1", "expected a time such as"),
        ("0001-01-01T00:00,n_in,1", "expected a time"),
        ("0001-01-01T00:00:00Z,n_in,0", "expected a time of the years 1970 to 2199"),
        ("9999-12-31T23:55:00Z,n_in,0", "expected a time of the years 1970 to 2199"),
        ("2026-05-09T18:00,n_in,1", "one row for a detector and time"),
        ("2026-05-09T19:00,n_in", "expected 3 cells"),
        ("2026-05-09T19:00,n_in,1,2", "expected 3 cells"),
        ("2026-05-09T19:00,elsewhere,1", "a road of a venue"),
        ("2026-05-09T18:02,n_in,1", "got 1 at other times"),
        ("2026-03-29T02:30,n_in,1", "a time that the clocks show"),
    ],
)
def test_a_broken_row_is_noted_and_the_rest_is_read(tmp_path: Path, row: str, why: str) -> None:
    good = [f"2026-05-09T18:{minute:02d},n_in,5" for minute in (0, 5, 10, 15)]
    counts = read(tmp_path, HEAD + "\n".join([*good[:2], row, *good[2:]]))
    assert counts.series["n_in"].vehicles.tolist() == [5, 5, 5, 5]
    (note,) = counts.notes
    assert why in note.message


def test_commas_begin_decimals_where_semicolons_separate(tmp_path: Path) -> None:
    cells = ["987", "98,5", "98.5", "0,125", "0.125", "1.234", "12.345.678"]
    rows = (f"2026-05-09T18:{5 * i:02d};n_in;{cell}" for i, cell in enumerate(cells))
    counts = read(tmp_path, "time;detector;vehicles\n" + "\n".join(rows))
    assert counts.series["n_in"].vehicles.tolist() == [987, 98.5, 98.5, 0.125, 0.125]
    assert [note.entry for note in counts.notes] == ["line 7", "line 8"]
    assert all("expected thousands without a point" in note.message for note in counts.notes)


def test_points_begin_decimals_where_commas_separate(tmp_path: Path) -> None:
    rows = '2026-05-09T18:00,n_in,1.234\n2026-05-09T18:05,n_in,5\n2026-05-09T18:10,n_in,"1,5"\n'
    counts = read(tmp_path, HEAD + rows)
    assert counts.series["n_in"].vehicles.tolist() == [1.234, 5]
    (note,) = counts.notes
    assert "expected a number of vehicles, got '1,5'" in note.message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected a header with time, detector, vehicles, each once, got none"),
        ("time,detector\n", "got time, detector;"),
        ("time,detector,vehicles,time\n", "got time, detector, vehicles, time"),
        (HEAD, "expected counts at a road of a venue"),
        (HEAD + "2026-05-09T18:00,elsewhere,1\n", "expected counts at a road of a venue"),
        (HEAD + "2026-05-09T18:00,n_in,1\n", "several intervals"),
        (HEAD + "2026-05-09T18:00,n_in,1\n2026-05-09T20:00,n_in,1\n", "60 to 3600 s"),
        (HEAD + '2026-05-09T18:00,"n_in,1\n', "expected CSV"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_a_broken_file_is_an_error_that_says_what_to_do(
    tmp_path: Path, text: str | bytes, why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        read(tmp_path, text)
    with pytest.raises(ConfigError, match="look at the path"):
        read_counts(tmp_path / "none.csv", REGISTRY)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=40),
            st.tuples(
                st.one_of(st.datetimes().map(str), st.text(max_size=12)),
                st.sampled_from(["n_in", "s_out", "x", ""]),
                st.one_of(st.floats().map(str), st.integers().map(str), st.text(max_size=4)),
            ).map(",".join),
        ),
        max_size=12,
    )
)
def test_no_file_does_more_than_fail(tmp_path: Path, rows: list[str]) -> None:
    try:
        counts = read(tmp_path, (HEAD + "\n".join(rows)).encode("utf-8", "surrogatepass"))
    except ConfigError:
        return
    for series in counts.series.values():
        assert (np.diff(series.begin_s) >= counts.interval_s).all()
        assert (series.vehicles >= 0).all()


def test_rows_without_a_time_are_no_counts(tmp_path: Path) -> None:
    rows = HEAD + "15.08.2026 15:30,n_in,5\n15.08.2026 15:35,n_in,5\n"
    for interval_s in (None, 300.0):
        with pytest.raises(ConfigError, match=r"got none \(expected a time such as"):
            read(tmp_path, rows, interval_s)
    good = "2026-05-09T18:00,n_out,5\n2026-05-09T18:05,n_out,5\n"
    assert list(read(tmp_path, rows + good).series) == ["n_out"]


def test_the_night_on_which_clocks_are_set_back_has_an_hour_twice(tmp_path: Path) -> None:
    times = [f"2026-10-25T{hour:02d}:{m:02d}" for hour in (1, 2, 2, 3) for m in (0, 15, 30, 45)]
    rows = "\n".join(f"{time},n_in,{i}" for i, time in enumerate(times))
    series = read(tmp_path, HEAD + rows).series["n_in"]
    assert series.vehicles.tolist() == list(range(16))
    assert (np.diff(series.begin_s) == 900).all()


@pytest.mark.parametrize("broken", range(4, 12))
def test_a_broken_row_of_an_hour_that_is_there_twice_moves_no_other(
    tmp_path: Path, broken: int
) -> None:
    times = [f"2026-10-25T{hour:02d}:{m:02d}" for hour in (1, 2, 2, 3) for m in (0, 15, 30, 45)]
    rows = [f"{time},n_in,{i}" for i, time in enumerate(times)]
    whole = read(tmp_path, HEAD + "\n".join(rows)).series["n_in"].begin_s
    rows[broken] = f"{times[broken]},n_in,many"
    series = read(tmp_path, HEAD + "\n".join(rows)).series["n_in"]
    kept = [i for i in range(16) if i != broken]
    assert series.vehicles.tolist() == kept
    assert series.begin_s.tolist() == whole[kept].tolist()


def test_the_night_on_which_clocks_are_set_forward_lacks_an_hour(tmp_path: Path) -> None:
    times = [f"2026-03-29T{hour:02d}:{m:02d}" for hour in (1, 3) for m in (0, 15, 30, 45)]
    series = read(tmp_path, HEAD + "\n".join(f"{time},n_in,1" for time in times)).series["n_in"]
    assert (np.diff(series.begin_s) == 900).all()


def rows_of(detector: str, minutes: int, *days: int, gaps: tuple[int, ...] = ()) -> str:
    """Rows of days of May, every so many minutes, without those of some numbers."""
    return "".join(
        f"2026-05-{day:02d}T{at // 60:02d}:{at % 60:02d},{detector},{minutes}\n"
        for day in days
        for number, at in enumerate(range(0, 1440, minutes))
        if number not in gaps
    )


@pytest.mark.parametrize(
    ("others", "why"),
    [
        (
            rows_of("n_in", 15, 1, 2),
            "got 900 on 2 of 4 days, at last on 2026-05-02",
        ),
        (rows_of("n_in", 60, 9), "got 3600 on 1 of 3 days, at last on 2026-05-09"),
        (rows_of("n_in", 15, 1, gaps=tuple(range(0, 96, 3))), "got 900 on 1 of 3 days"),
        (rows_of("s_out", 60, 1, 2, 3, 4), "got 3600 on 4 of 4 days, at last on 2026-05-04"),
        (rows_of("s_out", 1, 1), "got 60 on 1 of 1 days, at last on 2026-05-01"),
    ],
)
def test_days_of_another_interval_are_left_out(tmp_path: Path, others: str, why: str) -> None:
    own = rows_of("n_in", 5, 3, 4) + rows_of("n_out", 5, 1, 2, 3, 4)
    expected, counts = read(tmp_path, HEAD + own), read(tmp_path, HEAD + others + own)
    assert counts.interval_s == expected.interval_s == 300
    assert list(counts.series) == list(expected.series)
    for detector, series in expected.series.items():
        assert counts.series[detector].begin_s.tolist() == series.begin_s.tolist()
    (note,) = counts.notes
    assert note.entry == others.split(",")[1]
    assert f"expected intervals of 300 s, {why}" in note.message


@pytest.mark.parametrize(
    "gaps",
    [
        tuple(range(0, 288, 4)),
        tuple(range(100, 200)),
        tuple(range(1, 288)),
    ],
)
def test_a_day_with_gaps_keeps_its_interval(tmp_path: Path, gaps: tuple[int, ...]) -> None:
    """Even one with a single row, of which no distance tells."""
    counts = read(tmp_path, HEAD + rows_of("n_in", 5, 1, 2) + rows_of("n_in", 5, 3, gaps=gaps))
    assert counts.notes == ()
    assert len(counts.series["n_in"].begin_s) == 3 * 288 - len(gaps)


def test_another_interval_can_be_asked_for(tmp_path: Path) -> None:
    text = HEAD + rows_of("n_in", 15, 1) + rows_of("n_in", 5, 2, 3)
    counts = read(tmp_path, text, 900.0)
    assert len(counts.series["n_in"].begin_s) == 96
    assert "expected intervals of 900 s, got 300 on 2 of 3 days" in counts.notes[0].message
    with pytest.raises(ConfigError, match=r"expected intervals of 60 s, got none .*got 900 on"):
        read(tmp_path, HEAD + rows_of("n_in", 15, 1), 60.0)


def without(counts: Counts, detector: str, part: slice) -> Counts:
    series = dict(counts.series)
    kept = np.ones(len(series[detector].begin_s), bool)
    kept[part] = False
    series[detector] = Series(series[detector].begin_s[kept], series[detector].vehicles[kept])
    return Counts(counts.interval_s, series, ())


def test_what_is_missing_is_not_zero() -> None:
    events = weekly(1, REGISTRY)
    whole = history(REGISTRY, events)
    at = int((events[0].begin.timestamp() - whole.first.timestamp()) / 300)
    gap = without(whole, "n_in", slice(at - 10, at - 4))
    (day,), notes = event_days(gap, REGISTRY, events)
    assert day.arrivals is not None
    assert np.isnan(day.arrivals.counts).sum() == 6
    assert notes == ()
    gone = without(without(whole, "n_in", slice(at - 30, at)), "s_in", slice(at - 30, at))
    (day,), (note,) = event_days(gone, REGISTRY, events)
    assert day.arrivals is None
    assert day.departures is not None
    assert "75%" in note.message


def test_a_gap_at_the_peak_is_no_gap_of_a_quarter() -> None:
    """Fifty minutes after the final whistle are a fifth of the time, and most of the cars."""
    events = weekly(1, REGISTRY)
    whole = history(REGISTRY, events)
    end = int((events[0].begin.timestamp() + 112 * 60 - whole.first.timestamp()) / 300)
    gap = whole
    for exit_ in ("n_out", "s_out"):
        gap = without(gap, exit_, slice(end, end + 10))
    (day,), (note,) = event_days(gap, REGISTRY, events)
    assert day.departures is None
    assert "expected counts of 75% of its visitors" in note.message
    short = without(whole, "n_out", slice(end, end + 4))
    days = [event_days(counts, REGISTRY, events)[0][0] for counts in (whole, short)]
    assert days[1].vehicles == pytest.approx(days[0].vehicles, rel=0.1)


def test_who_counted_is_asked_on_each_day() -> None:
    """Loops at the car parks on one day, and at the gates on all others."""
    events = weekly(4, REGISTRY)
    gates = history(REGISTRY, events, street_veh_h=600)
    parks = history(REGISTRY, events)
    last = events[3].begin.timestamp() - 12 * 3600
    late = {
        edge: Series(one.begin_s[one.begin_s > last], one.vehicles[one.begin_s > last])
        for edge, one in parks.series.items()
    }
    days, notes = event_days(Counts(300.0, {**gates.series, **late}, ()), REGISTRY, events)
    found = [[d.edge for d in day.arrivals.detectors] for day in days if day.arrivals]
    assert found == [*[["e_in", "w_in"]] * 3, ["n_in", "s_in"]]
    assert notes == ()


def test_a_dead_loop_is_no_detector() -> None:
    events = weekly(2, REGISTRY)
    whole = history(REGISTRY, events)
    dead = without(whole, "n_in", slice(0, None))
    series = {edge: one for edge, one in dead.series.items() if len(one.begin_s)}
    series["n_in"] = Series(whole.series["n_in"].begin_s[:50], np.zeros(50))
    for day in event_days(Counts(300.0, series, ()), REGISTRY, events)[0]:
        assert day.arrivals is not None
        assert [d.edge for d in day.arrivals.detectors] == ["s_in"]
        assert day.arrivals.covered == pytest.approx(0.5)


def test_a_working_day_says_nothing_of_a_saturday() -> None:
    events = weekly(2, REGISTRY)
    counts = history(REGISTRY, events, street_veh_h=600)
    series = {}
    for edge, one in counts.series.items():  # without Sundays, and Saturdays have matches
        sunday = (one.begin_s // 86_400 + 3) % 7 == 6
        monday_morning = (one.begin_s % (7 * 86_400)) // 3600 == 4 * 24
        kept = ~(sunday | monday_morning)
        series[edge] = Series(one.begin_s[kept], one.vehicles[kept])
    days, notes = event_days(Counts(300.0, series, ()), REGISTRY, events)
    assert days == ()
    assert all("a day without an event" in note.message for note in notes)


def test_a_day_that_was_another_event_is_left_out() -> None:
    events = weekly(6, REGISTRY)
    counts = history(REGISTRY, events)
    begin = events[2].begin.timestamp()
    series, few = {}, {}
    for edge, one in counts.series.items():  # called off: some staff came
        here = (one.begin_s > begin - 4 * 3600) & (one.begin_s < begin + 6 * 3600)
        series[edge] = Series(one.begin_s, np.where(here, one.vehicles // 20, one.vehicles))
    days, notes = event_days(Counts(300.0, series, ()), REGISTRY, events)
    assert [day.event for day in days] == [e for e in events if e is not events[2]]
    assert "perhaps it was called off" in notes[-1].message
    for edge, one in counts.series.items():  # few came to all others
        here = (one.begin_s > begin - 4 * 3600) & (one.begin_s < begin + 6 * 3600)
        few[edge] = Series(one.begin_s, np.where(here, one.vehicles, one.vehicles / 10))
    _, (note,) = event_days(Counts(300.0, few, ()), REGISTRY, events)
    times = float(note.message.partition("got ")[2].partition(" times as many")[0])
    assert times == pytest.approx(10.0, rel=0.3)
    nobody = [replace(events[0], attendance=0), *events[1:]]
    days, notes = event_days(counts, REGISTRY, nobody)
    assert len(days) == 5
    assert "got an attendance of 0" in notes[0].message


def test_roads_with_little_of_the_traffic_tell_nothing() -> None:
    venue = REGISTRY.venues["arena"]
    more = venue.car_parks["park"].model_copy(
        update={"spaces": 300, "entrances": ("x_in",), "exits": {"x_out": 900.0}}
    )
    registry_ = REGISTRY.model_copy(
        update={
            "venues": {
                "arena": venue.model_copy(update={"car_parks": {**venue.car_parks, "x": more}})
            }
        }
    )
    events = weekly(2, REGISTRY)
    whole = history(REGISTRY, events)
    series = {"x_in": whole.series["n_in"], "x_out": whole.series["n_out"]}
    days, notes = event_days(Counts(300.0, series, ()), registry_, events)
    assert days == ()
    assert all("expected roads with 15% of the venue's traffic, got 3%" in n.message for n in notes)


def test_two_lanes_of_a_road_are_told_of(tmp_path: Path) -> None:
    times = [f"2026-05-09T18:{minute:02d}" for minute in range(0, 60, 5)]
    rows = "".join(f"{time},n_in,5\n{time},n_in,7\n" for time in times)
    with pytest.raises(ConfigError, match="if these are lanes, add them up"):
        read(tmp_path, HEAD + rows)


def test_every_vehicle_of_an_event_is_seen_once() -> None:
    for day in days_of(REGISTRY, 3, REGISTRY):
        assert day.arrivals is not None
        assert day.departures is not None
        assert 0.95 < day.departures.vehicles / day.arrivals.vehicles <= 1.0
        assert sum(d.share for d in day.arrivals.detectors) == pytest.approx(1.0)


def test_other_traffic_of_a_street_is_known_from_days_without_an_event() -> None:
    pure = days_of(REGISTRY, 4, REGISTRY)
    street = days_of(REGISTRY, 4, REGISTRY, street_veh_h=600)
    for alone, among in zip(pure, street, strict=True):
        assert alone.arrivals is not None
        assert among.arrivals is not None
        assert [d.edge for d in among.arrivals.detectors] == ["e_in", "w_in"]
        assert among.arrivals.usual.mean() == pytest.approx(50, rel=0.05)
        assert among.arrivals.vehicles == pytest.approx(alone.arrivals.vehicles, rel=0.12)


@pytest.mark.parametrize(
    ("street_veh_h", "ends"), [(None, ("n_in", "s_in")), (600.0, ("w_out", "e_out"))]
)
def test_what_is_counted_at_the_end_of_a_drive_is_set_back(
    street_veh_h: float | None, ends: tuple[str, str]
) -> None:
    """Arrivals at entrances, departures at gates; where ways begin nothing is."""
    events = weekly(3, REGISTRY)
    still = history(REGISTRY, events, street_veh_h=street_veh_h)
    series = dict(still.series)
    for edge in ends:
        series[edge] = Series(series[edge].begin_s + 600.0, series[edge].vehicles)
    driven = Counts(still.interval_s, series, ())
    expected, _ = event_days(still, REGISTRY, events)
    found, _ = event_days(driven, REGISTRY, events, travel_s=600.0)
    assert len(found) == len(expected) == 3
    for one, other in zip(found, expected, strict=True):
        for a, b in ((one.arrivals, other.arrivals), (one.departures, other.departures)):
            assert a is not None
            assert b is not None
            np.testing.assert_array_equal(a.begin_s, b.begin_s)
            np.testing.assert_array_equal(a.counts, b.counts)


def test_gates_on_one_road_are_one_detector() -> None:
    """Two gates of half the weight each, by which the same visitors come."""
    venue = REGISTRY.venues["arena"]
    half = venue.gates["west"].model_copy(update={"weight": 1.5})
    gates = {"west": half, "east": venue.gates["east"], "far": half}
    split = venue.model_copy(update={"gates": gates})
    for direction in DIRECTIONS:
        assert detectors_of(split, direction, ROADS) == detectors_of(venue, direction, ROADS)


def test_a_street_without_a_quiet_day_tells_nothing() -> None:
    events = weekly(1, REGISTRY)
    counts = history(REGISTRY, events, street_veh_h=600)
    begin = events[0].begin.timestamp()
    series = {}
    for edge, one in counts.series.items():
        near = (one.begin_s > begin - 4 * 3600) & (one.begin_s < begin + 7 * 3600)
        series[edge] = Series(one.begin_s[near], one.vehicles[near])
    days, notes = event_days(Counts(300.0, series, ()), REGISTRY, events)
    assert days == ()
    assert all("a day without an event" in note.message for note in notes)


def test_an_event_without_roads_is_left_out() -> None:
    venue = REGISTRY.venues["arena"].model_copy(update={"car_parks": {}, "gates": {}})
    bare = REGISTRY.model_copy(update={"venues": {**REGISTRY.venues, "townhall": venue}})
    events = weekly(2, REGISTRY)
    talk = replace(events[0], venue="townhall")
    days, (note, *_) = event_days(history(REGISTRY, events), bare, [talk, *events])
    assert [day.event for day in days] == events
    assert "expected roads of townhall" in note.message


def test_two_events_at_a_time_are_left_out() -> None:
    event = weekly(1, REGISTRY)[0]
    events = [event, weekly(1, changed(REGISTRY))[0]]
    days, notes = event_days(history(REGISTRY, [event]), REGISTRY, events)
    assert days == ()
    assert len(notes) == 2
