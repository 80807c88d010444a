"""Road networks as frozen data: signals, phases, conflicts, timing, and their preflight."""
