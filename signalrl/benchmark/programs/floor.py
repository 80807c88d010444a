"""Everything green at once: no controller, but a bound on what signals can reach.

Every link shows a protected green for ever, so that nobody waits for a light; what delay is left
comes from other vehicles. Of the letters that SUMO knows, ``G`` loses the least: ``g`` and ``o``
make vehicles wait for each other for ever at busy junctions, and ``O`` loses a little more.

Vehicles that meet on a junction hold each other up until ``--ignore-junction-blocker`` frees them,
and some collide. Here that is after 1 s, not after the 15 s of the scenarios: the floor of cologne1
is 4 s then instead of 5 s, that of arterial4x4 327 s instead of 483 s. At a junction that is full
on all sides, as ``single`` during its event, they block each other, and this is no bound.
"""

from __future__ import annotations

from pathlib import Path

from signalrl.benchmark.programs.site import Site
from signalrl.sumo.logic import Logic, Step, write_logics

PROGRAM = "signalrl-floor"
FOR_EVER_S = 1_000_000.0
SETTINGS = {"sumo": {"ignore_junction_blocker_s": 1.0}}


def write(site: Site) -> Path:
    """Write an additional file in which every signal under control shows green to all.

    Args:
        site: The episode.

    Returns:
        The path.
    """
    logics = [
        Logic(signal.id, "static", PROGRAM, (Step("G" * signal.size, FOR_EVER_S),))
        for signal in site.network.signals
    ]
    return write_logics(logics, site.folder / "floor.add.xml")
