"""Runs the preflight over a network file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from signalrl.network.phases import control
from signalrl.network.preflight import Report, check_signal, report
from signalrl.network.timing import TimingRules
from signalrl.sumo.programs import stored_programs
from signalrl.sumo.reader import build_network, load_net, selection, stored_signals
from signalrl.sumo.zones import DETECTION_RANGE_M, detection_zones, seen_m


def check_network(
    path: Path | str,
    rules: TimingRules | None = None,
    signals: Sequence[str] | None = None,
    additional: Iterable[Path | str] = (),
    source: str = "",
) -> Report:
    """Report on every signal of a network file, also where none can be controlled.

    Args:
        path: The network file.
        rules: The timing that is required; the default derives it from speed and geometry.
        signals: Ids of the signals to control, or None for all.
        additional: Further SUMO files; programs in them replace those of the network.
        source: What the report calls it, the path if empty.

    Raises:
        NetworkError: A file can't be read, or a named signal is not in the network.
    """
    rules = rules or TimingRules()
    additional = tuple(additional)
    net = load_net(path)
    stored = stored_signals(net, additional)
    wanted = selection(path, stored, signals)
    seen: dict[str, dict[str, float]] = {signal_id: {} for signal_id in stored}
    for zone in detection_zones(net, stored.values(), DETECTION_RANGE_M):
        seen[zone.signal][zone.lane] = seen_m(net, zone)
    reports = [check_signal(s, rules, seen[s.id], s.id in wanted) for s in stored.values()]
    controlled = [control(stored[r.id]) for r in reports if r.controlled]
    network = build_network(net, controlled) if controlled else None
    return report(
        source or str(path),
        reports,
        network.hash if network else "",
        stray=stored_programs(net, additional).keys() - stored.keys(),
    )
