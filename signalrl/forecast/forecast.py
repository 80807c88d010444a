"""Forecasts where, when and how surely traffic exceeds what the signals can serve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from signalrl.errors import ConfigError
from signalrl.events.event import Event
from signalrl.events.venues import Registry
from signalrl.forecast.assignment import Assignment, assign
from signalrl.forecast.corrections import Corrections, corrections_of
from signalrl.forecast.loading import Loading, load
from signalrl.forecast.traffic import Parking, Traffic, Window, draw_traffic
from signalrl.forecast.waves import steady_delay_s
from signalrl.network.capacity import Capacity, find_movements
from signalrl.network.model import Network
from signalrl.scenario.schema import Scenario
from signalrl.scenario.streams import stream

FloatArray = npt.NDArray[np.floating[Any]]

DRAWS = 200
BIN_S = 900.0
LEVEL_E_S = 55.0
"""Delay in s per vehicle from which on an approach is at level of service E, at capacity (Highway
Capacity Manual)."""
FEW_VEHICLES = 5.0
"""A queue that is shorter, in vehicles, is no problem however long it waits."""
UTILISED = 0.95
"""Part of the lanes' capacity that traffic really finds: junctions that are full lose the rest."""
SPREAD = 0.3
"""Standard deviation of the logarithm of a lane's capacity, from evening to evening."""
DEMAND_ERROR, QUEUE_ERROR = 0.28, 0.6
"""Standard deviations of the logarithm of what really comes, and waits, at an approach over what
the model says of that evening; on top, counts differ as by chance (Poisson). Fitted to simulated
evenings of the seasons of ``arena`` and ``ingolstadt-matchday``."""
QUANTILES = (0.1, 0.5, 0.9)
PARTS = 3
"""Parts of a bin to which the onset of a problem is found."""
_QUIET_DRAWS = 20
_BEFORE_S = 900.0
"""How long the network is loaded before the first visitors are on the road."""


@dataclass(frozen=True)
class Outlook:
    """What may come in a window, with one entry per bin of time, approach and draw.

    Attributes:
        window: The time.
        bin_s: Length of a bin in s.
        approaches: Edges before the stop lines, sorted.
        storage: Vehicles that find room on each approach, ``(approaches,)``.
        capacity_veh_h: What each approach discharges of its mix, ``(bins, approaches)``.
        demand_veh_h: Traffic that comes, ``(bins, approaches, draws)``.
        wanting: Vehicles that want to pass the stop line in a bin: those who wait since before it,
            those who come, and those who have no room to enter at its end.
        left: Vehicles that pass the stop line, of the same shape.
        queue: Vehicles delayed there, by red and by others, as a mean over the bin.
        outside: Vehicles that wait there for room to enter the network.
        judged: Vehicles by which it is judged whether there is a problem: queue and outside, with
            the corrections of problems in place of those of queues.
        onset_s: Time after the begin from which an approach has a problem, to a third of a bin,
            ``(approaches, draws)``; NaN where it has none. See :func:`onset_bins`.
        phases: What visitors do in each part of a bin, ``(parts,)``; see
            :meth:`signalrl.forecast.traffic.Traffic.phases`.
        part_s: Length in s of a part of a bin, in which gridlock is looked for.
        accumulation: Vehicles on the streets between signals, as a mean over the part, ``(parts,
            draws)``.
        outflow_veh_h: Vehicles that are through, of the same shape.
        parking: How many cars of each event find no space, which is no part of all this.
    """

    window: Window
    bin_s: float
    approaches: tuple[str, ...]
    storage: FloatArray
    capacity_veh_h: FloatArray
    demand_veh_h: FloatArray
    wanting: FloatArray
    left: FloatArray
    queue: FloatArray
    outside: FloatArray
    judged: FloatArray
    onset_s: FloatArray
    phases: npt.NDArray[np.intp]
    part_s: float
    accumulation: FloatArray
    outflow_veh_h: FloatArray
    parking: tuple[Parking, ...] = ()

    @cached_property
    def ratio(self) -> FloatArray:
        """Demand over capacity X, with the queue at a bin's begin as a part of the demand.

        So does the Highway Capacity Manual (initial queue). What comes is less the longer a queue
        is, since a full road lets nobody in.
        """
        most = self.capacity_veh_h[:, :, None] * (self.bin_s / 3600.0)
        found: FloatArray = self.wanting / most
        return found

    @cached_property
    def delay_s(self) -> FloatArray:
        """Mean delay per vehicle that passes, in s."""
        return delay_s(self.queue + self.outside, self.left, self.bin_s)

    @cached_property
    def problem(self) -> npt.NDArray[np.bool_]:
        """Whether an approach is at level of service E or F."""
        return is_problem(self.judged, self.left, self.bin_s)

    @property
    def severity(self) -> FloatArray:
        """How bad it gets, ``(approaches, draws)``; see :func:`severity`."""
        found: FloatArray = severity(self.judged, self.left, self.bin_s).max(axis=0)
        return found


