"""What a step costs beside the simulation: our environment, sumo-rl and an empty libsumo loop.

All three drive the same traffic: each signal shows its phases in the order and for about the times
of its stored program, by the same actions; the hashes of the vehicles' records have to agree. Each
run is a process of its own, the variants take turns, and ratios are formed within a turn. Starting
SUMO is not counted; writing the vehicles' records is, in all variants.

Two figures say what our environment costs. *Beside the simulation* is the time outside of SUMO over
the time inside of it, in the same run. *Against the empty loop* is the processor's time of a whole
run over that of libsumo alone: it has what the first has, and that SUMO itself gets slower, since
what runs between two of its steps takes the caches from it.

One signal of cologne8 does not follow its program: sumo-rl shows no yellow where a protected green
turns permissive, so that signal changes once, before any vehicle is there, and stays.

    python benchmarks/stepping.py --turns 7 --out benchmarks/results/stepping.json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signalrl.benchmark.provenance import commit, versions
from signalrl.control import observation
from signalrl.env.signal_env import SignalEnv
from signalrl.network.model import Network
from signalrl.network.timing import transition
from signalrl.scenario.catalog import load_scenario
from signalrl.scenario.demand import draw_episode
from signalrl.scenario.schema import Scenario
from signalrl.sumo import detectors
from signalrl.sumo.episode import Outputs, scenario_network
from signalrl.sumo.outputs import read_trips
from signalrl.sumo.plant import SumoPlant

MAPS = ("resco-cologne1", "resco-cologne8", "resco-grid4x4", "resco-ingolstadt21")
WITH_PEERS = ("resco-cologne8", "resco-grid4x4")
SEED = 7
LIMITS = {name: 0.05 if name == "resco-ingolstadt21" else 0.15 for name in MAPS}
FASTER = {"sumo-rl": 1.5, "sumo-rl-parallel": 1.9}


def plan(scenario: Scenario, network: Network) -> np.ndarray[Any, Any]:
    """Return phases (decisions, signals) that follow each signal's stored program.

    Where a change of the cycle looks different in sumo-rl (it shows no yellow to a protected green
    that turns permissive), the signal changes once, before any vehicle is there, and stays.
    """
    interval_s = scenario.decision_interval_s
    decisions = round(scenario.horizon_s / interval_s)
    columns = []
    for signal in network.signals:
        order: list[int] = []
        alike = True
        for phase in signal.phases:
            following = signal.phases[(phase.index + 1) % len(signal.phases)]
            way = transition(signal, phase.index, following.index, scenario.timing)
            alike &= [i.state for i in way] == [sumo_rl_yellow(phase.state, following.state)]
            green = next(
                (s.duration_s for s in signal.program.steps if s.state == phase.state),
                2 * interval_s,
            )
            order += [phase.index] * max(2, round((green + 3.0) / interval_s))
        if not alike:
            most = max(signal.phases, key=lambda p: sum(c in "Gg" for c in p.state))
            order = [0, 0] + [most.index] * decisions
        columns.append((order * (decisions // len(order) + 1))[:decisions])
    return np.array(columns, dtype=np.int64).T


def sumo_rl_yellow(old: str, new: str) -> str:
    """Return the state that sumo-rl shows between two phases."""
    return "".join("y" if a in "Gg" and b in "rs" else a for a, b in zip(old, new, strict=True))


@dataclass(frozen=True, slots=True)
class Took:
    """What a run took: seconds of the processor, and the time outside of SUMO over that inside."""

    seconds: float
    beside: float | None = None


def run_ours(scenario: Scenario, outputs: Outputs, watched: bool) -> Took:
    """Step our Gymnasium environment through an episode; watched, with a clock around SUMO."""
    env = SignalEnv(scenario, backend="libsumo", outputs=outputs)
    actions = plan(scenario, env.session.network)
    if env.single:
        actions = actions[:, 0]
    env.reset(seed=SEED)
    inside = watch(env.session.plant) if watched else [0.0]
    began, began_s = time.process_time(), time.perf_counter()
    for action in actions:
        env.step(action)
    took, took_s = time.process_time() - began, time.perf_counter() - began_s
    env.close()
    return Took(took, took_s / inside[0] - 1 if watched else None)


def watch(plant: SumoPlant) -> list[float]:
    """Return a list of one number: the seconds that a plant spends in SUMO from now on."""
    inside = [0.0]

    def timed(work: Callable[[Any], None]) -> Callable[[Any], None]:
        def run(argument: Any) -> None:
            began_s = time.perf_counter()
            work(argument)
            inside[0] += time.perf_counter() - began_s

        return run

    plant.advance = timed(plant.advance)  # type: ignore[method-assign]
    plant.show = timed(plant.show)  # type: ignore[method-assign]
    return inside


def record_changes(scenario: Scenario) -> list[tuple[float, str, str]]:
    """Return every signal state that our environment shows, with its time."""
    env = SignalEnv(scenario, backend="libsumo")
    network, changes = env.session.network, []
    actions = plan(scenario, network)
    env.session.start(SEED)
    plant = env.session.plant
    show = plant.show

    def record(shown: list[tuple[int, str]]) -> None:
        changes.extend((plant.time_s, network.signals[i].id, state) for i, state in shown)
        show(shown)

    plant.show = record  # type: ignore[method-assign, assignment]
    env.session.loop.reset(plant)
    for action in actions:
        env.session.loop.step(action)
    env.close()
    return changes


def run_empty(scenario: Scenario, outputs: Outputs, changes: list[Any]) -> Took:
    """Run libsumo alone, with the same signal states at the same times."""
    env = SignalEnv(scenario, backend="libsumo", outputs=outputs)
    env.session.start(SEED)
    import libsumo

    end_s, step_s = scenario.end_s, scenario.decision_interval_s
    at: dict[float, list[tuple[str, str]]] = {}
    for time_s, signal, state in changes:
        at.setdefault(time_s, []).append((signal, state))
    stops = sorted({*at, *np.arange(scenario.begin_s + step_s, end_s + step_s, step_s).tolist()})
    began = time.process_time()
    for now in stops:
        if now > scenario.begin_s:
            libsumo.simulationStep(now)
        for signal, state in at.get(now, ()):
            libsumo.trafficlight.setRedYellowGreenState(signal, state)
    took = time.process_time() - began
    env.close()
    return Took(took)


def run_peer(scenario: Scenario, outputs: Outputs, parallel: bool) -> Took:
    """Step sumo-rl through the same episode with the same actions."""
    os.environ["LIBSUMO_AS_TRACI"] = "1"
    os.environ.setdefault("SUMO_HOME", str(Path(_package("sumo"))))
    if parallel:  # sumo-rl 1.4.5 asks for a name that PettingZoo has since changed
        import pettingzoo.utils as utils

        utils.agent_selector = utils.AgentSelector
    import sumo_rl

    network = scenario_network(scenario)
    actions = plan(scenario, network)
    ids = [signal.id for signal in network.signals]
    sumo = scenario.sumo
    make: Callable[..., Any] = sumo_rl.parallel_env if parallel else sumo_rl.SumoEnvironment
    settings: dict[str, Any] = {} if parallel else {"single_agent": False}
    env = make(
        net_file=str(scenario.network_file),
        route_file=",".join(str(path) for path in scenario.route_files),
        begin_time=int(scenario.begin_s),
        num_seconds=int(scenario.horizon_s),
        delta_time=int(scenario.decision_interval_s),
        yellow_time=int(float(scenario.timing.yellow_s)),
        min_green=int(scenario.timing.min_green_s),
        time_to_teleport=int(sumo.time_to_teleport_s),
        sumo_seed=draw_episode(scenario, SEED, outputs.folder).sumo_seed,
        sumo_warnings=False,
        additional_sumo_cmd=(
            f"--ignore-junction-blocker {sumo.ignore_junction_blocker_s} --no-step-log "
            f"--duration-log.disable --end {scenario.end_s} "
            f"--tripinfo-output {outputs.tripinfo} --tripinfo-output.write-unfinished "
            "--tripinfo-output.write-undeparted"
        ),
        **settings,
    )
    env.reset()
    began = time.process_time()
    for action in actions:
        env.step({ts: int(a) for ts, a in zip(ids, action, strict=True)})
    took = time.process_time() - began
    env.close()
    return Took(took)


def _package(name: str) -> str:
    import importlib.util

    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.submodule_search_locations
    return next(iter(spec.submodule_search_locations))


def one_run(name: str, variant: str, changes: Path) -> dict[str, Any]:
    """Run one variant in this process; return its time and the hash of its traffic."""
    scenario = load_scenario(name)
    with tempfile.TemporaryDirectory() as folder:
        outputs = Outputs(Path(folder))
        if variant == "record":
            changes.write_text(json.dumps(record_changes(scenario)))
            return {}
        if variant in ("ours", "watched"):
            took = run_ours(scenario, outputs, variant == "watched")
        elif variant == "empty":
            took = run_empty(scenario, outputs, json.loads(changes.read_text()))
        else:
            took = run_peer(scenario, outputs, variant == "sumo-rl-parallel")
        return {**asdict(took), "sha256": read_trips(outputs.tripinfo).sha256}


def in_a_process(name: str, variant: str, changes: Path) -> dict[str, Any]:
    """Run one variant in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", name, variant, str(changes)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if done.returncode:
        raise SystemExit(f"{variant} on {name} failed:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def measure(name: str, turns: int) -> dict[str, Any]:
    """Measure all variants on one map."""
    peers = list(FASTER) if name in WITH_PEERS else []
    rows: dict[str, list[float]] = {variant: [] for variant in ("ours", "watched", "empty", *peers)}
    beside: list[float] = []
    hashes: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        changes = Path(folder) / "changes.json"
        in_a_process(name, "record", changes)
        for _ in range(turns):
            for variant, times in rows.items():
                result = in_a_process(name, variant, changes)
                times.append(result["seconds"])
                hashes.add(result["sha256"])
                if result["beside"] is not None:
                    beside.append(result["beside"])
    against = [a / b - 1 for a, b in zip(rows["ours"], rows["empty"], strict=True)]
    faster = {
        peer: statistics.median(t / ours for t, ours in zip(rows[peer], rows["ours"], strict=True))
        for peer in peers
    }
    return {
        "seconds": {variant: statistics.median(times) for variant, times in rows.items()},
        "beside_the_simulation": statistics.median(beside),
        "beside_range": [min(beside), max(beside)],
        "limit": LIMITS[name],
        "against_the_empty_loop": statistics.median(against),
        "against_range": [min(against), max(against)],
        "faster": faster,
        "identical_traffic": len(hashes) == 1,
    }


def main() -> int:
    """Measure, print, store; exit with 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--map", action="append", choices=MAPS)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", nargs=3, metavar=("MAP", "VARIANT", "CHANGES"))
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one_run(args.one[0], args.one[1], Path(args.one[2]))))
        return 0
    results, ok = {}, True
    for name in args.map or MAPS:
        result = results[name] = measure(name, args.turns)
        faster = "".join(f", {v:.2f} x faster than {k}" for k, v in result["faster"].items())
        print(
            f"{name}: {result['against_the_empty_loop']:+.1%} against the empty loop (limit "
            f"{result['limit']:.0%}), {result['beside_the_simulation']:.1%} beside the simulation"
            f"{faster}; identical traffic: {result['identical_traffic']}",
            flush=True,
        )
        ok &= result["identical_traffic"] and result["against_the_empty_loop"] <= result["limit"]
        ok &= all(result["faster"][k] >= FASTER[k] for k in result["faster"])
    if args.out:
        stored = {
            "command": " ".join(["python", *sys.argv]),
            "commit": commit(),
            "versions": versions(),
            "turns": args.turns,
            "native": {"encoder": observation.COMPILED, "reader": detectors.COMPILED},
            "maps": results,
        }
        args.out.write_text(json.dumps(stored, indent=2) + "\n")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
