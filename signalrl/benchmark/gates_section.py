"""The part of a report that shows who was held at gates, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from signalrl.benchmark import markup

_SAID = (
    "Vehicles before a gate lose time like any others, and this time is part of the delay above. "
    "Means per episode in which the calendar armed the gates; held is the mean time lost before "
    "the gate per vehicle that came to it; longest is the longest wait in any of the episodes, by "
    "the counts of the gate's detectors."
)


def gates_section(details: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the section as HTML; empty where no controller metered.

    Args:
        details: The results of the episodes of each controller.
    """
    armed = {name: [d for d in found if d["holds"]] for name, found in details.items()}
    metered = {name: found for name, found in armed.items() if found}
    if not metered:
        return ""
    rows = []
    for name, episodes in metered.items():
        n = len(episodes)
        for i, gate in enumerate(episodes[0]["holds"]):
            holds = [episode["holds"][i] for episode in episodes]
            passed = sum(hold["passed"] for hold in holds)
            waiting = sum(hold["waiting"] for hold in holds)
            held_h = sum(hold["held_h"] for hold in holds)
            longest_s = max(hold["longest_s"] for hold in holds)
            rows.append(
                [
                    *(name, gate["gate"], f"{passed / n:.0f}", f"{held_h / n:.1f}"),
                    *(f"{3600.0 * held_h / max(1, passed + waiting):.0f}", f"{longest_s:.0f}"),
                    f"{waiting / n:.0f}",
                ]
            )
    head = [
        *("controller", "gate", "vehicles passed", "vehicle-hours held"),
        *("held s", "longest s", "waiting at the end"),
    ]
    locked = "".join(
        f"<li>{escape(name)}: the district locked in {sum(bool(d['locked']) for d in found)} of "
        f"{len(found)} episodes</li>"
        for name, found in details.items()
    )
    return f"<h3>Gates</h3><ul>{locked}</ul><p>{_SAID}</p>{markup.table(head, rows)}"
