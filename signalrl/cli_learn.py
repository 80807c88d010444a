"""The command ``signalrl learn``: profiles of events from past counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from signalrl.errors import ConfigError
from signalrl.events.calendar import read_calendars
from signalrl.events.event_days import EventDay, event_days
from signalrl.events.history import read_counts
from signalrl.events.kinds import Kind
from signalrl.events.learning import MIN_EVENTS, Learned, Profile, before_learning, learn, was_full
from signalrl.events.shapes import Egress, Ingress
from signalrl.events.skill import held_out
from signalrl.events.venues import Registry, read_venues
from signalrl.events.writing import write_venues
from signalrl.scenario.catalog import load_scenario

SHOWN_NOTES = 5
PICTURES = (".svg", ".png", ".pdf")
STRANGE = 2.0
"""More times the expected vehicles than these, or fewer, are told of."""


def learn_from(
    counts: Path,
    env: str,
    calendars: Sequence[Path],
    out: Path | None,
    picture: Path | None,
    interval_min: float | None,
    travel_min: float,
    prior_events: float,
) -> dict[str, Any]:
    """Learn profiles from counts, and say how well they foretell days that they have not seen.

    Args:
        counts: The CSV file.
        env: Environment with the venues, and the calendars where none is given.
        calendars: Calendars with the events of that time, instead of the environment's.
        out: Where to write the registry; nowhere by default.
        picture: Where to write the picture; none where no kind has enough events.
        interval_min: Length of an interval of the counts.
        travel_min: Mean drive between the gates and the car parks.
        prior_events: How many events the prior counts for.

    Returns:
        What was learned, as plain JSON data.

    Raises:
        ConfigError: A file is broken, or holds no event day that was counted, or the picture is
            of another kind.
    """
    if picture is not None and picture.suffix.lower() not in PICTURES:
        raise ConfigError(f"{picture}: expected a picture, {', '.join(PICTURES)}; name it so")
    scenario = load_scenario(env)
    if scenario.venues_file is None:
        raise ConfigError(f"{env}: expected an environment with events, got one without")
    before = read_venues(scenario.venues_file)
    prior = before_learning(before)
    interval_s = None if interval_min is None else 60.0 * interval_min
    found = read_counts(counts, prior, interval_s)
    day = timedelta(days=1)
    calendar = read_calendars(
        list(calendars) or list(scenario.calendar_files), prior, found.first - day, found.last + day
    )
    days, notes = event_days(found, prior, calendar.events, 60.0 * travel_min)
    notes = (*found.notes, *calendar.notes, *notes)
    if not days:
        raise ConfigError(
            f"{counts}: expected counts of at least one event of the calendar, got none"
            + (f" ({notes[-1]})" if notes else "")
        )
    learned = learn(days, prior, prior_events)
    skills = held_out(days, prior, prior_events)
    told = [
        *_of_thin_data(days, learned),
        *_of_full_days(days, prior),
        *_of_strange_numbers(learned),
        *map(str, notes),
    ]
    if kept := {key: kind for key, kind in before.kinds.items() if key not in prior.kinds}:
        # What was learned before stays, where nothing new came; the spread of attendances is
        # learned once, or the same counts would count twice.
        update = {"kinds": kept | learned.registry.kinds, "uncertainty": before.uncertainty}
        learned = replace(learned, registry=before.model_copy(update=update))
        told.insert(
            0, f"uncertainty stays as it was: {scenario.venues_file.name} was learned before"
        )
    if out is not None:
        write_venues(out, learned, counts.name)
    if picture is not None and not learned.profiles:
        told.insert(0, f"{picture} was not drawn: no kind has enough events to be learned")
    elif picture is not None:
        from signalrl.benchmark.profile_figure import profile_figure

        profile_figure(days, prior, learned).savefig(picture, facecolor="white")
    return {
        "counts": str(counts),
        "interval_s": found.interval_s,
        "events": len(days),
        "prior_events": prior_events,
        "profiles": [_plain(profile) for profile in learned.profiles],
        "uncertainty": learned.registry.uncertainty.model_dump(mode="json"),
        "held_out": [asdict(skill) for skill in skills],
        "notes": told,
    }


def _of_thin_data(days: Sequence[EventDay], learned: Learned) -> Iterator[str]:
    """Yield a note for each kind that stays as it was, for want of events."""
    numbers = Counter((day.event.venue, day.event.kind) for day in days)
    for (venue, name), number in sorted(numbers.items()):
        if f"{venue}.{name}" not in {profile.key for profile in learned.profiles}:
            text = f"expected at least {MIN_EVENTS} events, got {number}; it stays as it was"
            yield f"{venue}.{name}: {text}"


def _of_full_days(days: Sequence[EventDay], prior: Registry) -> Iterator[str]:
    """Yield a note for each kind of which events filled the car parks."""
    full = Counter((d.event.venue, d.event.kind) for d in days if was_full(d, prior))
    for (venue, name), number in sorted(full.items()):
        yield (
            f"{venue}.{name}: expected free spaces, got none at {number} of its events; how many "
            "more would have come is estimated from the others and the prior"
        )


def _of_strange_numbers(learned: Learned) -> Iterator[str]:
    """Yield a note for each kind of which far more or fewer come than its attendance says."""
    for profile in learned.profiles:
        if not 1.0 / STRANGE <= profile.vehicles <= STRANGE:
            yield (
                f"{profile.key}: expected about the vehicles that the attendance makes likely, got "
                f"{profile.vehicles:.2g} times as many; are the counts vehicles per interval, not "
                "per hour, and of the right direction?"
            )


def show(result: dict[str, Any], console: Console) -> None:
    """Print what was learned as tables, and the first notes."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("kind", "events", "arrivals", "departures", "people per car", "by car"):
        table.add_column(name)
    for profile in result["profiles"]:
        for which in ("prior", "kind"):
            name = profile["key"] if which == "kind" else f"prior {profile['name']}"
            events = str(profile["events"]) if which == "kind" else f"{result['prior_events']:g}"
            table.add_row(name, events, *_cells(Kind.model_validate(profile[which])))
    console.print(table)
    console.print(_skills(result["held_out"]))
    for note in result["notes"][:SHOWN_NOTES]:
        console.print(Text(f"note: {note}", style="dim"))
    if (more := len(result["notes"]) - SHOWN_NOTES) > 0:
        console.print(Text(f"and {more} more; see --json", style="dim"))


