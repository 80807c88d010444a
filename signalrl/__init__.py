"""Traffic signals that learn, and are ready when a stadium empties.

Importing this package starts nothing, and needs neither SUMO nor torch. It makes the shipped
environments known to Gymnasium:

    import gymnasium
    import signalrl

    env = gymnasium.make("signalrl/Single-v1")

``gymnasium.make("signalrl/Signal-v0", scenario="my/folder")`` takes a folder of one's own.
"""

from signalrl.env.registration import register_when_imported as _register_when_imported
from signalrl.errors import SignalRLError
from signalrl.scenario.catalog import load_scenario, scenario_names

__all__ = ["SignalRLError", "__version__", "load_scenario", "scenario_names"]
__version__ = "0.1.0"

_register_when_imported()
