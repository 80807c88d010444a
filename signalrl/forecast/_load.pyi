def advance(step: int, creep: float, rare: float, *arrays: object) -> None:
    """Let a step of the loading pass; see the source for the arrays."""