def _plain(profile: Profile) -> dict[str, Any]:
    names = ("venue", "name", "key", "events", "arrivals", "departures", "vehicles")
    plain = {name: getattr(profile, name) for name in names}
    kinds = {name: getattr(profile, name).model_dump(mode="json") for name in ("prior", "kind")}
    return plain | kinds


def _cells(kind: Kind) -> tuple[str, str, str, str]:
    come, leave = kind.arrivals, kind.departures
    arrivals = f"Beta({come.a:.3g}, {come.b:.3g})" if isinstance(come, Ingress) else "stream"
    departures = "stay"
    if isinstance(leave, Egress):
        departures = f"{leave.delay_s / 60:.1f} + Gamma({leave.k:.3g}, {leave.mean_s / 60:.1f}) min"
        departures += f", end ± {kind.end_sd_s / 60:.1f}"
    shares = ", ".join(f"{share:.0%} {name}" for name, share in kind.auto_share.items())
    return arrivals, departures, f"{kind.occupancy:.2f}", shares


def _skills(skills: Sequence[dict[str, Any]]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        title="event days held out",
        title_justify="left",
    )
    for name in ("kind", "days", "pinball, veh", "of the prior", "in 80 %", "of the prior"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for s in skills:
        table.add_row(
            f"{s['venue']}.{s['name']}",
            str(s["events"]),
            f"{s['pinball']:.1f}",
            f"{s['prior_pinball']:.1f}",
            f"{s['coverage']:.0%}",
            f"{s['prior_coverage']:.0%}",
        )
    return table
