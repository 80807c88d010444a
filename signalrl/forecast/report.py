"""Writes a forecast for people and for other programs."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from signalrl.events.event import Event
from signalrl.forecast.days import COMING, LEAVING, Part
from signalrl.forecast.forecast import QUANTILES, Outlook
from signalrl.forecast.gridlock import Risk
from signalrl.forecast.places import Map
from signalrl.forecast.problems import Problem

ROUND = 3
TOLD = 0.02
"""Part of an event's cars without a space from which on that is told."""


@dataclass(frozen=True, slots=True)
class DayForecast:
    """The forecast of a day.

    Attributes:
        env: Name of the environment.
        day: The day.
        draws: Evenings that were drawn.
        seed: Decides the draws.
        parts: What was forecast.
        outlooks: What may come in each part.
        problems: Ranked problems of each part.
        risks: The risk of gridlock in each part; none where the district's diagram is not known.
    """

    env: str
    day: date
    draws: int
    seed: int
    parts: tuple[Part, ...]
    outlooks: tuple[Outlook, ...]
    problems: tuple[tuple[Problem, ...], ...]
    risks: tuple[Risk, ...] = ()

    def ranked(self) -> list[Problem]:
        """Return the problems of all parts, the costliest first."""
        found = [problem for part in self.problems for problem in part]
        return sorted(found, key=lambda p: (-p.probability * p.lost_veh_h, p.begin))

    def odds(self) -> dict[str, float]:
        """Return the probability of a problem at each approach, in the part with most of it."""
        found: dict[str, float] = {}
        for outlook in self.outlooks:
            likely = outlook.problem.any(axis=0).mean(axis=1).tolist()
            for edge, odds in zip(outlook.approaches, likely, strict=True):
                found[edge] = max(odds, found.get(edge, 0.0))
        return found

    def notes(self) -> list[str]:
        """Return what is not in the forecast though the calendar has it, in plain language."""
        # Each once: parts of a day draw the same of an event.
        some = dict.fromkeys(one for outlook in self.outlooks for one in outlook.parking)
        return [one.sentence() for one in some if one.without_space >= TOLD * one.vehicles]

    def events(self) -> list[Event]:
        """Return the events of which visitors are on the road on the day, each once."""
        found = {
            event: None
            for part in self.parts
            for event in part.events
            if (event.begin - COMING).date() <= self.day <= (event.end + LEAVING).date()
        }
        return list(found)

    def to_dict(self) -> dict[str, Any]:
        """Return the forecast as plain JSON data; quantiles are those of ``quantiles``."""
        return {
            "env": self.env,
            "day": self.day.isoformat(),
            "draws": self.draws,
            "seed": self.seed,
            "version": importlib.metadata.version("signalrl"),
            "quantiles": list(QUANTILES),
            "problems": [problem.to_dict() for problem in self.ranked()],
            "gridlock": [risk.to_dict() for risk in self.risks],
            "notes": self.notes(),
            "parts": [
                {
                    "label": part.label,
                    "events": [_event(event) for event in part.events],
                    "begin": part.window.moment(0.0).isoformat(),
                    "bin_s": outlook.bin_s,
                    "approaches": _approaches(outlook),
                }
                for part, outlook in zip(self.parts, self.outlooks, strict=True)
            ],
        }


def write_forecast(forecast: DayForecast, roads: Map, out: Path) -> list[Path]:
    """Write ``forecast.json``, ``forecast.geojson`` and ``problems.txt``; return their paths.

    The GeoJSON is left out where the network does not know where on earth it lies.
    """
    out.mkdir(parents=True, exist_ok=True)
    data = forecast.to_dict()
    problems = [problem.sentence() for problem in forecast.ranked()]
    risks = [risk.sentence() for risk in forecast.risks]
    paths = [out / "forecast.json", out / "problems.txt"]
    paths[0].write_text(json.dumps(data) + "\n", encoding="utf-8")
    lines = [*risks, *(problems or ["no problem is likely"]), *forecast.notes()]
    paths[1].write_text("\n".join(lines) + "\n", encoding="utf-8")
    shapes = out / "forecast.geojson"
    shapes.unlink(missing_ok=True)  # of a forecast before
    if roads.lonlat is not None:
        paths.append(shapes)
        features = _features(forecast, roads.lonlat)
        paths[-1].write_text(
            json.dumps({"type": "FeatureCollection", "features": features}) + "\n",
            encoding="utf-8",
        )
    return paths


def _event(event: Event) -> dict[str, Any]:
    return {
        "title": event.title,
        "venue": event.venue,
        "begin": event.begin.isoformat(),
        "end": event.end.isoformat(),
        "attendance": event.attendance,
    }


def _approaches(outlook: Outlook) -> dict[str, dict[str, Any]]:
    waiting = outlook.queue + outlook.outside
    series = {
        "demand_veh_h": np.quantile(outlook.demand_veh_h, QUANTILES, axis=2),
        "ratio": np.quantile(outlook.ratio, QUANTILES, axis=2),
        "queue_veh": np.quantile(waiting, QUANTILES, axis=2),
        "delay_s": np.quantile(outlook.delay_s, QUANTILES, axis=2),
    }
    odds = {
        "capacity_veh_h": outlook.capacity_veh_h,
        "p_ratio_over_0.9": (outlook.ratio > 0.9).mean(axis=2),
        "p_ratio_over_1": (outlook.ratio > 1.0).mean(axis=2),
        "p_problem": outlook.problem.mean(axis=2),
        "p_spillback": (waiting > outlook.storage[:, None]).mean(axis=2),
    }
    return {
        edge: {
            "storage_veh": round(float(outlook.storage[i]), 1),
            **{name: _rounded(values[:, :, i]) for name, values in series.items()},
            **{name: _rounded(values[:, i]) for name, values in odds.items()},
        }
        for i, edge in enumerate(outlook.approaches)
    }


def _features(
    forecast: DayForecast, lonlat: Mapping[str, Sequence[tuple[float, float]]]
) -> list[dict[str, Any]]:
    worst: dict[str, Problem] = {}
    for problem in forecast.ranked():
        worst.setdefault(problem.place.edge, problem)
    odds = forecast.odds()
    return [
        {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": [list(p) for p in points]},
            "properties": {
                "edge": edge,
                "p_problem": round(odds.get(edge, 0.0), ROUND),
                **(problem.to_dict() if problem else {}),
            },
        }
        for edge, points in sorted(lonlat.items())
        for problem in (worst.get(edge),)
    ]


def _rounded(values: Any) -> Any:
    return np.round(np.asarray(values, np.float64), ROUND).tolist()
