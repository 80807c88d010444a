"""Controllers: from an observation of all signals to a phase for each."""

from signalrl.control.controllers.base import Controller
from signalrl.control.controllers.greedy import Greedy
from signalrl.control.controllers.policy import Policy
from signalrl.control.controllers.pressure import MaxPressure
from signalrl.control.controllers.queue import LongestQueue
from signalrl.control.controllers.schedule import ScheduleDriven
from signalrl.control.controllers.sotl import SelfOrganizing

__all__ = [
    "Controller",
    "Greedy",
    "LongestQueue",
    "MaxPressure",
    "Policy",
    "ScheduleDriven",
    "SelfOrganizing",
]
