"""Writes a registry with what was learned as a ``venues.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from signalrl.events.learning import Learned


def write_venues(path: Path, learned: Learned, source: str) -> None:
    """Write a registry that :func:`signalrl.events.venues.read_venues` reads; comments say whence.

    Args:
        path: The file.
        learned: What was learned.
        source: What it was learned from.
    """
    registry = learned.registry
    data: dict[str, Any] = registry.model_dump(
        mode="json", exclude_unset=True, exclude={"kinds", "uncertainty"}
    )
    if registry.kinds:
        data["kinds"] = {
            name: kind.model_dump(mode="json", exclude_none=True)
            for name, kind in registry.kinds.items()
        }
    if uncertainty := registry.uncertainty.model_dump(mode="json", exclude_defaults=True):
        data["uncertainty"] = uncertainty
    lines = [f"# Learned from {source}; the prior counted for {learned.prior_events:g} events."]
    lines += [
        f"# {p.key}: {p.events} events (arrivals of {p.arrivals}, departures of {p.departures}), "
        f"prior {p.name}, {p.vehicles:.2f} times its vehicles per person"
        for p in learned.profiles
    ]
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    path.write_text("\n".join(lines) + "\n" + text, encoding="utf-8")
