from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest
from dateutil.rrule import YEARLY, rrule
from hypothesis import given, settings
from hypothesis import strategies as st

from signalrl.errors import ConfigError
from signalrl.events.calendar import Calendar, read_calendars
from signalrl.events.venues import Registry

BERLIN = ZoneInfo("Europe/Berlin")
FIRST, LAST = datetime(2026, 7, 1, tzinfo=BERLIN), datetime(2027, 7, 1, tzinfo=BERLIN)
CALENDARS = Path(__file__).parent / "calendars"

REGISTRY = Registry.model_validate(
    {
        "zone": "Europe/Berlin",
        "venues": {
            "arena": {
                "name": "Arena",
                "capacity": 20_000,
                "location": {"lat": 52.5, "lon": 13.4},
            },
            "hall": {
                "aliases": ["The Hall"],
                "capacity": 5000,
                "kind": "concert",
                "usual_begin": "19:30:00",
                "location": {"lat": 52.51, "lon": 13.45},
            },
            "dome": {"capacity": 9000, "zone": "America/New_York"},
        },
    }
)


def read(*paths: Path, first: datetime = FIRST, last: datetime = LAST) -> Calendar:
    return read_calendars(paths, REGISTRY, first, last)


def ics(tmp_path: Path, *events: str, name: str = "a.ics") -> Path:
    """Write a calendar of events, each given as lines; uid, title and place may be the usual."""
    text = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:test\n"
    for number, event in enumerate(events):
        lines = event.strip().splitlines()
        for key, usual in (("UID", str(number)), ("LOCATION", "Arena"), ("SUMMARY", "A match")):
            if not any(line.startswith(key) for line in lines):
                lines.append(f"{key}:{usual}")
        text += "\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT", ""])
    path = tmp_path / name
    path.write_text(text + "END:VCALENDAR\n")
    return path


def begins(calendar: Calendar) -> list[str]:
    return [f"{event.begin:%m-%d %H:%M%z}" for event in calendar.events]


def only_note(calendar: Calendar) -> str:
    (note,) = calendar.notes
    return note.message


def test_series_have_exceptions_moved_and_cancelled_occurrences() -> None:
    found = read(CALENDARS / "club.ics")
    league = [event for event in found.events if event.title.startswith("Basketball")]
    assert [f"{e.begin:%m-%d %H:%M%z}" for e in league] == [
        "09-04 19:30+0200",  # 09-18 is an exception
        "10-03 18:30+0200",  # moved from 10-02; 10-16 is cancelled
        "10-30 19:30+0100",
        "11-13 19:30+0100",
        "11-27 19:30+0100",
        "12-11 19:30+0100",
        "12-25 19:30+0100",
    ]
    assert {event.venue for event in league} == {"hall"}
    assert len({event.uid for event in found.events}) == len(found.events)
    assert only_note(found).startswith("cancelled on 2026-10-16")
    match = next(event for event in found.events if "Rovers" in event.title)
    assert (match.venue, match.kind, match.attendance) == ("arena", "sports", 17_500)


def test_schema_org_events_are_read() -> None:
    found = read(CALENDARS / "hall.json")
    concert, handball = found.events
    assert (concert.title, concert.kind, concert.attendance) == ("Paper Moons", "concert", 4200)
    assert concert.duration == timedelta(hours=2, minutes=45)
    assert (handball.kind, begins(found)[1]) == ("sports", "10-10 18:00+0200")
    assert handball.duration == timedelta(minutes=112)  # that of its kind
    assert only_note(found).startswith("cancelled, as it was to begin")


def test_tables_are_read() -> None:
    fair, congress, match = read(CALENDARS / "town.csv").events
    assert (fair.kind, fair.attendance, fair.venue) == ("fair", 12_000, "arena")
    assert (congress.kind, congress.duration) == ("conference", timedelta(hours=8))
    assert (match.title, match.kind) == ("City against Orient; cup", "knockout")
    assert match.attendance is None


def test_what_two_sources_have_counts_once_and_is_completed(tmp_path: Path) -> None:
    one = ics(tmp_path, "SUMMARY:City against Rovers\nDTSTART:20260815T153000\nDURATION:PT2H")
    two = tmp_path / "b.csv"
    two.write_text(
        "title,venue,begin,attendance\n"
        "city against  Rovers (cup),Arena,2026-08-15T15:35,9000\n"
        "Fireworks,Arena,2026-08-15T15:30,3000\n"
    )
    found = read(one, two)
    assert [event.title for event in found.events] == ["Fireworks", "City against Rovers"] or [
        event.title for event in found.events
    ] == ["City against Rovers", "Fireworks"]
    assert {event.attendance for event in found.events} == {9000, 3000}
    assert any("the same as 'City against Rovers'" in note.message for note in found.notes)
    (note,) = (note for note in found.notes if note.entry == "Fireworks")
    assert "at nearly the time of 'City against Rovers'" in note.message


BAD = [
    ("DTEND:20260815T173000", "expected a beginning"),
    ("DTSTART:20260815T153000\nDTEND:20260815T133000", "expected an end after the beginning"),
    ("DTSTART;TZID=Mars/Olympus:20260815T153000", "expected a known time zone of DTSTART"),
    ("DTSTART;VALUE=DATE:20260815\nDTEND;VALUE=DATE:20260816", "expected a time of day"),
    ("DTSTART:20260815T153000\nDTEND;VALUE=DATE:20260816", "DTSTART and DTEND alike"),
    ("DTSTART:20260815T153000Z\nDURATION:PT2H\nSTATUS:CANCELLED", "cancelled on 2026-08-15"),
    ("DTSTART:20260815T153000Z\nLOCATION:Moon", "expected a venue of the registry"),
    ("DTSTART:20260815T153000Z\nRRULE:FREQ=MINUTELY", "got FREQ=MINUTELY"),
    ("DTSTART:20260815T153000Z\nRRULE:FREQ=HOURLY;COUNT=3", "got FREQ=HOURLY"),
    ("DTSTART:20260815T153000Z\nRRULE:FREQ=DAILY;BYMINUTE=1,2,3", "got BYMINUTE"),
    ("DTSTART:20260815T153000Z\nRRULE:FREQ=DAILY;BYMONTHDAY=30;BYMONTH=2", "got BYMONTHDAY"),
    ("DTSTART:20260815T153000Z\nRRULE:FREQ=DAILY;INTERVAL=0", "expected INTERVAL"),
    ("DTSTART:20260815T153000Z\nRRULE:FREQ=DAILY;INTERVAL=14;BYDAY=MO", "expected SA in BYDAY"),
    ("DTSTART:00010101T153000Z\nRRULE:FREQ=DAILY", "expected a year from 1970"),
]


@pytest.mark.parametrize(("entry", "said"), BAD)
def test_a_bad_entry_is_skipped_with_a_note_and_the_rest_loads(
    entry: str, said: str, tmp_path: Path
) -> None:
    good = "SUMMARY:Another one\nDTSTART:20260816T153000Z\nDURATION:PT2H"
    found = read(ics(tmp_path, entry, good))
    assert [event.title for event in found.events] == ["Another one"]
    assert said in only_note(found)


