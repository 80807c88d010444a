"""One episode of a benchmark, in a process of its own.

Run as ``python -m signalrl.benchmark.episode`` with an :class:`EpisodeSpec` as JSON on the standard
input. A simulation is bit-reproducible only in a fresh process, and one that crashes takes nothing
with it. The result goes to a file, what went wrong to the standard error.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from signalrl.benchmark.approaches import (
    approach_delay_s,
    fairness,
    find_approaches,
    is_gridlocked,
)
from signalrl.benchmark.controllers import make_controller, write_program
from signalrl.benchmark.holds import GateHold, read_gates, read_own_edges
from signalrl.benchmark.parameters import Value
from signalrl.benchmark.programs import PROGRAMS, Site
from signalrl.control.controllers import Controller
from signalrl.control.controllers.policy import Policy
from signalrl.control.monitor import Monitor, Violation
from signalrl.control.observation import Feature, Observation
from signalrl.env.session import Session
from signalrl.errors import BenchmarkError, SignalRLError
from signalrl.files import merged, replace_text
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.event_demand import told_of
from signalrl.sumo.course import SignalCourse
from signalrl.sumo.district import accumulation_veh, has_locked, outflow_veh_h
from signalrl.sumo.episode import Outputs, scenario_network
from signalrl.sumo.metered import GateCourse, MeteredPlant
from signalrl.sumo.outputs import EpisodeMetrics, Trips, metrics_of, read_trips
from signalrl.sumo.process import die_with_parent
from signalrl.sumo.recording import read_recording
from signalrl.sumo.watch import watch_busiest

WATCH_S = 1.0
"""How often the states of SUMO's own programs are looked at."""


@dataclass(frozen=True, slots=True)
class EpisodeSpec:
    """What to run.

    Attributes:
        scenario: Name or folder of a scenario.
        controller: A name of the catalog; ``policy`` for a policy.
        seed: Decides everything that is random.
        result: The file to write.
        policy: Bundle or ONNX file of a policy.
        parameters: Those of the controller that differ from the defaults.
        settings: Values that take the place of the scenario's.
        metered: Whether the scenario's gates meter inflow beside the controller.
        watch: Whether to record the busiest signal, and the busiest corridor, in full.
        keep: An existing folder in which SUMO's own outputs are left; None to drop them.
        parent: Process that has to be alive for this to make sense; 0 for any.
    """

    scenario: str
    controller: str
    seed: int
    result: str
    policy: str | None = None
    parameters: dict[str, Value] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    metered: bool = False
    watch: bool = False
    keep: str | None = None
    parent: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    """The course of an episode, one entry per decision.

    Attributes:
        time_s: Simulated time.
        queued: Vehicles queued before the signals, as the detectors see them.
        delay_rate: Vehicle-seconds lost per second before the signals and before metering gates,
            backlog included.
    """

    time_s: list[float]
    queued: list[float]
    delay_rate: list[float]

    def add(self, seen: Observation) -> None:
        """Add the moment of a decision."""
        queued = seen.features[:, 0, Feature.TOTAL_QUEUED].sum()
        self.time_s.append(seen.time_s)
        self.queued.append(round(float(queued), 3))
        self.delay_rate.append(round(float(seen.delay_rate.sum()), 3))

    def add_held(self, course: GateCourse) -> None:
        """Add who was before gates that held somebody, as they were counted last."""
        holds = np.array(course.allowed_veh_h) >= 0.0
        held = np.where(holds, np.array(course.waiting_veh).sum(axis=1), 0.0)
        last = np.maximum(0, np.searchsorted(course.time_s, self.time_s, side="right") - 1)
        for i, at in enumerate(last.tolist()):
            self.delay_rate[i] = round(self.delay_rate[i] + float(held[at]), 3)


@dataclass(frozen=True, slots=True)
class EpisodeResult:
    """What came of an episode.

    Attributes:
        metrics: From SUMO's own outputs.
        throughput_veh_h: Vehicles that reached their destination, per hour.
        worst_approach_s: Mean time loss on the approach where it was highest.
        fairness: Evenness of that over the approaches, 1 for all alike.
        gridlocked: Whether edges locked together.
        vetoes: Requests that the interlock did not grant; 0 for SUMO's own programs.
        violations: States that the monitor found wrong.
        first_violation: The first of them.
        sim_s: Simulated time.
        wall_s: Time that it took.
        series: The course of the episode.
        arrivals: Vehicles that reached their destination, per minute.
        accumulation_veh: Vehicles on the streets between signals, as a mean of every five minutes.
        approach_delay_s: Mean time loss per approach, by the edge before the stop line.
        edge_delay_s: Vehicle-seconds lost per edge, where there are any.
        signal: The course of the busiest signal and corridor, where it was recorded.
        locked: Whether the district locked, by its diagram; None where that is not known.
        holds: What each gate did, where inflow was metered.
        gates: What the meter saw and decided, likewise.
        occasion: The event that it is about, in words; None where the environment has none.
    """

    metrics: EpisodeMetrics
    throughput_veh_h: float
    worst_approach_s: float
    fairness: float
    gridlocked: bool
    vetoes: int
    violations: int
    first_violation: Violation | None
    sim_s: float
    wall_s: float
    series: Series
    arrivals: list[int]
    accumulation_veh: list[float]
    approach_delay_s: dict[str, float]
    edge_delay_s: dict[str, float]
    signal: SignalCourse | None
    locked: bool | None
    holds: list[GateHold]
    gates: GateCourse | None
    occasion: str | None


