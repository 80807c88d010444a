"""Prints how well learned profiles foretell days that they have not seen, for docs/events.md.

PYTHONPATH=. python benchmarks/learning.py
"""

from __future__ import annotations

from signalrl.events.learning import learn
from signalrl.events.skill import held_out
from tests.events.histories import changed, days_of, registry

MEANS_MIN = (25, 40)
"""The mean egress of the days; the prior says 25."""


def main() -> None:
    """Print one row for each truth and number of events."""
    prior = registry()
    for mean_min in MEANS_MIN:
        truth = changed(prior, mean_s=60.0 * mean_min)
        for number in (2, 5, 12, 30):
            days = days_of(truth, number, prior)
            (profile,) = learn(days, prior, min_events=1).profiles
            (skill,) = held_out(days, prior, min_events=1)
            print(
                f"| {mean_min} | {number} | {profile.kind.departures.mean_s / 60:.1f} "
                f"| {skill.pinball:.1f} | {skill.prior_pinball:.1f} "
                f"| {skill.coverage:.0%} | {skill.prior_coverage:.0%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
