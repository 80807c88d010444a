"""Runs a bundle on a plant: the control loop of the training, with the policy as its controller."""

from __future__ import annotations

import logging
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from signalrl.control.inflow import ExpectedInflow
from signalrl.control.loop import ControlLoop, Step
from signalrl.control.plant import Plant
from signalrl.deploy.bundle import Bundle
from signalrl.errors import BundleError
from signalrl.network.model import Network
from signalrl.network.timing import TimingRules

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What came of a run.

    Attributes:
        transfer: Whether the plant has another network than the one of the training.
        differences: What of the plant the policy was not trained for, in words.
        decisions: Decisions, each for all signals.
        sim_s: Time of the plant that went by.
        vetoes: Requests that the interlock did not grant.
        violations: States that the monitor found wrong; each was replaced by flashing.
        policy_failures: Decisions of a signal for which the policy gave no valid logits.
        inference_p50_ms: Median time of a decision, in ms; None without decisions.
        inference_p99_ms: 99th percentile of it, in ms; None without decisions.
    """

    transfer: bool
    differences: tuple[str, ...]
    decisions: int
    sim_s: float
    vetoes: int
    violations: int
    policy_failures: int
    inference_p50_ms: float | None
    inference_p99_ms: float | None


def run(
    plant: Plant,
    bundle: Bundle,
    *,
    network: Network | None = None,
    timing: TimingRules | None = None,
    interval_s: float | None = None,
    expected: ExpectedInflow | None = None,
    strict: bool = False,
    decisions: int | None = None,
    watch: Callable[[Step], None] | None = None,
) -> RunSummary:
    """Control a plant with a bundle's policy until the plant ends.

    The policy scores phases of any signal, so it may run on a network that it has not seen; that,
    and other timing than in training, is logged as a warning.

    Args:
        plant: What to control.
        bundle: The policy.
        network: Signals and lanes of the plant; those of the bundle by default.
        timing: The plant's timing rules; those of the bundle by default.
        interval_s: Time between decisions; that of the bundle by default.
        expected: The inflow that the calendar of events leads to expect on the plant's clock, for a
            policy that was trained with it; others do not see it.
        strict: Refuse a plant that differs from the one of the training.
        decisions: Stop after so many decisions, on a plant without an end.
        watch: Is shown every step.

    Raises:
        BundleError: The plant differs from the one of the training, and ``strict`` is set; or the
            policy was trained with the expected inflow, and there is none.
    """
    if bundle.manifest.observation.inflow and expected is None:
        raise BundleError(
            f"{bundle.path}: expected a forecast, since the policy was trained to see the inflow "
            "that a calendar of events leads to expect, got none; give it one (expected), or take "
            "a bundle that was trained without"
        )
    network = bundle.network if network is None else network
    timing = bundle.manifest.timing if timing is None else timing
    interval_s = bundle.manifest.decision_interval_s if interval_s is None else interval_s
    transfer, found = _compare(bundle, network, timing, interval_s)
    for difference in found:
        if strict:
            raise BundleError(
                f"{bundle.path}: {difference}; take a bundle that was trained for it, or leave "
                "out --strict"
            )
        logger.warning("%s: %s", bundle.path, difference)

    loop, policy = ControlLoop(network, timing, interval_s), bundle.policy()
    spent_ms = array("d")
    began_s = plant.time_s
    observation, ended = loop.reset(plant, expected), plant.ended
    while not ended and (decisions is None or len(spent_ms) < decisions):
        asked = time.perf_counter()
        phases = policy.decide(observation)
        spent_ms.append(1000.0 * (time.perf_counter() - asked))
        step = loop.step(phases)
        observation, ended = step.observation, step.ended
        if watch is not None:
            watch(step)
    return RunSummary(
        transfer=transfer,
        differences=found,
        decisions=len(spent_ms),
        sim_s=plant.time_s - began_s,
        vetoes=loop.vetoes,
        violations=len(loop.violations),
        policy_failures=policy.failures,
        inference_p50_ms=_percentile(spent_ms, 50.0),
        inference_p99_ms=_percentile(spent_ms, 99.0),
    )


def _compare(
    bundle: Bundle, network: Network, timing: TimingRules, interval_s: float
) -> tuple[bool, tuple[str, ...]]:
    """Return whether the network is another one, and every difference in words."""
    manifest = bundle.manifest
    transfer = network.hash != manifest.network_hash
    found = []
    if transfer:
        found.append(
            f"expected the network of the training ({manifest.training.scenario}, "
            f"{manifest.network_hash[:12]}), got another one ({network.hash[:12]})"
        )
    for rule in fields(TimingRules):
        before, now = getattr(manifest.timing, rule.name), getattr(timing, rule.name)
        if before != now:
            found.append(f"expected timing.{rule.name} of {before} as in training, got {now}")
    if interval_s != manifest.decision_interval_s:
        found.append(
            f"expected a decision every {manifest.decision_interval_s:g} s as in training, got "
            f"one every {interval_s:g} s"
        )
    return transfer, tuple(found)


def _percentile(values: array[float], percent: float) -> float | None:
    return float(np.percentile(values, percent)) if values else None
