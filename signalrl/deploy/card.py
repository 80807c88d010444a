"""The model card of a bundle: its manifest for people."""

from __future__ import annotations

from signalrl.deploy.manifest import Manifest


def model_card(manifest: Manifest) -> str:
    """Return a model card in Markdown, after Mitchell et al., *Model Cards* (FAT* 2019)."""
    training, timing = manifest.training, manifest.timing
    seeds = ", ".join(map(str, training.seeds)) or "unknown"
    demand = "unknown"
    if training.demand_range is not None:
        low, high = training.demand_range
        factor = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        demand = f"{factor} times that of the scenario"
    sees = "what detectors count"
    if manifest.observation.inflow:
        sees += " and the inflow that a forecast from a calendar of events gives it"
    lines = [
        f"# Traffic signal policy trained on {training.scenario}",
        "",
        f"A network that scores the phases of a signal every {manifest.decision_interval_s:g} s; "
        "the highest score among the phases that the interlock allows is shown.",
        "",
        "## Training",
        "",
        f"- scenario: {training.scenario}",
        f"- decisions of a signal learned from: {training.timesteps}",
        f"- seeds: {seeds}",
        f"- demand: {demand}",
        f"- versions: {', '.join(f'{k} {v}' for k, v in manifest.versions.items()) or 'unknown'}",
        "",
        "## Signals",
        "",
        "| signal | phases |",
        "|---|---|",
        *(f"| {signal.id} | {len(signal.phases)} |" for signal in manifest.signals),
        "",
        "## Timing",
        "",
        f"- yellow change: {_seconds(timing.yellow_s)}",
        f"- red clearance: {_seconds(timing.red_clearance_s)}",
        f"- minimum green: {_seconds(timing.min_green_s)}",
        f"- maximum green: {_seconds(timing.max_green_s)}",
        f"- maximum red: {_seconds(timing.max_red_s)}",
        f"- order of phases: {'as in the program' if timing.cyclic else 'free'}",
        "",
        "## Limits",
        "",
        "- It learned in a simulation, on the demand above; other demand and other networks are "
        "outside of what it has seen. Compare it there with `signalrl benchmark` first.",
        f"- It sees {sees}, and no vehicle's identity. It decides on no person.",
        "- It does not make signals safe: the interlock and the monitor do, and they belong with "
        "it. `fallback.json` holds each signal's stored program for when it may not decide.",
        "- The checksums find damage, not malice: take bundles from where you trust.",
    ]
    return "\n".join(lines) + "\n"


def _seconds(value: float | str | None) -> str:
    if value is None:
        return "no limit"
    return "from the network (ITE)" if isinstance(value, str) else f"{value:g} s"