def delay_s(queue: npt.ArrayLike, left: npt.ArrayLike, bin_s: float) -> FloatArray:
    """Return the mean delay per vehicle in s, by Little's law.

    Args:
        queue: Vehicles delayed, as a mean over a bin.
        left: Vehicles that passed in it.
        bin_s: Length of the bin in s.
    """
    found: FloatArray = np.asarray(queue) * bin_s / np.maximum(np.asarray(left), 1.0)
    return found


def severity(queue: npt.ArrayLike, left: npt.ArrayLike, bin_s: float) -> FloatArray:
    """Return how bad it is: above 1 at level of service E or F with more than a few vehicles.

    It is proportional to the queue, so that a factor on the queue is one on the severity.
    """
    few = np.asarray(queue) / FEW_VEHICLES
    found: FloatArray = np.minimum(delay_s(queue, left, bin_s) / LEVEL_E_S, few)
    return found


def is_problem(queue: npt.ArrayLike, left: npt.ArrayLike, bin_s: float) -> npt.NDArray[np.bool_]:
    """Return where an approach is at level of service E or F, with more than a few vehicles."""
    found: npt.NDArray[np.bool_] = severity(queue, left, bin_s) > 1.0
    return found


def onset_bins(waiting: npt.ArrayLike, left: npt.ArrayLike, bin_s: float) -> FloatArray:
    """Return the first bin from which an approach has a problem, NaN where it has none.

    Bins are short, and delays in them are noisy: a problem begins with the first ``PARTS`` bins in
    a row that together are at level of service E or F.

    Args:
        waiting: Vehicles delayed, as a mean over each bin, ``(bins, ...)``.
        left: Vehicles that passed in each bin, of the same shape.
        bin_s: Length of a bin in s.
    """
    together = np.asarray(waiting), np.asarray(left)
    shape = len(together[0]) - PARTS + 1
    queue, passed = (sum(a[i : i + shape] for i in range(PARTS)) for a in together)
    found = is_problem(queue / PARTS, passed, PARTS * bin_s)
    return np.where(found.any(axis=0), found.argmax(axis=0), np.nan)


def merged(values: npt.NDArray[Any], mean: bool) -> npt.NDArray[Any]:
    """Return the sums, or the means, of each ``PARTS`` bins; those at the end that are left go."""
    bins = len(values) // PARTS
    parts = values[: bins * PARTS].reshape(bins, PARTS, *values.shape[1:])
    found: npt.NDArray[Any] = parts.mean(axis=1) if mean else parts.sum(axis=1)
    return found


def look_ahead(
    scenario: Scenario,
    network: Network,
    registry: Registry | None,
    events: Iterable[Event],
    window: Window,
    draws: int = DRAWS,
    seed: int = 0,
    bin_s: float = BIN_S,
    before_s: float = 0.0,
) -> Outlook:
    """Draw what may come in a window.

    Args:
        scenario: Its network, and its traffic on any day.
        network: Its signals.
        registry: The venues of the events.
        events: Those of which visitors may be on the road.
        window: The time.
        draws: How many evenings are drawn.
        seed: Decides everything.
        bin_s: Length of a bin of the result in s, a multiple of three of the window's steps.
        before_s: For how long the network is loaded before the window, in s, a multiple of the
            parts of a bin; it is empty then.

    Raises:
        ConfigError: The window is shorter than a bin, or a bin no such multiple; a venue has no
            roads, the traffic has no date, or the corrections are those of another network.
        NetworkError: Nobody passes a signal.
        SimulationError: SUMO's router failed.
    """
    _check_bins(window, bin_s)
    capacity = Capacity(find_movements(network))
    traffic = draw_traffic(scenario, registry, events, window.begun_before(before_s), draws, seed)
    found = assign(scenario, capacity, traffic)
    return outlook(capacity, found, traffic, bin_s, corrections_of(scenario), before_s)


