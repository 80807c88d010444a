"""Everything green at once: no controller, but a bound on what signals can reach.

Every link shows a protected green for ever, so that nobody waits for a light; what delay is left
comes from other vehicles, at the stop line and on the road. Of the letters that SUMO knows, ``G``
loses the least: ``g`` and ``o`` make vehicles wait for each other for ever at busy junctions, and
``O``, no signal at all, loses a little more. Vehicles that meet on a junction still hold each
other up until ``--ignore-junction-blocker`` frees them: the shorter that time, the lower the floor.
"""

from __future__ import annotations

from pathlib import Path

from signalrl.benchmark.programs.logic import Logic, Step, write_logics
from signalrl.benchmark.programs.site import Site

PROGRAM = "signalrl-floor"
FOR_EVER_S = 1_000_000.0


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
