"""The loop that is the same in training, in a benchmark and on the street."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy.typing as npt

from signalrl.control.inflow import ExpectedInflow, Inflow
from signalrl.control.interlock import Change, Interlock
from signalrl.control.monitor import Monitor, Violation
from signalrl.control.observation import Encoder, Observation
from signalrl.control.plant import Plant
from signalrl.errors import ConfigError
from signalrl.network.model import Network
from signalrl.network.timing import TimingRules

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome of one decision.

    Attributes:
        observation: What the controller sees now.
        held: Requests that were not granted: index of the signal, and why, in words.
        ended: Whether the plant has ended.
    """

    observation: Observation
    held: tuple[tuple[int, str], ...]
    ended: bool


class ControlLoop:
    """Requests in, safe signal states out, from one decision to the next.

    Time goes from change to change: between two changes of a signal the plant runs on its own. A
    state that the monitor condemns is not shown: its signal flashes from then on and obeys nobody.

    Args:
        network: The signals and lanes.
        rules: The timing rules.
        interval_s: Time between decisions.

    Attributes:
        vetoes: Requests since the reset that the interlock did not grant.
        violations: What the monitor found since the reset.
    """

    def __init__(self, network: Network, rules: TimingRules, interval_s: float = 5.0) -> None:
        if interval_s <= 0:
            raise ConfigError(f"expected a decision interval above 0 s, got {interval_s:g} s")
        self.network, self.interval_s = network, interval_s
        self.interlock = Interlock(network, rules, interval_s)
        self.encoder = Encoder(network)
        self._monitor = Monitor(network, rules)
        self.vetoes = 0
        self.violations: list[Violation] = []

    def reset(self, plant: Plant, expected: ExpectedInflow | None = None) -> Observation:
        """Take over a plant: show the first phase of every signal and look.

        Args:
            plant: What is controlled.
            expected: The inflow that the calendar of events leads to expect, for observations that
                hold it; none by default.

        Raises:
            ConfigError: It is that of other signals.
        """
        shape = (len(self.network.signals), self.network.max_phases, len(Inflow))
        if expected is not None and expected.values.shape[1:] != shape:
            raise ConfigError(
                f"expected the inflow of {shape[0]} signals with up to {shape[1]} phases, got an "
                f"array of shape {expected.values.shape[1:]}; forecast it for this network"
            )
        self._plant, self._expected = plant, expected
        self.vetoes = 0
        self.violations = []
        self._tripped: set[int] = set()
        self.interlock.reset(plant.time_s)
        self._monitor.reset(plant.time_s)
        self._show(self.interlock.advance(plant.time_s))
        return self._look()

    def step(self, phases: npt.ArrayLike) -> Step:
        """Request a phase per signal, let one decision interval pass, and look."""
        plant, interlock = self._plant, self.interlock
        now = plant.time_s
        end = now + self.interval_s
        verdicts = interlock.request(phases, now)
        held: tuple[tuple[int, str], ...] = ()
        if any(verdicts):
            held = tuple((i, interlock.explain(i, v, now)) for i, v in enumerate(verdicts) if v)
            self.vetoes += len(held)
        while True:
            if interlock.next_change_s <= now:
                self._show(interlock.advance(now))
            until = min(end, interlock.next_change_s)
            plant.advance(until)
            now = until
            if now >= end or plant.ended:
                break
        return Step(self._look(), held, plant.ended)

    def _look(self) -> Observation:
        plant, expected = self._plant, self._expected
        inflow = None if expected is None else expected.at(plant.time_s)
        return self.encoder.observe(plant.measure(), self.interlock, inflow)

    def _show(self, changes: list[Change]) -> None:
        now = self._plant.time_s
        safe = []
        for signal, state in changes:
            if signal in self._tripped:
                continue
            violation = self._monitor.check(signal, state, now)
            if violation is not None:
                logger.error("signal %s flashes: %s", violation.signal, violation.rule)
                self.violations.append(violation)
                self._tripped.add(signal)
                state = "o" * self.network.signals[signal].size
            safe.append((signal, state))
        self._plant.show(safe)