def _check_bins(window: Window, bin_s: float) -> None:
    if bin_s <= 0.0 or bin_s % (PARTS * window.step_s):
        raise ConfigError(
            f"expected bins of a multiple of {PARTS * window.step_s:g} s, got {bin_s:g} s"
        )
    if (window_s := window.end_s - window.begin_s) < bin_s:
        raise ConfigError(
            f"expected a window of {bin_s:g} s or more, one bin of the forecast, got "
            f"{window_s:g} s; give it a later end"
        )


def outlook(
    capacity: Capacity,
    found: Assignment,
    traffic: Traffic,
    bin_s: float = BIN_S,
    corrections: Corrections | None = None,
    before_s: float = 0.0,
) -> Outlook:
    """Load the network with all draws; see :func:`look_ahead`.

    Hours before the first visitors are those of any day, for which the signals were set: a few
    draws stand for all of them, with the capacity that signals usually have.

    Args:
        capacity: The signals.
        found: Where the traffic goes.
        traffic: Who drives, from ``before_s`` before what is told.
        bin_s: Length of a bin in s.
        corrections: What past evenings taught.
        before_s: How much of the begin is left out.

    Raises:
        ConfigError: The window is shorter than a bin, or a bin no multiple of three steps.
    """
    window = traffic.window.begun_before(-before_s)
    _check_bins(window, bin_s)
    part_s = bin_s / PARTS
    per_part = round(part_s / traffic.window.step_s)
    skipped = round(before_s / part_s)
    parts = skipped + window.steps // (per_part * PARTS) * PARTS
    whole = _load_parts(capacity, found, traffic, parts, part_s)
    random = stream(traffic.seed, "forecast errors")
    of_demand, of_waiting = (
        np.exp(error * random.standard_normal((1, *whole.left.shape[1:]))).astype(np.float32)
        for error in (DEMAND_ERROR, QUEUE_ERROR)
    )
    turning = found.turning
    periods = turning.period_of[::per_part][:parts]
    lanes_veh_h = found.lanes_veh_s * 3600.0 * UTILISED
    steady_s = steady_delay_s(capacity, turning, found.parts, lanes_veh_h).astype(np.float32)
    phases = traffic.phases(per_part)[:parts]
    taught = None if corrections is None else corrections.factors(capacity.approaches, phases)
    waiting = _waiting(whole, steady_s[periods] / np.float32(part_s), of_waiting, taught)
    left, judged = whole.left[skipped:], waiting.judged[skipped:]
    counted = _counted(merged(whole.arrived[skipped:], mean=False), of_demand, random)
    served_veh_h = UTILISED * capacity.of_approaches(turning.flows.sum(axis=1))
    streets = np.unique(turning.hop_approach)
    return Outlook(
        window=window,
        bin_s=bin_s,
        approaches=capacity.approaches,
        storage=turning.storage,
        capacity_veh_h=served_veh_h[periods[skipped::PARTS]],
        demand_veh_h=counted * (3600.0 / bin_s),
        wanting=_wanting(waiting, counted, skipped),
        left=merged(left, mean=False),
        queue=merged(waiting.queue[skipped:], mean=True),
        outside=merged(waiting.outside[skipped:], mean=True),
        judged=merged(judged, mean=True),
        onset_s=onset_bins(judged, left, part_s) * part_s,
        phases=phases[skipped:],
        part_s=part_s,
        accumulation=whole.inside[skipped:, streets].sum(axis=1),
        outflow_veh_h=whole.ended[skipped:].sum(axis=1) * (3600.0 / part_s),
        parking=traffic.parking,
    )


