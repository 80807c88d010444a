"""Reads seeds as people write them."""

from __future__ import annotations

from signalrl.errors import ConfigError

MAX_SEED = 2**31 - 1
"""The largest seed that SUMO takes."""


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds of ``"101:111"`` (101 to 110, half-open as in Python) or ``"1,2,3"``.

    Both forms may be mixed: ``"1,2,10:13"``.

    Raises:
        ConfigError: It is something else, a range is empty, or a seed comes twice.
    """
    seeds: list[int] = []
    for part in text.split(","):
        bounds = [bound.strip() for bound in part.split(":")]
        if len(bounds) > 2 or not all(b.isascii() and b.isdigit() for b in bounds):
            raise ConfigError(f"expected seeds such as 101:111 (101 to 110) or 1,2,3, got {text!r}")
        first, end = int(bounds[0]), int(bounds[1]) if len(bounds) == 2 else int(bounds[0]) + 1
        if end <= first:
            raise ConfigError(
                f"expected a range of seeds that ends above its start, got {part.strip()!r}; "
                "101:111 is 101 to 110"
            )
        if end - 1 > MAX_SEED:
            raise ConfigError(f"expected seeds up to {MAX_SEED}, got {end - 1}")
        seeds.extend(range(first, end))
    if len(set(seeds)) < len(seeds):
        twice = next(s for s in seeds if seeds.count(s) > 1)
        raise ConfigError(f"expected every seed once, got {twice} twice in {text!r}")
    return tuple(seeds)
