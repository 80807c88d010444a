"""How hypothesis works in all tests: no deadlines, since machines are shared and noisy.

In CI the examples are the same each time, so that a verdict is about the change; elsewhere they are
drawn anew, and what is found is kept for the next run.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "signalrl",
    deadline=None,
    max_examples=50,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("signalrl")