def test_a_time_that_is_not_known_is_none_in_a_table_either(tmp_path: Path) -> None:
    rows = (f"{day},Arena,{day}T15:30" for day in ("0001-01-01", "2026-08-16", "9999-12-31"))
    found = read(table(tmp_path, "title,venue,begin", *rows))
    assert [event.title for event in found.events] == ["2026-08-16"]
    assert [note.entry for note in found.notes] == ["0001-01-01", "9999-12-31"]
    assert all("expected a year from 1970 to 2199" in note.message for note in found.notes)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.ics", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:cut", "expected an iCalendar file"),
        ("a.ics", b"hello", "expected an iCalendar file"),
        ("a.ics", b"", "expected an iCalendar file"),
        ("a.ics", b"\xff\xfe\x00", "expected text in UTF-8"),
        ("a.json", b'{"@type": "Event"', "expected JSON"),
        ("a.json", b'{"@type": "Person"}', "expected events of schema.org"),
        ("a.json", b"[" * 100_000, "expected JSON"),
        ("a.csv", b"title,begin\nA,2026-08-15T15:30", "got no venue"),
        ("a.csv", b"venue,begin,atendance\n", "did you mean 'attendance'"),
        ("a.csv", b"", "expected a header"),
        ("a.csv", b'venue,begin\n"arena,2026', "expected CSV"),
        ("a.txt", b"", "expected a file .ics"),
    ],
)
def test_a_bad_file_is_an_error(name: str, data: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=said) as error:
        read(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_window_without_a_zone_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a readable file"):
        read(tmp_path / "none.ics")
    with pytest.raises(ConfigError, match="expected a time with a zone"):
        read_calendars([], REGISTRY, datetime(2026, 1, 1), LAST)


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Tokyo"])
def test_a_naive_time_is_one_of_the_venue_never_of_the_machine(zone: str, tmp_path: Path) -> None:
    path = ics(
        tmp_path,
        "DTSTART:20260815T153000\nDTEND:20260815T173000",
        "DTSTART:20260815T153000\nDURATION:PT2H\nLOCATION:dome",
        "DTSTART:20260905T153000\nDURATION:PT2H\nRRULE:FREQ=WEEKLY;COUNT=2\nEXDATE:20260912T153000",
    )
    code = (
        "import sys; from pathlib import Path; from tests.events.test_calendar import *; "
        "print(begins(read(Path(sys.argv[1]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        env={**os.environ, "TZ": zone, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "['08-15 15:30+0200', '08-15 15:30-0400', '09-05 15:30+0200']"


def test_a_date_alone_takes_the_usual_time_of_the_venue(tmp_path: Path) -> None:
    found = read(ics(tmp_path, "DTSTART;VALUE=DATE:20260815\nLOCATION:hall"))
    assert begins(found) == ["08-15 19:30+0200"]
    assert "taken as 19:30:00" in found.notes[0].message


def test_windows_names_of_zones_are_known(tmp_path: Path) -> None:
    entry = "DTSTART;TZID=W. Europe Standard Time:20260815T153000\nDURATION:PT2H"
    assert begins(read(ics(tmp_path, entry))) == ["08-15 15:30+0200"]


def test_the_latest_version_of_an_entry_counts(tmp_path: Path) -> None:
    old = "UID:x\nSEQUENCE:1\nDTSTART:20260815T153000Z\nDURATION:PT2H"
    new = "UID:x\nSEQUENCE:3\nDTSTART:20260815T173000Z\nDURATION:PT2H"
    for order in ((old, new), (new, old)):
        assert begins(read(ics(tmp_path, *order))) == ["08-15 19:30+0200"]


def test_an_event_that_is_on_at_the_edge_of_the_window_belongs_to_it(tmp_path: Path) -> None:
    path = ics(tmp_path, "DTSTART:20260815T200000Z\nDURATION:PT4H")
    for hour, inside in ((19, False), (21, True)):
        last = datetime(2026, 8, 15, hour, tzinfo=UTC)
        assert bool(read(path, last=last).events) is inside
    for hour, inside in ((3, True), (5, False)):
        first = datetime(2026, 8, 15, 20, tzinfo=UTC) + timedelta(hours=hour)
        assert bool(read(path, first=first).events) is inside


@pytest.mark.parametrize(
    "rule", ["FREQ=DAILY", "FREQ=DAILY;COUNT=999999999", "FREQ=DAILY;UNTIL=99991231T000000Z"]
)
def test_series_without_end_end_with_the_window_and_a_bound(rule: str, tmp_path: Path) -> None:
    path = ics(tmp_path, f"DTSTART:19900815T153000Z\nDURATION:PT2H\nRRULE:{rule}")
    began = time.thread_time()
    assert len(read(path, last=datetime(2026, 7, 11, tzinfo=UTC)).events) == 10
    found = read(path, last=datetime(2036, 7, 1, tzinfo=UTC))
    assert time.thread_time() - began < 5
    assert len(found.events) == 1000
    assert "expected at most 1000 occurrences" in only_note(found)


def test_rules_that_never_come_true_do_not_hold_up_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = "DTSTART:20260815T153000Z\nDURATION:PT2H\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"
    began = time.thread_time()
    assert not list(rrule(YEARLY, datetime(2026, 8, 15), bymonth=2, bymonthday=30))
    walked = time.thread_time()  # all years to come, and machines differ in how long that takes
    assert begins(read(ics(tmp_path, never))) == ["08-15 17:30+0200"]
    assert time.thread_time() - walked < min(2, 3 * (walked - began))
    began = time.thread_time()
    monkeypatch.setattr("signalrl.events.ics.BUDGET_S", 1.0)
    with pytest.raises(ConfigError, match="expected series that expand within"):
        read(ics(tmp_path, *[never] * 500))
    assert time.thread_time() - began < 10


def test_crowds_and_kinds_that_make_no_sense_are_noted(tmp_path: Path) -> None:
    entry = "DTSTART:20260815T153000Z\nDURATION:PT2H\nX-ATTENDANCE:{}\nCATEGORIES:{}"
    rows = [
        entry.format("many", "SPORTS"),
        entry.format("90000", "SPORTS").replace("15T", "16T"),
        entry.format("12,500", "Quidditch").replace("15T", "17T"),
    ]
    found = read(ics(tmp_path, *rows))
    assert [event.attendance for event in found.events] == [None, 20_000, 12_500]
    assert [event.kind for event in found.events] == ["sports"] * 3
    said = " ".join(note.message for note in found.notes)
    for part in ("expected a number of people", "expected at most 20000", "'Quidditch'"):
        assert part in said


def test_titles_are_one_line_of_bounded_length(tmp_path: Path) -> None:
    title = "A\\nmatch\x07 \u202ereversed " + "x" * 500
    (event,) = read(
        ics(tmp_path, f"SUMMARY:{title}\nDTSTART:20260815T153000Z\nDURATION:PT2H")
    ).events
    assert event.title.startswith("A match reversed xxx")
    assert len(event.title) == 200


ZONE = """BEGIN:VTIMEZONE
TZID:{id}
BEGIN:STANDARD
DTSTART:16011028T030000
TZOFFSETFROM:{summer}
TZOFFSETTO:{winter}
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010325T020000
TZOFFSETFROM:{winter}
TZOFFSETTO:{summer}
RRULE:{rule}
END:DAYLIGHT
END:VTIMEZONE
"""
SERIES = (
    "UID:x\nDTSTART;TZID=Europe/Berlin:20260901T200000\nDURATION:PT2H\nRRULE:FREQ=WEEKLY;COUNT=3"
)
SECOND = "UID:x\nRECURRENCE-ID;TZID=Europe/Berlin:20260908T200000\nLOCATION:{}\nDTSTART:{}T180000Z"


def with_zone(
    path: Path, name: str, summer: str = "+0200", winter: str = "+0100", **kw: str
) -> Path:
    rule = kw.get("rule", "FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3")
    zone = ZONE.format(id=name, summer=summer, winter=winter, rule=rule)
    path.write_text(path.read_text().replace("BEGIN:VEVENT", zone + "BEGIN:VEVENT", 1))
    return path


def of_zone(tmp_path: Path, name: str, day: int) -> Path:
    entry = f"UID:{day}\nDTSTART;TZID={name}:202609{day:02}T200000\nDURATION:PT2H"
    return ics(tmp_path, entry, name=f"{day}.ics")


def test_a_cancellation_that_says_no_more_than_that_cancels(tmp_path: Path) -> None:
    path = ics(tmp_path, SERIES, SECOND.format("", "20260908") + "\nSTATUS:CANCELLED")
    path.write_text(path.read_text().replace("LOCATION:\n", ""))
    assert begins(read(path)) == ["09-01 20:00+0200", "09-15 20:00+0200"]
    assert "cancelled on 2026-09-08" in only_note(read(path))


def test_what_moves_to_a_place_elsewhere_is_no_longer_where_it_was(tmp_path: Path) -> None:
    found = read(ics(tmp_path, SERIES, SECOND.format("Elsewhere", "20260909")))
    assert begins(found) == ["09-01 20:00+0200", "09-15 20:00+0200"]
    assert "'Elsewhere'" in only_note(found)


@pytest.mark.parametrize("until", ["20260915", "20260915T200000", "20260916T000000Z"])
def test_the_last_day_of_a_series_belongs_to_it(until: str, tmp_path: Path) -> None:
    entry = "LOCATION:dome\nDTSTART;TZID=America/New_York:20260901T200000\nDURATION:PT2H"
    found = read(ics(tmp_path, f"{entry}\nRRULE:FREQ=WEEKLY;UNTIL={until}"))
    assert [event.begin.day for event in found.events] == [1, 8, 15]


def test_a_window_is_half_open_and_in_instants(tmp_path: Path) -> None:
    rows = [
        f"UID:{m}\nSUMMARY:{m * 9}\nDTSTART:20261025T0{m}00Z\nDURATION:PT10M"
        for m in ("050", "110")
    ]
    path = ics(tmp_path, *rows)
    assert begins(read(path)) == ["10-25 02:50+0200", "10-25 02:10+0100"]
    first = datetime(2026, 10, 25, 1, tzinfo=UTC)
    last = first + timedelta(minutes=30)
    for zone in (UTC, BERLIN):
        inside = read(path, first=first.astimezone(zone), last=last.astimezone(zone))
        assert begins(inside) == ["10-25 02:10+0100"]


def test_a_zone_that_a_file_defines_is_one_of_that_file(tmp_path: Path) -> None:
    # Outlook calls each zone of its own Customized Time Zone.
    name = "Customized Time Zone"
    east = with_zone(of_zone(tmp_path, name, 1), name)
    west = with_zone(of_zone(tmp_path, name, 3), name, "-0400", "-0500")
    nowhere = of_zone(tmp_path, name, 5)
    for order in ((east, west, nowhere), (nowhere, west, east)):
        found = read(*order)
        assert begins(found) == ["09-01 20:00+0200", "09-04 02:00+0200"]
        assert "expected a known time zone" in only_note(found)


@pytest.mark.parametrize(
    "rule", ["FREQ=SECONDLY", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYEASTER=1", "x"]
)
def test_a_zone_that_would_take_forever_is_not_known(rule: str, tmp_path: Path) -> None:
    began = time.thread_time()
    path = with_zone(
        ics(tmp_path, "DTSTART;TZID=Own:20260901T200000", "DTSTART:20260902T180000Z"),
        "Own",
        rule=rule,
    )
    found = read(path)
    assert [event.begin.day for event in found.events] == [2]
    assert "expected a known time zone" in found.notes[0].message
    assert time.thread_time() - began < 2


@pytest.mark.parametrize("name", ["Europe", "A" * 400, "../../etc/passwd"])
def test_a_name_that_is_no_zone_costs_one_entry(name: str, tmp_path: Path) -> None:
    path = ics(tmp_path, f"DTSTART;TZID={name}:20260901T200000", "DTSTART:20260902T180000Z")
    assert [event.begin.day for event in read(path).events] == [2]


def test_a_line_may_be_folded_inside_of_a_character(tmp_path: Path) -> None:
    path = ics(tmp_path, "SUMMARY:Fußball\nDTSTART:20260901T180000Z\nDURATION:PT2H")
    path.write_bytes(path.read_bytes().replace(b"\xc3\x9f", b"\xc3\r\n \x9f"))
    assert [event.title for event in read(path).events] == ["Fußball"]


def test_different_events_at_one_time_and_place_are_not_one(tmp_path: Path) -> None:
    head, row = "title,venue,begin,end\n", "{},Arena,2026-09-01T20:00,2026-09-01T22:00\n"
    one, other = (row.format(title) for title in ("Boat show", "Xylophone quintet"))
    for number, text in enumerate((head + one + other, head + one, head + other)):
        (tmp_path / f"{number}.csv").write_text(text)
    both, first, second = (tmp_path / f"{number}.csv" for number in range(3))
    assert len(read(both).events) == 2
    assert read(first, second).events == read(second, first).events == read(both).events


def test_one_identity_is_one_event_in_any_format(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("uid,title,venue,begin,attendance\nx,Renamed,Arena,2026-09-01T18:00Z,700\n")
    found = read(ics(tmp_path, "UID:x\nDTSTART:20260901T180000Z\nDURATION:PT2H"), table)
    assert [(event.title, event.attendance) for event in found.events] == [("A match", 700)]


def test_sources_that_number_alike_have_events_of_their_own(tmp_path: Path) -> None:
    arena, hall = (
        ics(
            tmp_path,
            f"UID:1\nLOCATION:{place}\nDTSTART:20260901T180000Z\nDURATION:PT2H",
            name=f"{place}.ics",
        )
        for place in ("arena", "hall")
    )
    found = read(arena, hall).events
    assert [event.venue for event in found] == ["arena", "hall"]
    assert len({event.uid for event in found}) == 2
    assert read(hall, arena).events == found


def test_texts_hold_nothing_that_a_terminal_or_a_file_minds(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        '{"@type": "Event", "name": "A\\ud800B\\u200bC", "@id": "x\\u001b[31m' + "y" * 500 + '",'
        '"location": "Arena", "startDate": "2026-09-01T20:00", "endDate": "2026-09-01T22:00"}'
    )
    (event,) = read(path).events
    assert event.title == "A B C"
    assert "\x1b" not in event.uid
    assert len(event.uid) < 250


def test_an_event_on_line_brings_no_traffic(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        '{"@type": "Event", "name": "A", "location": "Arena", "startDate": "2026-09-01T20:00",'
        '"eventAttendanceMode": "https://schema.org/OnlineEventAttendanceMode"}'
    )
    assert "online" in only_note(read(path))


def test_many_events_and_notes_take_no_longer_each(tmp_path: Path) -> None:
    entry = "SUMMARY:{} show\nDTSTART:20260701T{}0000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY"
    shows = [
        entry.format(word, hour) for word, hour in (("Early", 10), ("Late", 15), ("Night", 20))
    ]
    taken_s, parsed_s = [], 0.0
    for number in (500, 3000):
        lost = [f"LOCATION:Else\nSUMMARY:{n}\nDTSTART:20260801T180000Z" for n in range(number)]
        path = ics(tmp_path, *shows, *lost)
        began = time.thread_time()
        found = read(path)
        taken_s.append(time.thread_time() - began)
        assert (len(found.events), len(found.notes)) == (3 * 365, number)
        icalendar.Calendar.from_ical(path.read_bytes())
        parsed_s = time.thread_time() - began - taken_s[-1]
    assert taken_s[1] < min(3, 4 * parsed_s)
    # What compares each with each takes 36 times as long.
    assert taken_s[1] < 6 * taken_s[0]


NIGHTS = [
    # Clocks go forward at 02:00 on March 29, and back at 03:00 on October 25.
    ("20270327T220000", "20270328T033000", "03-28 03:30+0200", 4.5),
    ("20261024T220000", "20261025T033000", "10-25 03:30+0100", 6.5),
]


@pytest.mark.parametrize(("begin", "end", "local", "hours"), NIGHTS)
def test_a_night_of_daylight_saving_is_right_to_the_minute(
    begin: str, end: str, local: str, hours: float, tmp_path: Path
) -> None:
    zone = ";TZID=Europe/Berlin"
    once = ics(tmp_path, f"DTSTART{zone}:{begin}\nDTEND{zone}:{end}")
    (event,) = read(once).events
    assert (f"{event.end:%m-%d %H:%M%z}", event.duration) == (local, timedelta(hours=hours))
    # Each occurrence of a series lasts as long as the first, and begins at the same time of day.
    first = datetime.strptime(begin, "%Y%m%dT%H%M%S") - timedelta(days=14)
    text = f"{first:%Y%m%dT%H%M%S}"
    for length in (f"DTEND{zone}:{first + timedelta(hours=5.5):%Y%m%dT%H%M%S}", "DURATION:PT5H30M"):
        rule = "RRULE:FREQ=WEEKLY;COUNT=4"
        events = read(ics(tmp_path, f"DTSTART{zone}:{text}\n{length}\n{rule}")).events
        assert {event.duration for event in events} == {timedelta(hours=5.5)}
        assert {f"{event.begin:%H:%M}" for event in events} == {"22:00"}
        assert len(events) == 4


def test_a_nominal_day_has_the_hours_of_that_day(tmp_path: Path) -> None:
    entry = "DTSTART;TZID=Europe/Berlin:20261024T220000\nDURATION:P1D"
    (event,) = read(ics(tmp_path, entry)).events
    assert event.duration == timedelta(hours=25)


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Sydney"]),
    begin=st.datetimes(datetime(2026, 7, 2), datetime(2027, 6, 28)).map(
        lambda t: t.replace(second=0, microsecond=0, fold=0)
    ),
    minutes=st.integers(1, 1200),
)
def test_times_are_kept_across_zones(
    zone: str, begin: datetime, minutes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("zones")
    moment = begin.replace(tzinfo=ZoneInfo(zone))
    entry = f"DTSTART;TZID={zone}:{begin:%Y%m%dT%H%M%S}\nDURATION:PT{minutes}M"
    (event,) = read(ics(folder, entry)).events
    assert event.begin.timestamp() == moment.timestamp()
    assert event.duration == timedelta(minutes=minutes)
    assert event.begin.tzinfo == BERLIN


# What people feed in


def jsonld(tmp_path: Path, *events: dict[str, object], name: str = "a.json") -> Path:
    usual = {"@type": "MusicEvent", "name": "A concert", "location": "The Hall"}
    path = tmp_path / name
    path.write_text(json.dumps([usual | event for event in events]))
    return path


def table(tmp_path: Path, *rows: str, name: str = "a.csv") -> Path:
    path = tmp_path / name
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("first", ["club", "city"])
def test_what_one_calendar_calls_off_is_off_in_those_behind_it(first: str, tmp_path: Path) -> None:
    match = "SUMMARY:City - Rovers\nDTSTART:20260815T153000\nDURATION:PT2H"
    club = ics(tmp_path, f"{match}\nSTATUS:CANCELLED", name="club.ics")
    city = table(tmp_path, "title,venue,begin", "City - Rovers,Arena,2026-08-15T15:30")
    found = read(club, city) if first == "club" else read(city, club)
    assert len(found.events) == (first == "city")  # the earlier source counts
    assert any("cancelled on 2026-08-15" in note.message for note in found.notes)
    if first == "club":
        assert found.notes[-1].message.startswith("called off as 'City - Rovers' of 2026-08-15")


def test_what_is_called_off_without_a_title_is_nothing_else(tmp_path: Path) -> None:
    off = {"startDate": "2026-08-15T19:30", "eventStatus": "EventCancelled", "name": ""}
    concert = table(tmp_path, "title,venue,begin", "A concert,Hall,2026-08-15T19:30")
    assert len(read(jsonld(tmp_path, off), concert).events) == 1


def test_a_later_calendar_calls_off_what_has_its_identity(tmp_path: Path) -> None:
    match = "UID:7\nDTSTART:20260815T153000\nDURATION:PT2H"
    season = ics(tmp_path, match, match.replace("UID:7", "UID:8").replace("0815", "0816"))
    update = ics(tmp_path, f"{match}\nSEQUENCE:2\nSTATUS:CANCELLED", name="update.ics")
    assert begins(read(season, update)) == ["08-16 15:30+0200"]
    assert begins(read(update, season)) == ["08-16 15:30+0200"]


def test_a_match_that_is_set_anew_in_the_same_file_is_on(tmp_path: Path) -> None:
    match = "DTSTART:20260815T153000\nDURATION:PT2H"
    found = read(ics(tmp_path, f"UID:old\nSTATUS:CANCELLED\n{match}", f"UID:new\n{match}"))
    assert begins(found) == ["08-15 15:30+0200"]


ALL_DAYS = ["08-15 19:30+0200", "08-16 19:30+0200", "08-17 19:30+0200"]


def test_what_goes_on_for_days_is_an_event_on_each_of_them(tmp_path: Path) -> None:
    days = "DTSTART;VALUE=DATE:20260815\nDTEND;VALUE=DATE:20260818\nLOCATION:The Hall"
    found = read(ics(tmp_path, days))
    assert begins(found) == ALL_DAYS
    assert len({event.uid for event in found.events}) == 3
    assert "goes on for 3 days" in found.notes[-1].message
    assert begins(read(jsonld(tmp_path, {"startDate": "2026-08-15", "endDate": "2026-08-17"}))) == (
        ALL_DAYS
    )
    rows = "venue,begin,end,kind", "Hall,2026-08-15T10:00,2026-08-17T18:00,fair"
    fair = read(table(tmp_path, *rows)).events
    assert [(f"{e.begin:%d %H:%M}", f"{e.end:%d %H:%M}") for e in fair] == [
        ("15 10:00", "15 18:00"),
        ("16 10:00", "16 18:00"),
        ("17 10:00", "17 18:00"),
    ]
    rows = rows[0], "Hall,2026-08-15T18:00,2026-08-17T02:00,fair"
    nights = read(table(tmp_path, *rows)).events
    assert [f"{e.begin:%d %H:%M}-{e.end:%d %H:%M}" for e in nights] == [
        "15 18:00-16 02:00",
        "16 18:00-17 02:00",
    ]
    rows = rows[0], "Hall,2026-08-15T16:00,2026-08-17T14:00,conference"
    days = read(table(tmp_path, *rows)).events
    assert [f"{e.begin:%d %H:%M}-{e.end:%d %H:%M}" for e in days] == [
        "15 16:00-15 18:00",
        "16 16:00-16 18:00",
        "17 16:00-17 18:00",
    ]
    rows = rows[0], "Hall,2026-08-15T10:00,2026-10-17T18:00,fair"
    assert "at most 31 days, got one of 64" in only_note(read(table(tmp_path, *rows)))


@pytest.mark.parametrize(
    "lines",
    [
        "BEGIN:VTODO\nDTSTART:never\nDUE:no date\nEND:VTODO\n",
        "BEGIN:VJOURNAL\nDTSTART;VALUE=DATE:x\nEND:VJOURNAL\n",
        "REFRESH-INTERVAL;VALUE=DURATION:foo\n",
        "a line without a colon\n",
    ],
)
def test_what_is_no_event_costs_no_event(lines: str, tmp_path: Path) -> None:
    path = ics(tmp_path, "DTSTART:20260815T153000\nDURATION:PT2H")
    path.write_text(path.read_text().replace("BEGIN:VEVENT", f"{lines}BEGIN:VEVENT"))
    assert begins(read(path)) == ["08-15 15:30+0200"]


@pytest.mark.parametrize(
    "alarm",
    ["TRIGGER:", "TRIGGER:soon", "REPEAT:x", "DESCRIPTION:a\nb", "DESCRIPTION:\nBegin: 7pm"],
)
def test_an_alarm_costs_no_event(alarm: str, tmp_path: Path) -> None:
    path = ics(tmp_path, "DTSTART:20260815T153000\nDURATION:PT2H")
    path.write_text(
        path.read_text().replace(
            "END:VEVENT", f"BEGIN:VALARM\nACTION:DISPLAY\n{alarm}\nEND:VALARM\nEND:VEVENT"
        )
    )
    found = read(path)
    assert begins(found) == ["08-15 15:30+0200"]
    assert not found.notes
    path.write_text(path.read_text().replace("END:VALARM\n", ""))
    assert begins(read(path)) == ["08-15 15:30+0200"]


@pytest.mark.parametrize(
    "status",
    [
        {"@id": "https://schema.org/EventCancelled"},
        "schema:EventCancelled",
        "https://schema.org#EventCancelled",
        "https://schema.org/EventPostponed/",
        "EventCanceled",
        "Cancelled",
    ],
)
def test_what_is_called_off_in_any_spelling_is_off(status: object, tmp_path: Path) -> None:
    found = read(jsonld(tmp_path, {"startDate": "2026-08-15T19:30", "eventStatus": status}))
    assert not found.events
    assert "as it was to begin 2026-08-15T19:30" in only_note(found)


def test_a_status_that_nobody_knows_is_noted_and_types_may_have_prefixes(tmp_path: Path) -> None:
    event = {"startDate": "2026-08-15T19:30", "endDate": "2026-08-15T22:00", "eventStatus": "Maybe"}
    found = read(jsonld(tmp_path, event | {"@type": "schema:SportsEvent"}))
    assert [event.kind for event in found.events] == ["sports"]
    assert "got 'maybe'; it goes on" in only_note(found)


@pytest.mark.parametrize("end", ["2026-08-15", "2026-08-16", "2026-08-15T19:30", None])
def test_an_end_that_says_nothing_is_none(end: str | None, tmp_path: Path) -> None:
    found = read(jsonld(tmp_path, {"startDate": "2026-08-15T19:30", "endDate": end}))
    assert [event.duration for event in found.events] == [timedelta(hours=2)]
    assert "expected an end, got none" in only_note(found)
    same = ics(tmp_path, "DTSTART:20260815T153000\nDTEND:20260815T153000")
    assert [event.duration for event in read(same).events] == [timedelta(minutes=112)]


def test_plain_entries_are_not_blamed_for_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signalrl.events.ics.BUDGET_S", 0.0)
    days = [f"DTSTART:202608{day:02}T153000\nDURATION:PT2H" for day in range(1, 31)]
    assert len(read(ics(tmp_path, *days)).events) == 30
    with pytest.raises(ConfigError, match="RRULE"):
        read(ics(tmp_path, *(f"{day}\nRRULE:FREQ=DAILY;COUNT=2" for day in days)))


def test_zones_as_exchange_writes_them_are_known(tmp_path: Path) -> None:
    rule = "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH={};BYHOUR=2;BYMINUTE=0"
    zone = (
        "BEGIN:VTIMEZONE\nTZID:Customized Time Zone\n"
        "BEGIN:STANDARD\nDTSTART:16011028T030000\nTZOFFSETFROM:+0300\nTZOFFSETTO:+0200\n"
        f"{rule.format(10)}\nEND:STANDARD\n"
        "BEGIN:DAYLIGHT\nDTSTART:16010325T020000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0300\n"
        f"{rule.format(3)}\nEND:DAYLIGHT\nEND:VTIMEZONE\n"
    )
    path = ics(tmp_path, "DTSTART;TZID=Customized Time Zone:20260815T153000\nDURATION:PT2H")
    text = path.read_text()
    path.write_text(text.replace("BEGIN:VEVENT", f"{zone}BEGIN:VEVENT"))
    assert begins(read(path)) == ["08-15 14:30+0200"]
    wrong = zone.replace("BYHOUR=2", "BYHOUR=24")
    path.write_text(text.replace("BEGIN:VEVENT", f"{wrong}BEGIN:VEVENT"))
    assert "expected a known time zone of DTSTART" in only_note(read(path))


def test_an_entry_without_a_title_is_the_one_that_has_one(tmp_path: Path) -> None:
    bare = table(tmp_path, "venue,begin,attendance", "Arena,2026-08-15T15:30,9000")
    named = ics(tmp_path, "SUMMARY:1. FC Blau - SV Rot\nDTSTART:20260815T153000\nDURATION:PT2H")
    for paths in ((bare, named), (named, bare)):
        (event,) = read(*paths).events
        assert (event.title, event.attendance) == ("1. FC Blau - SV Rot", 9000)


def test_people_go_to_the_place_that_is_not_on_line(tmp_path: Path) -> None:
    times = {"startDate": "2026-08-15T19:30", "endDate": "2026-08-15T22:00"}
    stream = {"@type": "VirtualLocation", "url": "https://example.org"}
    mixed = times | {"location": [stream, {"@type": "Place", "name": "The Hall"}]}
    (event,) = read(jsonld(tmp_path, mixed)).events
    assert event.venue == "hall"
    place = {"@type": "Place", "@id": "#a", "name": "Arena"}
    path = tmp_path / "graph.json"
    graph = [place, times | {"@type": "Event", "name": "A", "location": {"@id": "#a"}}]
    path.write_text(json.dumps({"@graph": graph}))
    assert [event.venue for event in read(path).events] == ["arena"]


def test_a_festival_counts_once_and_a_season_for_each_match(tmp_path: Path) -> None:
    bands = [
        {"@type": "MusicEvent", "name": f"Band {i}", "startDate": f"2026-08-15T{16 + i}:00",
         "endDate": f"2026-08-15T{17 + i}:00", "location": "The Hall"} for i in range(3)
    ]  # fmt: skip
    day = {"startDate": "2026-08-15T15:00", "endDate": "2026-08-15T23:00", "subEvent": bands}
    assert [event.title for event in read(jsonld(tmp_path, day)).events] == ["A concert"]
    season = day | {"startDate": "2026-08-01", "endDate": "2027-05-30"}
    assert len(read(jsonld(tmp_path, season)).events) == 3
    fair = {"startDate": "2026-08-01T10:00", "endDate": "2026-08-20T18:00", "subEvent": []}
    assert len(read(jsonld(tmp_path, fair)).events) == 20
    named = [band | {"@id": f"#{i}"} for i, band in enumerate(bands)]
    flat = day | {"subEvent": [{"@id": band["@id"]} for band in named]}
    assert [event.title for event in read(jsonld(tmp_path, flat, *named)).events] == ["A concert"]


def test_names_of_venues_are_compared_as_people_read_them(tmp_path: Path) -> None:
    registry = Registry.model_validate(
        {"venues": {"koeln": {"name": "Köln Arena", "capacity": 9, "usual_begin": "19:30:00",
                              "location": {"lat": 50.9, "lon": 6.98}}}}
    )  # fmt: skip
    decomposed = table(tmp_path, "venue,begin", "Ko\u0308ln Arena,2026-08-15T15:30")
    assert len(read_calendars([decomposed], registry, FIRST, LAST).events) == 1
    unknown = table(tmp_path, "venue,begin", "Köln-Arena,2026-08-15T15:30")
    (note,) = read_calendars([unknown], registry, FIRST, LAST).notes
    assert "got 'Köln-Arena'; if it is one of them, add it to its aliases" in note.message


def test_a_place_of_the_same_name_elsewhere_is_another_one(tmp_path: Path) -> None:
    match = "DTSTART:20260815T153000\nDURATION:PT2H\nLOCATION:Arena\\, Hamburg\nGEO:"
    assert "256 km away" in only_note(read(ics(tmp_path, f"{match}53.55;9.99")))
    assert begins(read(ics(tmp_path, f"{match}52.51;13.4"))) == ["08-15 15:30+0200"]


WEEKS = "UID:s\nDTSTART:20260801T153000\nDURATION:PT2H\nRRULE:FREQ=WEEKLY;COUNT=5"


def test_this_and_all_that_follow_move_together(tmp_path: Path) -> None:
    change = "UID:s\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260815T153000\nDURATION:PT2H\n"
    found = read(ics(tmp_path, WEEKS, f"{change}DTSTART:20260815T173000"))
    assert [f"{event.begin:%d %H}" for event in found.events] == [
        "01 15", "08 15", "15 17", "22 17", "29 17",
    ]  # fmt: skip
    found = read(ics(tmp_path, WEEKS, f"{change}DTSTART:20260815T173000\nLOCATION:Moon"))
    assert [f"{event.begin:%d %H}" for event in found.events] == ["01 15", "08 15"]


def test_an_update_may_name_its_occurrence_by_the_day(tmp_path: Path) -> None:
    moved = "UID:s\nRECURRENCE-ID;VALUE=DATE:20260815\nDTSTART:20260816T180000\nDURATION:PT2H"
    found = read(ics(tmp_path, WEEKS, moved))
    assert [f"{event.begin:%d %H}" for event in found.events] == [
        "01 15", "08 15", "16 18", "22 15", "29 15",
    ]  # fmt: skip


def test_a_series_takes_no_place_from_its_update(tmp_path: Path) -> None:
    path = ics(tmp_path, WEEKS.replace("SUMMARY", "X"))
    text = path.read_text().replace("LOCATION:Arena\n", "")
    moved = "UID:s\nRECURRENCE-ID:20260808T153000\nDTSTART:20260808T153000\nDURATION:PT2H"
    update = f"BEGIN:VEVENT\n{moved}\nLOCATION:Arena\nEND:VEVENT\n"
    path.write_text(text.replace("END:VCALENDAR", f"{update}END:VCALENDAR"))
    assert begins(read(path)) == ["08-08 15:30+0200"]


def test_an_update_takes_its_place_from_the_series(tmp_path: Path) -> None:
    update = "UID:s\nSUMMARY:A match\nRECURRENCE-ID:{0}T153000\nDTSTART:{0}T170000\nDURATION:PT2H"
    path = ics(tmp_path, f"{update.format('20260808')}\nLOCATION:The Hall", WEEKS)
    path.write_text(
        path.read_text().replace(
            "END:VCALENDAR", f"BEGIN:VEVENT\n{update.format('20260815')}\nEND:VEVENT\nEND:VCALENDAR"
        )
    )
    assert [event.venue for event in read(path).events] == ["arena", "hall", *["arena"] * 3]


def test_exceptions_by_rule_are_told_of(tmp_path: Path) -> None:
    found = read(ics(tmp_path, f"{WEEKS}\nEXRULE:FREQ=WEEKLY;INTERVAL=2"))
    assert "expected exceptions as EXDATE, got an EXRULE" in only_note(found)


def test_tables_as_spreadsheets_leave_them(tmp_path: Path) -> None:
    rows = "venue;begin;;", "Arena;2026-08-15T15:30;;", ";;;"
    found = read(table(tmp_path, *rows))
    assert (len(found.events), found.notes) == (1, ())
    broken = "venue,begin", "Arena,2026-08-15T15:30", 'Arena,"2026-08-15T15:30'
    with pytest.raises(ConfigError, match=r"from line 3 on; look for a quotation mark"):
        read(table(tmp_path, *broken))


@pytest.mark.parametrize("mark", ["\x0b", "\x85", "\u2028", "\r\n"])
def test_a_cell_of_a_table_may_hold_any_line_end(mark: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f'title,venue,begin\n"A{mark}B",Arena,2026-08-15T15:30\n'.encode())
    assert [event.title for event in read(path).events] == ["A B"]


def test_a_row_of_a_table_is_named_by_its_line(tmp_path: Path) -> None:
    rows = '"venue","begin"', "", '"The', 'Hall",2026-08-15T15:30', "Moon,2026-08-15T15:30,", ""
    assert [note.entry for note in read(table(tmp_path, *rows)).notes][-1] == "line 5"
    broken = "venue,begin", "", "", '"Arena,2026-08-15T15:30'
    with pytest.raises(ConfigError, match="from line 4 on"):
        read(table(tmp_path, *broken))


BAND = {"name": "The Band live", "startDate": "2026-08-15"}
TIMED = (
    "SUMMARY:The Band - live\nLOCATION:The Hall\n"
    "DTSTART:20260815T200000\nDTEND:20260815T230000\nX-ATTENDANCE:700"
)


@pytest.mark.parametrize("first", ["city", "venue"])
def test_a_date_alone_takes_the_time_that_another_source_says(first: str, tmp_path: Path) -> None:
    city, venue = jsonld(tmp_path, BAND), ics(tmp_path, TIMED)
    found = read(city, venue) if first == "city" else read(venue, city)
    (event,) = found.events
    assert (begins(found), event.attendance) == (["08-15 20:00+0200"], 700)
    assert event.duration == timedelta(hours=3)
    other = ics(tmp_path, TIMED.replace("The Band - live", "Organ recital"), name="b.ics")
    assert len(read(city, other).events) == 2


def test_a_date_that_is_called_off_is_off_at_any_time_of_day(tmp_path: Path) -> None:
    off = jsonld(tmp_path, BAND | {"eventStatus": "EventCancelled"})
    assert not read(off, ics(tmp_path, TIMED)).events


@pytest.mark.parametrize(
    ("begin", "end", "days"),
    [
        ("2026-08-15T00:00:00+02:00", "2026-08-15T23:59:59+02:00", 1),
        ("2026-08-15T00:00", "2026-08-16T00:00", 1),
        ("2026-08-14T22:00Z", "2026-08-17T21:59Z", 3),
        ("2026-08-15T00:00", "2026-08-18T00:00", 3),
    ],
)
def test_what_goes_from_midnight_to_midnight_is_of_days(
    begin: str, end: str, days: int, tmp_path: Path
) -> None:
    found = read(jsonld(tmp_path, {"startDate": begin, "endDate": end}))
    assert begins(found) == ALL_DAYS[:days]
    nowhere = read(jsonld(tmp_path, {"startDate": begin, "endDate": end, "location": "Arena"}))
    assert "got the date 2026-08-15 alone" in only_note(nowhere)


def test_an_event_may_end_at_midnight_or_begin_at_it(tmp_path: Path) -> None:
    rows = (
        "venue,begin,end",
        "Hall,2026-08-15T20:00,2026-08-16T00:00",
        ("Hall,2026-12-31T00:00,2026-12-31T03:00"),
    )
    assert begins(read(table(tmp_path, *rows))) == ["08-15 20:00+0200", "12-31 00:00+0100"]


def test_a_place_of_zero_degrees_is_none(tmp_path: Path) -> None:
    match = "DTSTART:20260815T153000\nDURATION:PT2H\nGEO:0;0"
    assert begins(read(ics(tmp_path, match))) == ["08-15 15:30+0200"]


def test_entries_of_one_source_are_told_by_their_identity(tmp_path: Path) -> None:
    head, row = "uid,title,venue,begin", "{},U17 Halbfinale {},Arena,2026-08-15T15:30"
    three = table(tmp_path, head, *(row.format(uid, uid) for uid in (1, 2, 3)))
    found = read(three)
    assert len(found.events) == 3
    assert "and 1 more, under another title; all are counted" in found.notes[-1].message
    other = table(tmp_path, head, *(row.format(f"b{n}", n) for n in (3, 1)), name="b.csv")
    assert len(read(other, three).events) == len(read(three, other).events) == 3
    bare = table(tmp_path, head, *(row.format("", n) for n in (1, 2)), name="c.csv")
    assert len(read(bare).events) == 1
    twice = table(tmp_path, head, *(row.format(uid, 1) for uid in (1, 2)), name="d.csv")
    assert len(read(twice).events) == 1


def test_sessions_of_a_congress_have_a_note_each(tmp_path: Path) -> None:
    chance = random.Random(1)
    titles = ["".join(chance.choices("abcdefghij ", k=40)) for _ in range(100)]
    rows = [f"{n},{title},Hall,2026-08-15T09:00" for n, title in enumerate(titles)]
    found = read(table(tmp_path, "uid,title,venue,begin", *rows))
    assert len(found.events) == 100
    assert sum("at nearly the time of" in note.message for note in found.notes) == 99


GOOD_MATCH = "DTSTART:20260815T153000\nDURATION:PT2H"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("BEGIN:VEVENT\n", "BEGIN:VEVENT \n"),
        ("\n", " \t\n"),
        ("BEGIN:VEVENT\n", "BEGIN:VTODO\nSUMMARY:x\nBEGIN:VEVENT\n"),
        ("BEGIN:VEVENT\n", "BEGIN:VTIMEZONE\nTZID:My\nBEGIN:STANDARD\nBEGIN:VEVENT\n"),
        ("DTSTART", "DESCRIPTION:Doors at 7\nBEGIN: tonight\nBegin; soon\nEND: late\nDTSTART"),
        ("END:VEVENT\n", ""),
        ("END:VEVENT\n", "BEGIN:VALARM\nACTION:DISPLAY\n"),
        ("END:VEVENT\n", "END:VEVENT\nEND:VEVENT\n"),
        ("END:VCALENDAR\n", ""),
        ("BEGIN:VCALENDAR", "<!-- a page -->\n\ufeffBEGIN:VCALENDAR"),
    ],
)
def test_lines_that_differ_a_little_cost_no_event(old: str, new: str, tmp_path: Path) -> None:
    later = GOOD_MATCH.replace("0815", "0816")
    path = ics(tmp_path, GOOD_MATCH, later)
    text = path.read_text()
    more = text.replace("UID:", "UID:b").replace("0815", "0817").replace("0816", "0818")
    path.write_text(text.replace(old, new) + more)
    assert [event.begin.day for event in read(path).events] == [15, 16, 17, 18]


def test_a_file_that_is_cut_off_has_the_events_before(tmp_path: Path) -> None:
    path = ics(tmp_path, GOOD_MATCH, GOOD_MATCH.replace("0815", "0816"))
    path.write_text(path.read_text()[:-40])
    found = read(path)
    assert begins(found) == ["08-15 15:30+0200"]
    assert "expected END:VCALENDAR" in only_note(found)


def test_a_calendar_without_an_event_is_told_of(tmp_path: Path) -> None:
    assert "expected events" in only_note(read(ics(tmp_path)))


@pytest.mark.parametrize("lines", ["BEGIN:VTIMEZONE\n", "BEGIN:X-A\n", "BEGIN:X-A\nEND:X-B\n"])
def test_lines_are_read_in_the_time_of_their_number(lines: str, tmp_path: Path) -> None:
    path = ics(tmp_path, GOOD_MATCH)
    path.write_text(path.read_text().replace("BEGIN:VEVENT", lines * 20_000 + "BEGIN:VEVENT"))
    began = time.thread_time()
    assert begins(read(path)) == ["08-15 15:30+0200"]
    assert time.thread_time() - began < 3


def test_entries_of_one_identity_that_nothing_tells_apart_are_all_taken(tmp_path: Path) -> None:
    days = [f"UID:x\nSEQUENCE:0\nDTSTART:202608{day}T153000\nDURATION:PT2H" for day in (15, 22, 29)]
    found = read(ics(tmp_path, *days))
    assert [event.begin.day for event in found.events] == [15, 22, 29]
    assert "expected one beginning of a UID, got 3" in only_note(found)


OLD = "UID:x\nDTSTART:20260815T153000Z\nDURATION:PT2H\nDTSTAMP:20260101T000000Z"
NEW = "UID:x\nDTSTART:20260816T153000Z\nDURATION:PT2H\n"


@pytest.mark.parametrize(
    "stamp",
    ["SEQUENCE:1", "DTSTAMP:20260601T000000Z", "LAST-MODIFIED:20260601T000000Z"],
)
@pytest.mark.parametrize(
    ("change", "days"), [("", [16]), ("LOCATION:Moon", []), ("STATUS:CANCELLED", [])]
)
@pytest.mark.parametrize("order", [1, -1])
def test_an_old_version_is_over_whatever_became_of_it(
    stamp: str, change: str, days: list[int], order: int, tmp_path: Path
) -> None:
    found = read(ics(tmp_path, *[OLD, f"{NEW}{stamp}\n{change}"][::order]))
    assert [event.begin.day for event in found.events] == days


BARE = "UID:x\nSEQUENCE:1\nSTATUS:CANCELLED"


@pytest.mark.parametrize("order", [1, -1])
def test_a_cancellation_needs_no_time(order: int, tmp_path: Path) -> None:
    other = OLD.replace("UID:x", "UID:y").replace("0815", "0817")
    season, update = ics(tmp_path, OLD, other), ics(tmp_path, BARE, name="b.ics")
    assert begins(read(*[season, update][::order])) == ["08-17 17:30+0200"]
    assert begins(read(ics(tmp_path, *[OLD, BARE][::order], other))) == ["08-17 17:30+0200"]


def test_a_series_is_called_off_with_its_old_updates(tmp_path: Path) -> None:
    moved = "UID:s\nRECURRENCE-ID:20260808T153000\nDTSTART:20260809T180000\nDURATION:PT2H"
    bare = BARE.replace("UID:x", "UID:s")
    found = read(ics(tmp_path, WEEKS, moved, bare))
    assert not found.events
    town = table(tmp_path, "title,venue,begin", "A match,Arena,2026-08-22T15:30")
    assert not read(ics(tmp_path, WEEKS, moved, bare), town).events
    one = read(ics(tmp_path, WEEKS, f"{bare}\nRECURRENCE-ID:20260808T153000"))
    assert [event.begin.day for event in one.events] == [1, 15, 22, 29]


@pytest.mark.parametrize("status", ["CANCELED", "Cancelled", "CANCELLED ", " canceled"])
def test_a_status_in_any_spelling_calls_off(status: str, tmp_path: Path) -> None:
    assert not read(ics(tmp_path, f"STATUS:{status}\n{GOOD_MATCH}")).events


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("EXDATE:", "as EXDATE, got ''"),
        ("EXDATE:soon", "as EXDATE, got 'soon'"),
        ("EXDATE;TZID=Mars/Olympus:20260808T153000", "a known time zone of EXDATE"),
        ("RDATE:soon", "as RDATE, got 'soon'"),
        ("DTEND:", "as DTEND, got ''"),
        ("DTEND:late", "as DTEND, got 'late'"),
        ("DTEND;TZID=Mars/Olympus:20260801T173000", "a known time zone of DTEND"),
        ("DURATION:long", "expected a DURATION, got 'long'"),
    ],
)
def test_a_broken_time_that_an_entry_can_do_without_costs_no_event(
    line: str, said: str, tmp_path: Path
) -> None:
    series = "DTSTART:20260801T153000\nRRULE:FREQ=WEEKLY;COUNT=3\nEXDATE:20260815T153000"
    found = read(ics(tmp_path, f"{series}\n{line}"))
    assert [event.begin.day for event in found.events] == [1, 8]
    assert {event.duration for event in found.events} == {timedelta(minutes=112)}
    assert said in only_note(found)


