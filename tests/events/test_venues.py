from __future__ import annotations

import math
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from signalrl.events.venues import Gate, Registry, read_venues

PARK = {"spaces": 100, "entrances": ["in"], "exits": {"out": 300}}


def registry(arena: dict[str, Any] | None = None, **more: object) -> Registry:
    return Registry.model_validate({"venues": {"arena": {"capacity": 100} | (arena or {})}} | more)


def test_a_town_half_an_hour_away_sends_fewer_than_one_next_door() -> None:
    near, far = (
        Gate(inbound="in", outbound="out", population=9000, minutes=minutes) for minutes in (0, 30)
    )
    assert near.pull == 9000
    assert far.pull == pytest.approx(9000 * math.exp(-1.8))


def test_a_time_of_day_needs_no_quotes(tmp_path: Path) -> None:
    path = tmp_path / "venues.yaml"
    path.write_text("venues: {hall: {capacity: 1_000, usual_begin: 19:30}}\n")
    hall = read_venues(path).venue("hall")
    assert (hall.usual_begin, hall.capacity) == (time(19, 30), 1000)


def test_car_parks_may_share_an_exit_that_they_agree_on() -> None:
    registry({"car_parks": {"a": PARK, "b": PARK}})
    with pytest.raises(ValidationError, match=r"b.exits.out: expected 300 veh/h.*got 900"):
        registry({"car_parks": {"a": PARK, "b": PARK | {"exits": {"out": 900}}}})


def test_a_kind_has_a_share_of_cars_for_each_setting_that_needs_one() -> None:
    gala = {"gala": {"auto_share": {"urban": 0.4}}}
    registry(kinds=gala)
    registry({"setting": "suburban", "auto_share": 0.6}, kinds=gala)
    with pytest.raises(ValidationError, match=r"kinds.gala.auto_share: .* suburban"):
        registry({"setting": "suburban"}, kinds=gala)


@pytest.mark.parametrize("bounds", [(1.0, 0.7), (-1.0, 0.5), (0.5, 1.5)])
def test_rain_leaves_a_share_of_the_visitors(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match="rain_factor"):
        registry(uncertainty={"rain_factor": bounds})
