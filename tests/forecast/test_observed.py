"""What happened is read from SUMO's outputs, whatever kind of route file was driven."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from signalrl.forecast.assignment import Roads
from signalrl.forecast.observed import observe
from signalrl.forecast.traffic import Window
from signalrl.sumo.episode import Outputs

ROUTES = """<routes>
    <route id="named" edges="in out"/>
    <trip id="t" depart="100.00" from="in" to="out"/>
    <vehicle id="v" depart="100.00" route="named"/>
    <vehicle id="w" depart="100.00"><route edges="in out"/></vehicle>
    <flow id="f" begin="0.00" end="900.00" number="2" from="in" to="out"/>
    <flow id="g" begin="0.00" end="900.00" number="1" route="named"/>
    <vehicle id="elsewhere" depart="100.00"><route edges="out in"/></vehicle>
</routes>"""
NAMES = ("t", "v", "w", "f.0", "f.1", "g.0", "elsewhere")


@pytest.mark.parametrize("packed", [False, True])
def test_all_who_wait_outside_are_counted_where_they_want_to_enter(
    tmp_path: Path, packed: bool
) -> None:
    routes = tmp_path / ("x.rou.xml.gz" if packed else "x.rou.xml")
    routes.write_bytes(gzip.compress(ROUTES.encode()) if packed else ROUTES.encode())
    outputs = Outputs(tmp_path, details=True)
    outputs.edge_data.write_text("<meandata/>")
    # All wanted to enter at 100 s; the last of them, and the second of the flow, never could.
    trips = [
        f'<tripinfo id="{name}" depart="{-1 if name == "f.1" else 160}" '
        f'departDelay="{1700 if name == "f.1" else 60}"/>'
        for name in NAMES
    ]
    outputs.tripinfo.write_text(f"<tripinfos>{''.join(trips)}</tripinfos>")
    window = Window(datetime(2026, 5, 9, tzinfo=UTC), 0.0, 1800.0)
    seen = observe(outputs, [routes], Roads({}, (("in",),)), window, 900.0)
    held_s = np.array([5 * 60.0 + 800.0, 900.0])
    assert seen.waiting[:, 0] == pytest.approx(held_s / 900.0)