@pytest.mark.parametrize("length", ["PT0S", "P0D"])
def test_a_duration_of_nothing_is_none(length: str, tmp_path: Path) -> None:
    found = read(ics(tmp_path, f"DTSTART:20260815T153000\nDURATION:{length}"))
    assert [event.duration for event in found.events] == [timedelta(minutes=112)]


def test_an_end_counts_before_a_duration(tmp_path: Path) -> None:
    both = "DTSTART:20260815T153000\nDURATION:P5D\nDTEND:20260815T173000\nLOCATION:The Hall"
    assert [event.duration for event in read(ics(tmp_path, both)).events] == [timedelta(hours=2)]


def test_a_date_that_a_series_has_too_is_at_its_time_of_day(tmp_path: Path) -> None:
    found = read(ics(tmp_path, f"{WEEKS}\nRDATE;VALUE=DATE:20260805,20260806"))
    assert {f"{event.begin:%H:%M}" for event in found.events} == {"15:30"}
    assert [event.begin.day for event in found.events] == [1, 5, 6, 8, 15, 22, 29]


@pytest.mark.parametrize("last", [18, 20, 25])
def test_a_series_that_moves_to_earlier_days_loses_none(last: int, tmp_path: Path) -> None:
    weekly = "UID:s\nDTSTART:20261006T200000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY"
    earlier = (
        "UID:s\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261013T200000\n"
        "DTSTART:20261010T200000\nDURATION:PT1H"
    )
    found = read(ics(tmp_path, weekly, earlier), last=datetime(2026, 10, last, tzinfo=BERLIN))
    days = [day for day in (6, 10, 17, 24) if day < last]
    assert [event.begin.day for event in found.events] == days