def run_episode(spec: EpisodeSpec) -> EpisodeResult:
    """Run an episode in this process.

    Raises:
        SignalRLError: The scenario, the policy or the simulation failed.
    """
    began_s = time.perf_counter()
    native = spec.controller in PROGRAMS
    needed = PROGRAMS[spec.controller].settings if native else {}
    scenario = load_scenario(spec.scenario, settings=merged(spec.settings, needed))
    network = scenario_network(scenario)
    series = Series([], [], [])
    with tempfile.TemporaryDirectory(prefix="signalrl-episode-") as folder:
        own = Path(folder)
        outputs = Outputs(Path(spec.keep or folder), details=True)
        additional: tuple[Path, ...] = ()
        if native:
            site = Site(scenario, network, spec.seed, own)
            additional = write_program(spec.controller, site, spec.parameters)
        recording = None
        if spec.watch:
            (own / "watch").mkdir()
            recording = watch_busiest(
                *(scenario, network, spec.seed, own / "watch"),
                native=native,
                additional=additional,
            )
            additional = (*additional, recording.additional)
        with Session(
            scenario,
            backend="libsumo",
            network=network,
            outputs=outputs,
            additional=additional,
            metered=spec.metered,
        ) as session:
            if native:
                violations = _leave_to_sumo(session, spec.seed, series)
            else:
                policy = None if spec.policy is None else Path(spec.policy)
                controller = make_controller(spec.controller, policy, spec.parameters)
                violations = _control(session, spec.seed, controller, series)
            sim_s = session.plant.time_s - scenario.begin_s
            if isinstance(session.plant, MeteredPlant):
                session.plant.end_course()
            session.stop()
            holds, course = read_gates(session.plant, outputs)
            if course is not None:
                series.add_held(course)
        trips, edges = read_trips(outputs.tripinfo), read_own_edges(session.plant, outputs)
        delays_s = approach_delay_s(find_approaches(network), edges)
        accumulation = accumulation_veh(edges, network)
        signal = None
        if recording is not None:
            signal = read_recording(recording, scenario.begin_s, scenario.end_s)
        lost_s = dict(zip(edges.ids, edges.loss_s.sum(axis=0).tolist(), strict=True))
        return EpisodeResult(
            metrics=metrics_of(trips, outputs),
            throughput_veh_h=3600.0 * float(trips.arrived.sum()) / sim_s,
            worst_approach_s=max(delays_s.values(), default=0.0),
            fairness=fairness(delays_s),
            gridlocked=is_gridlocked(edges),
            vetoes=session.loop.vetoes,
            violations=len(violations),
            first_violation=violations[0] if violations else None,
            sim_s=sim_s,
            wall_s=time.perf_counter() - began_s,
            series=series,
            arrivals=_per_minute(trips, scenario.begin_s, sim_s),
            accumulation_veh=accumulation,
            approach_delay_s={edge: round(s, 2) for edge, s in delays_s.items()},
            edge_delay_s={edge: round(s, 1) for edge, s in lost_s.items() if s > 0.0},
            signal=signal,
            locked=has_locked(scenario.metering, accumulation, outflow_veh_h(trips, edges)),
            holds=holds,
            gates=course,
            occasion=told_of(scenario, spec.seed),
        )


def _per_minute(trips: Trips, begin_s: float, sim_s: float) -> list[int]:
    """Return how many vehicles arrived in each minute."""
    minutes = max(1, math.ceil(sim_s / 60.0))
    arrival_s = trips.arrival_s[trips.arrived] - begin_s
    counts, _ = np.histogram(arrival_s, bins=minutes, range=(0.0, 60.0 * minutes))
    return [int(count) for count in counts]


def _control(
    session: Session, seed: int, controller: Controller, series: Series
) -> list[Violation]:
    """Let a controller decide; return what the loop's monitor found."""
    observation: Observation = session.reset(seed)
    while True:
        step = session.step(controller.decide(observation))
        observation = step.observation
        series.add(observation)
        if step.ended:
            break
    if isinstance(controller, Policy) and controller.failures:
        raise BenchmarkError(
            f"expected a score for every phase, got none in {controller.failures} decisions of a "
            "signal; look at the policy's training"
        )
    return session.loop.violations


def _leave_to_sumo(session: Session, seed: int, series: Series) -> list[Violation]:
    """Let SUMO's programs run, measured at the same moments; return what the monitor found."""
    plant, interval_s = session.start(seed), session.loop.interval_s
    monitor = Monitor(session.network, session.scenario.timing)
    monitor.reset(plant.time_s)
    before = [""] * len(session.network.signals)
    violations: list[Violation] = []
    while not plant.ended:
        for second in _seconds(plant.time_s, interval_s):
            plant.advance(second)
            now = plant.shown()
            for signal, state in enumerate(now):
                if state != before[signal]:
                    # A program starts in the middle of a state, whose age is not known.
                    since_s = plant.time_s if before[signal] else -math.inf
                    found = monitor.check(signal, state, since_s)
                    if found is not None:
                        violations.append(replace(found, time_s=plant.time_s))
            before = now
        series.add(session.loop.encoder.observe(plant.measure(), session.loop.interlock))
    return violations


def _seconds(start_s: float, interval_s: float) -> Iterator[float]:
    """Yield the moments from one decision to the next at which states are looked at."""
    end_s, now_s = start_s + interval_s, start_s
    while now_s < end_s:
        now_s = min(now_s + WATCH_S, end_s)
        yield now_s


def main() -> int:
    """Run the episode that the standard input describes; return an exit status."""
    die_with_parent()
    spec = EpisodeSpec(**json.load(sys.stdin))
    if spec.parent and os.getppid() != spec.parent:
        return 1
    try:
        result = run_episode(spec)
    except SignalRLError as error:
        print(" ".join(str(error).split()), file=sys.stderr)  # noqa: T201  (the parent reads it)
        return 1
    replace_text(Path(spec.result), json.dumps(asdict(result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