def _load_parts(
    capacity: Capacity, found: Assignment, traffic: Traffic, parts: int, part_s: float
) -> Loading:
    """Load the network with all draws from the first visitors on, and with a few before."""
    per_part = round(part_s / traffic.window.step_s)
    shape = (parts, len(capacity.approaches), traffic.draws)
    whole = Loading(*(np.zeros(shape, np.float32) for _ in range(6)))
    first = min([parts, *(int(one.step.min()) // per_part for one in traffic.crowds.values())])
    if first > 0:
        few = min(_QUIET_DRAWS, traffic.draws)
        quiet = _load(capacity, found, traffic, range(first * per_part), per_part, few, spread=0.0)
        repeated = np.arange(traffic.draws) % few
        for part, of_all in zip(quiet.arrays, whole.arrays, strict=True):
            of_all[:first] = part[:, :, repeated]
    if first < parts:
        before = max(0, first - round(_BEFORE_S / part_s))  # so that the network fills
        steps = range(before * per_part, parts * per_part)
        busy = _load(capacity, found, traffic, steps, per_part, traffic.draws, SPREAD)
        for part, of_all in zip(busy.arrays, whole.arrays, strict=True):
            of_all[first:] = part[first - before :]
    return whole


def _load(
    capacity: Capacity,
    found: Assignment,
    traffic: Traffic,
    steps: range,
    per_bin: int,
    draws: int,
    spread: float,
) -> Loading:
    noise = stream(traffic.seed, "forecast capacity").standard_normal((len(capacity.lanes), draws))
    return load(
        capacity,
        found.turning,
        found.parts,
        found.lanes_veh_s[:, :, None] * UTILISED * np.exp(spread * noise),
        traffic.entering(found.turning.entries, draws, steps),
        traffic.window.step_s,
        per_bin,
        steps.start,
    )


class _Waiting(NamedTuple):
    """Vehicles that wait at the approaches, each array ``(parts, approaches, draws)``.

    Attributes:
        queue: Delayed at the stop line, by red and by others.
        standing: Those of them who wait because more came than could leave.
        outside: They wait for room to enter.
        judged: Queue and outside, by which it is judged whether there is a problem.
    """

    queue: FloatArray
    standing: FloatArray
    outside: FloatArray
    judged: FloatArray


def _waiting(
    whole: Loading,
    steady: FloatArray,
    error: FloatArray,
    taught: tuple[FloatArray, FloatArray] | None,
) -> _Waiting:
    """Return who waits, in the arrays of the loading, which are large and change.

    Args:
        whole: What happened at the approaches, all errors left out.
        steady: Vehicles that the mean traffic has waiting anyway, per vehicle that passes in a
            part, ``(parts, approaches)``.
        error: Factor on all who wait, ``(1, approaches, draws)``.
        taught: Factors of past evenings on them and for problems, ``(parts, approaches)`` each.
    """
    queue = whole.left * steady[:, :, None]
    queue += whole.queue
    for waiting in (queue, whole.queue, whole.outside):
        waiting *= error
    judged = queue + whole.outside
    if taught is not None:
        of_waiting, of_problems = taught
        judged *= of_problems[:, :, None]
        for waiting in (queue, whole.queue, whole.outside):
            waiting *= of_waiting[:, :, None]
    return _Waiting(queue, whole.queue, whole.outside, judged)


def _counted(coming: FloatArray, error: FloatArray, random: np.random.Generator) -> FloatArray:
    """Return what detectors count of vehicles that come, which is 0 at least."""
    counted = coming * error
    counted += np.sqrt(counted) * random.standard_normal(counted.shape)
    return np.maximum(counted, 0.0)


def _wanting(waiting: _Waiting, counted: FloatArray, skipped: int) -> FloatArray:
    """Return who wants to pass in each bin; see :class:`Outlook`."""
    last = np.arange(skipped + PARTS - 1, len(waiting.queue), PARTS)  # of each bin
    stood = waiting.standing[np.maximum(last - PARTS, 0)]
    if not skipped:
        stood[0] = 0.0
    return stood + counted + waiting.outside[last]