FESTIVAL: dict[str, object] = {
    "@type": "Festival",
    "name": "Open air",
    "@id": "f",
    "startDate": "2026-08-15T15:00",
    "endDate": "2026-08-15T23:00",
}
SHOW: dict[str, object] = {"name": "A band", "startDate": "2026-08-15T21:00"}


@pytest.mark.parametrize("way", ["superEvent", "text", "reference", "nested"])
def test_bands_of_a_festival_count_with_it_however_they_are_named(way: str, tmp_path: Path) -> None:
    parts = {"text": ["b"], "reference": [{"@id": "b"}], "nested": [SHOW | {"@type": "MusicEvent"}]}
    whole = FESTIVAL | ({} if way == "superEvent" else {"subEvent": parts[way]})
    beside = SHOW | {"@id": "b", "superEvent": {"@id": "f"} if way == "superEvent" else None}
    found = read(jsonld(tmp_path, *([whole] if way == "nested" else [beside, whole])))
    assert [event.title for event in found.events] == ["Open air"]


def test_a_tournament_without_a_venue_is_its_matches(tmp_path: Path) -> None:
    final = SHOW | {"@type": "SportsEvent", "name": "Final", "location": {"name": "Arena"}}
    cup = FESTIVAL | {"location": "Berlin", "subEvent": [final]}
    assert [event.title for event in read(jsonld(tmp_path, cup)).events] == ["Final"]
    both = read(jsonld(tmp_path, cup | {"location": "The Hall"})).events
    assert [(event.title, event.venue) for event in both] == [
        ("Open air", "hall"),
        ("Final", "arena"),
    ]
    alone = read(jsonld(tmp_path, cup | {"subEvent": [{"@id": "elsewhere"}]}))
    assert "expected its parts" in only_note(alone)


