"""Reads seeds as people write them."""

from __future__ import annotations

from signalrl.env.pool import FIRST_TRAINING_SEED
from signalrl.errors import ConfigError

FIRST_REPORTED_SEED = 101
"""Below are the seeds for trying things out and for tuning; no reported figure comes from them."""
MOST_SEEDS = 10_000


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds of ``"10"`` (ten of them: 101 to 110), ``"101:111"`` or ``"1,2,3"``.

    A number alone says how many, from 101 on; one seed alone is written ``"7,"``. A range is
    half-open as in Python, and both forms may be mixed: ``"1,2,10:13"``.

    Raises:
        ConfigError: It is something else, a range is empty, a seed comes twice, there are too
            many, or one belongs to the trainings.
    """
    if text.strip().isascii() and text.strip().isdigit():
        if int(text) < 1:
            raise ConfigError(f"expected at least one seed, got {text!r}")
        text = f"{FIRST_REPORTED_SEED}:{FIRST_REPORTED_SEED + int(text)}"
    seeds: list[int] = []
    for part in text.removesuffix(",").split(","):
        bounds = [bound.strip() for bound in part.split(":")]
        if len(bounds) > 2 or not all(b.isascii() and b.isdigit() for b in bounds):
            raise ConfigError(
                "expected seeds such as 10 (ten of them: 101 to 110), 101:111 (the same) or 1,2,3, "
                f"got {text!r}"
            )
        first, end = int(bounds[0]), int(bounds[1]) if len(bounds) == 2 else int(bounds[0]) + 1
        if end <= first:
            raise ConfigError(
                f"expected a range of seeds that ends above its start, got {part.strip()!r}; "
                "101:111 is 101 to 110"
            )
        if end > FIRST_TRAINING_SEED:
            raise ConfigError(
                f"expected seeds below {FIRST_TRAINING_SEED}, got {end - 1}; trainings draw theirs "
                "from there on, and no result may come from one of those"
            )
        if end - first > MOST_SEEDS:
            raise ConfigError(f"expected at most {MOST_SEEDS} seeds, got {end - first}")
        seeds.extend(range(first, end))
    if len(set(seeds)) < len(seeds):
        twice = next(s for s in seeds if seeds.count(s) > 1)
        raise ConfigError(f"expected every seed once, got {twice} twice in {text!r}")
    return tuple(seeds)
