"""Plans are for the days of a season on which an event begins."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from signalrl.errors import ConfigError
from signalrl.forecast.day_plans import planned_parts
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import load_season

NIGHT = "Night,{venue},2026-08-31T22:30+02:00,2026-09-01T01:00+02:00"
MATCH = "Match,{venue},2026-09-05T18:30+02:00,2026-09-05T20:30+02:00"


@pytest.mark.parametrize(("env", "venue"), [("arena", "arena"), ("cologne-concert", "hall")])
@pytest.mark.parametrize(("rows", "near"), [([NIGHT, MATCH], "2026-09-05"), ([NIGHT], "another")])
def test_an_evening_before_the_season_is_neither_planned_for_nor_proposed(
    env: str, venue: str, rows: list[str], near: str, tmp_path: Path
) -> None:
    """It belongs to the calendar, since it lasts into the first day."""
    calendar = tmp_path / "own.csv"
    text = "\n".join(["title,venue,begin,end", *(row.format(venue=venue) for row in rows)])
    calendar.write_text(text + "\n")
    season = {"first_day": "2026-09-01", "last_day": "2026-09-30", "calendars": [str(calendar)]}
    scenario = load_scenario(env, settings={"events": season})
    known = load_season(scenario)
    assert len(known.events) == len(rows)
    for day in (date(2026, 8, 31), date(2026, 9, 2)):
        with pytest.raises(ConfigError, match=f"got {day}; try {near}"):
            planned_parts(scenario, known, day)
    if MATCH in rows:
        assert planned_parts(scenario, known, date(2026, 9, 5))