@pytest.mark.parametrize("order", [1, -1])
def test_what_is_set_anew_is_off_when_it_was_to_be(order: int, tmp_path: Path) -> None:
    old = {"@id": "x", "startDate": "2026-08-14T19:30"}
    new = {
        "@id": "x",
        "startDate": "2026-08-16T19:30",
        "eventStatus": "https://schema.org/EventRescheduled",
        "previousStartDate": ["2026-08-14T19:30", "soon"],
    }
    found = read(jsonld(tmp_path, *[old, new][::order]))
    assert begins(found) == ["08-16 19:30+0200"]
    assert any("as previousStartDate, got 'soon'" in note.message for note in found.notes)
    town = table(tmp_path, "title,venue,begin", "A concert,Hall,2026-08-14T19:35")
    assert begins(read(jsonld(tmp_path, new), town)) == ["08-16 19:30+0200"]


@pytest.mark.parametrize("before", ["2026-08-15", "2026-08-15T19:30", "2026-08-15T17:30Z"])
def test_what_is_set_anew_on_its_day_is_on(before: str, tmp_path: Path) -> None:
    new = {"eventStatus": "EventRescheduled", "previousStartDate": before}
    for begin in ("2026-08-15T19:30", "2026-08-15T19:35", "2026-08-15"):
        assert len(read(jsonld(tmp_path, new | {"startDate": begin})).events) == 1


