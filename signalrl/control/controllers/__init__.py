"""Controllers: from an observation of all signals to a phase for each."""

from signalrl.control.controllers.base import Controller
from signalrl.control.controllers.greedy import Greedy
from signalrl.control.controllers.policy import Policy
from signalrl.control.controllers.pressure import MaxPressure

__all__ = ["Controller", "Greedy", "MaxPressure", "Policy"]
