"""What an environment is made of, as data: the schema of ``scenario.yaml``.

A :class:`ScenarioFile` is what a person writes; a :class:`Scenario` is the same with the folder it
was found in, ready to be run. Times are simulated seconds, on the clock that starts at 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from signalrl.files import Strict, locate
from signalrl.network.timing import TimingRules
from signalrl.scenario.demand_schema import VISITOR, Demand, EventTraffic, Range
from signalrl.scenario.metering_schema import Metering
from signalrl.scenario.names import gym_id_of


class SumoOptions(Strict):
    """How SUMO simulates."""

    time_to_teleport_s: float = Field(
        -1.0,
        description="After this standstill a vehicle is moved on by force, in s; -1 for never.",
    )
    ignore_junction_blocker_s: float | None = Field(
        15.0,
        gt=0,
        description="After this time in s vehicles pass one that blocks a junction; null for "
        "never. Without it turners can block each other for ever once teleports are off.",
    )
    step_length_s: float = Field(1.0, gt=0, le=1, description="Simulated time per step, in s.")
    options: tuple[str, ...] = Field(
        (), description="Further options of the command line of sumo, one word each."
    )


class Detectors(Strict):
    """How the detectors of an episode fail; the reward is not affected."""

    failed: float = Field(
        0.0, ge=0, le=1, description="Probability that a lane's detectors report nothing at all."
    )
    noise: float = Field(
        0.0,
        ge=0,
        description="Standard deviation of the error of a lane's counts, as a share of them; drawn "
        "anew for each reading.",
    )


class ForecastOptions(Strict):
    """What controllers are told of the calendar's forecast; nothing by default.

    It knows begin, end and people of the events, and nothing of what an episode draws.
    """

    inflow: bool = Field(
        False,
        description="Whether observations hold the inflow of visitors that is expected in the next "
        "5 and 15 min; needs events.",
    )
    late_s: float = Field(
        0.0,
        description="By how many s the calendar has events too late; too early where it is below "
        "0.",
    )
    attendance_factor: float = Field(
        1.0,
        ge=0,
        description="How many times the people that may be expected the calendar expects.",
    )


class ScenarioFile(Strict):
    """The content of a ``scenario.yaml``."""

    title: str = Field("", description="A few words for tables and reports.")
    description: str = Field("", description="What it is good for, in a sentence or two.")
    credit: str = Field("", description="Where network and demand come from, and their licence.")
    version: int = Field(
        1, ge=1, description="Version of the environment; a change of behaviour makes a new one."
    )
    network: str = Field(
        description="SUMO network, relative to the folder or as package:NAME/path/in/it."
    )
    routes: tuple[str, ...] = Field((), description="SUMO route files that are driven as they are.")
    additional: tuple[str, ...] = Field(
        (), description="Further SUMO files, such as a stored signal plan or vehicle types."
    )
    demand: Demand | None = Field(None, description="Traffic that is drawn anew for each episode.")
    events: EventTraffic | None = Field(
        None, description="Traffic of the events of a calendar, on top of the rest."
    )
    scale_range: Range | None = Field(
        None,
        description="Bounds of the factor on the traffic of the route files (SUMO's --scale), "
        "drawn for each episode; null for 1. The visitors of events stay as they are.",
    )
    begin_s: float = Field(0.0, ge=0, description="Start of an episode, in simulated s.")
    end_s: float = Field(3600.0, gt=0, description="End of an episode, in simulated s.")
    decision_interval_s: float = Field(5.0, gt=0, description="Time between two decisions, in s.")
    signals: Literal["all"] | tuple[str, ...] = Field(
        "all", description="Ids of the signals that are controlled, or all."
    )
    timing: TimingRules = Field(
        default_factory=TimingRules,
        description="Yellow, red clearance, minimum and maximum times that are enforced.",
    )
    metering: Metering | None = Field(
        None, description="Gates that hold inflow where a controller meters; null for none."
    )
    detectors: Detectors = Field(Detectors(), description="How the detectors fail.")
    forecast: ForecastOptions = Field(
        ForecastOptions(), description="What controllers are told of the calendar's forecast."
    )
    sumo: SumoOptions = Field(SumoOptions(), description="How SUMO simulates.")

    @model_validator(mode="after")
    def _is_consistent(self) -> ScenarioFile:
        if self.end_s <= self.begin_s:
            raise ValueError(
                f"end_s: expected a time after begin_s ({self.begin_s:g}), got {self.end_s:g}"
            )
        if abs(1.0 / self.sumo.step_length_s - round(1.0 / self.sumo.step_length_s)) > 1e-9:
            raise ValueError(
                "sumo.step_length_s: expected a whole number of steps in a second, since signals "
                f"change on whole seconds, got steps of {self.sumo.step_length_s:g} s"
            )
        steps = self.decision_interval_s / self.sumo.step_length_s
        if abs(steps - round(steps)) > 1e-9 or round(steps) < 1:
            raise ValueError(
                "decision_interval_s: expected a multiple of sumo.step_length_s "
                f"({self.sumo.step_length_s:g}), got {self.decision_interval_s:g}"
            )
        if self.metering is not None and self.decision_interval_s > 60.0:
            raise ValueError(
                "decision_interval_s: expected at most 60 beside metering, whose gates decide once "
                f"per minute, got {self.decision_interval_s:g}"
            )
        decisions = (self.end_s - self.begin_s) / self.decision_interval_s
        if abs(decisions - round(decisions)) > 1e-9:
            raise ValueError(
                "end_s: expected a whole number of decisions from begin_s on, every "
                f"{self.decision_interval_s:g} s, got {self.end_s - self.begin_s:g} s"
            )
        if self.demand is None and self.events is None and not self.routes:
            raise ValueError(
                "routes: expected at least one file, or the key demand or events, got none of them"
            )
        if self.forecast.inflow and self.events is None:
            raise ValueError(
                "forecast.inflow: expected an environment with events, whose calendar tells the "
                "inflow, got one without; leave it out, or add the key events"
            )
        if self.demand is not None and self.demand.profile.clock == "day" and self.events is None:
            raise ValueError(
                "demand.profile.clock: expected episode where there are no events, got day"
            )
        if self.demand is not None and self.events and VISITOR in self.demand.vehicles:
            raise ValueError(
                f"demand.vehicles: expected other names than {VISITOR!r}, which is the type of "
                "those who come to an event (events.vehicle); rename it"
            )
        if self.demand is not None and self.scale_range is not None:
            raise ValueError(
                "scale_range: it belongs to route files, and would scale the drawn demand too; "
                "write demand.scale_range"
            )
        if self.events is not None and self.scale_range is not None and self.scale_range[0] == 0:
            raise ValueError(
                "scale_range: expected a lower bound above 0 where there are events, since SUMO "
                f"would drop their visitors too, got {list(self.scale_range)}"
            )
        return self


class Scenario(ScenarioFile):
    """A scenario that can be run: the content of its file, its name and where it lies."""

    name: str = Field(description="Name of the folder, such as resco-cologne8.")
    folder: Path = Field(description="The folder of scenario.yaml.")

    @property
    def gym_id(self) -> str:
        """Gymnasium's id, such as ``signalrl/RescoCologne8-v1``."""
        return gym_id_of(self.name, self.version)

    @property
    def horizon_s(self) -> float:
        """Length of an episode in s."""
        return self.end_s - self.begin_s

    @property
    def network_file(self) -> Path:
        """The SUMO network.

        Raises:
            ConfigError: It is not there, or the package that holds it is not installed.
        """
        return locate(self.network, self.folder, self.name)

    @property
    def route_files(self) -> tuple[Path, ...]:
        """The fixed routes, without the demand that is drawn; raises as network_file does."""
        return tuple(locate(text, self.folder, self.name) for text in self.routes)

    @property
    def additional_files(self) -> tuple[Path, ...]:
        """Further SUMO files; raises as network_file does."""
        return tuple(locate(text, self.folder, self.name) for text in self.additional)

    @property
    def calendar_files(self) -> tuple[Path, ...]:
        """The calendars of events; raises as network_file does."""
        texts = () if self.events is None else self.events.calendars
        return tuple(locate(text, self.folder, self.name) for text in texts)

    @property
    def venues_file(self) -> Path | None:
        """The registry of venues, where there are events; raises as network_file does."""
        return None if self.events is None else locate(self.events.venues, self.folder, self.name)

    @property
    def corrections_file(self) -> Path | None:
        """The corrections of forecasts, where there are some; raises as network_file does."""
        text = None if self.events is None else self.events.corrections
        return None if text is None else locate(text, self.folder, self.name)

    def check_files(self) -> None:
        """Make sure that all files are there.

        Raises:
            ConfigError: One is not, or the package that holds it is not installed.
        """
        events = () if self.events is None else (self.events.venues, *self.events.calendars)
        for text in (self.network, *self.routes, *self.additional, *events):
            locate(text, self.folder, self.name)
        _ = self.corrections_file