def test_events_of_a_place_need_not_name_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    match = {"@type": "SportsEvent", "name": "A match", "startDate": "2026-08-15T15:30"}
    away = match | {"name": "Away", "location": "The Hall"}
    path.write_text(
        json.dumps({"@type": "StadiumOrArena", "name": "Arena", "event": [match, away]})
    )
    assert [event.venue for event in read(path).events] == ["arena", "hall"]


@pytest.mark.parametrize("identity", [["a"], {"a": 1}, [], 7, None])
def test_an_identity_of_any_type_crashes_nothing(identity: object, tmp_path: Path) -> None:
    part = SHOW | {"@id": identity, "@type": "MusicEvent", "superEvent": {"@id": identity}}
    found = read(jsonld(tmp_path, FESTIVAL | {"@id": identity, "subEvent": [part]}, part))
    assert "Open air" in [event.title for event in found.events]


# What nobody should feed in


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Break a calendar in one to four places, as editors, exporters and attackers do."""
    lines = data.splitlines(keepends=True)
    values = [
        b"FREQ=SECONDLY", b"FREQ=DAILY;INTERVAL=7;BYDAY=TU", b"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        b"99991231T235959Z", b"00000000T000000", b"20260329T023000", b"-P1W", b"P99999D", b"1e309",
        b"-1", b"null", b"[]", b"{}", b"", b"\x00", b"\xff", b"UTC", b"Nowhere/Land", b"2026-02-30",
        b"9" * 400, b"FREQ=WEEKLY;COUNT=-5", b"FREQ=MONTHLY;BYDAY=6MO;BYSETPOS=9", b"20261025",
    ]  # fmt: skip
    for _ in range(chance.randint(1, 4)):
        if not lines:
            break
        at = chance.randrange(len(lines))
        kind = chance.randrange(7)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[chance.randrange(len(lines))])
        elif kind == 2:
            line = bytearray(lines[at])
            if line:
                line[chance.randrange(len(line))] = chance.randrange(256)
            lines[at] = bytes(line)
        elif kind == 3:
            head, mark, _ = lines[at].partition(b":")
            lines[at] = head + mark + chance.choice(values) + b"\n"
        elif kind == 4:
            cut = chance.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:cut] + chance.choice(values) + lines[at][cut:]
        elif kind == 5:
            lines.insert(at, b"RRULE:" + chance.choice(values) + b"\n")
        else:
            lines = lines[:at] if chance.random() < 0.1 else lines
    return b"".join(lines)


def test_a_thousand_broken_calendars_never_crash_and_never_hang(tmp_path: Path) -> None:
    chance = random.Random(1)
    sources = sorted(CALENDARS.iterdir())
    loaded = 0

    def late(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    try:
        for number in range(1000):
            source = sources[number % len(sources)]
            path = tmp_path / f"broken{source.suffix}"
            path.write_bytes(mutated(source.read_bytes(), chance))
            signal.setitimer(signal.ITIMER_REAL, 5)
            with contextlib.suppress(ConfigError):
                loaded += bool(read(path).events)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert loaded > 300
