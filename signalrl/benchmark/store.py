"""The folder of a benchmark: rows, details and what they were made from, safe against a kill."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any, Self

from signalrl.errors import BenchmarkError
from signalrl.files import replace_text

_OF_RESULT = (
    *("throughput_veh_h", "worst_approach_s", "fairness", "gridlocked"),
    *("vetoes", "violations", "sim_s", "wall_s"),
)
Key = tuple[str, str, int]
"""Environment, controller and seed of an episode."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of ``episodes.csv``; the fields are its columns.

    Delay is time loss plus insertion delay over every scheduled vehicle. ``gridlocked`` is 1 where
    edges locked; ``sim_s`` is simulated time, ``wall_s`` the time that the episode took.
    """

    env: str
    controller: str
    seed: int
    mean_delay_s: float
    median_delay_s: float
    p95_delay_s: float
    mean_travel_time_s: float
    mean_waiting_s: float
    resco_delay_s: float
    mean_stops: float
    co2_g_km: float
    throughput_veh_h: float
    worst_approach_s: float
    fairness: float
    vehicles: int
    arrived: int
    unfinished: int
    undeparted: int
    teleports: int
    collisions: int
    gridlocked: int
    vetoes: int
    violations: int
    sim_s: float
    wall_s: float
    tripinfo_sha256: str

    @property
    def key(self) -> Key:
        """What tells the episode from others."""
        return self.env, self.controller, self.seed

    @classmethod
    def from_result(cls, key: Key, result: Mapping[str, Any]) -> Row:
        """Build a row from an episode's result as JSON."""
        env, controller, seed = key
        rest = {name: result[name] for name in _OF_RESULT}
        rest["gridlocked"] = int(rest["gridlocked"])
        return cls(env=env, controller=controller, seed=seed, **result["metrics"], **rest)

    @classmethod
    def from_text(cls, texts: Mapping[str, str]) -> Row:
        """Build a row from a line of the file; raise ValueError where it is no whole line."""
        kinds = {"str": str, "int": int, "float": float}
        if None in texts.values() or set(texts) != set(COLUMNS):
            raise ValueError("not a whole line")
        row = cls(**{f.name: kinds[str(f.type)](texts[f.name]) for f in fields(cls)})
        if len(row.tripinfo_sha256) != 64:
            raise ValueError("the last column is cut off")
        return row


COLUMNS = tuple(field.name for field in fields(Row))


@dataclass(frozen=True, slots=True)
class Failure:
    """An episode that failed, and why in one line."""

    env: str
    controller: str
    seed: int
    error: str


class Store:
    """The results of a benchmark on disk; one process at a time.

    An episode is finished when its row is in ``episodes.csv``, its details are in ``episodes/``,
    and ``benchmark.json`` holds the hash of what it would be made from today.

    Args:
        folder: Is made where it is missing.

    Raises:
        BenchmarkError: Another benchmark writes to the folder, or its files are not ours.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock: IO[str] = (folder / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise BenchmarkError(
                f"expected {folder} for this benchmark alone, but another one is writing to it; "
                "wait for it or give another --out"
            ) from error
        self._rows: dict[Key, Row] = {}

    @property
    def csv(self) -> Path:
        """One row per finished episode."""
        return self.folder / "episodes.csv"

    @property
    def record(self) -> Path:
        """What the results were made from."""
        return self.folder / "benchmark.json"

    @property
    def failures(self) -> Path:
        """One row per episode that failed; missing where none did."""
        return self.folder / "failures.csv"

    @property
    def rows(self) -> list[Row]:
        """The finished episodes, in the order of the file."""
        return list(self._rows.values())

    def open(self, specs: Mapping[tuple[str, str], str], about: Mapping[str, Any]) -> int:
        """Take up what is there, and forget what was made from something else.

        Args:
            specs: Hash of what the episodes of an environment and a controller are made from.
            about: Further content of ``benchmark.json``.

        Returns:
            The number of episodes that were forgotten.

        Raises:
            BenchmarkError: The files are not those of a benchmark.
        """
        known = self._known_specs()
        found = list(self._read())
        for row in found:
            wanted = specs.get((row.env, row.controller))
            stale = wanted is not None and known.get(row.env, {}).get(row.controller) != wanted
            if not stale and self.details(row.key).is_file():
                self._rows[row.key] = row
        self._write_rows(self.rows)
        self.failures.unlink(missing_ok=True)  # what failed is tried again
        for (env, controller), digest in specs.items():
            known.setdefault(env, {})[controller] = digest
        replace_text(self.record, json.dumps({**about, "specs": known}, indent=2) + "\n")
        return len({row.key for row in found} - self._rows.keys())

    def details(self, key: Key) -> Path:
        """Return where the whole result of an episode lies."""
        env, controller, seed = key
        return self.folder / "episodes" / env / controller / f"{seed}.json"

    def read_details(self, key: Key) -> dict[str, Any]:
        """Return the whole result of a finished episode.

        Raises:
            BenchmarkError: The file is broken.
        """
        try:
            result: dict[str, Any] = json.loads(self.details(key).read_text())
        except (OSError, ValueError) as error:
            raise BenchmarkError(
                f"expected the result of an episode in {self.details(key)}, got {error}; "
                "remove the file and run the benchmark again"
            ) from error
        return result

    def add(self, row: Row) -> None:
        """Append the row of an episode whose details are written."""
        with self.csv.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(asdict(row).values())
        self._rows[row.key] = row

    def finish(self, order: Iterable[Key], failures: Iterable[Failure]) -> None:
        """Sort the rows, those that were asked for first, and write the failures."""
        rank = {key: i for i, key in enumerate(order)}
        rows = sorted(self.rows, key=lambda row: (rank.get(row.key, len(rank)), row.key))
        self._rows = {row.key: row for row in rows}
        self._write_rows(rows)
        failed = list(failures)
        if not failed:
            return
        with self.failures.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([field.name for field in fields(Failure)])
            writer.writerows(asdict(failure).values() for failure in failed)

    def close(self) -> None:
        """Let others write to the folder."""
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _known_specs(self) -> dict[str, dict[str, str]]:
        if not self.record.is_file():
            return {}
        try:
            specs: dict[str, dict[str, str]] = json.loads(self.record.read_text())["specs"]
        except (ValueError, KeyError, TypeError) as error:
            raise BenchmarkError(
                f"expected {self.record} as signalrl benchmark writes it, got a mismatch at "
                f"{error}; give another --out"
            ) from error
        return specs

    def _read(self) -> Iterable[Row]:
        """Yield the whole lines of the file; a kill may have cut the last one."""
        if not self.csv.is_file():
            return
        with self.csv.open(newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames and set(reader.fieldnames) != set(COLUMNS):
                raise BenchmarkError(
                    f"expected {self.csv} with the columns of signalrl benchmark, got "
                    f"{', '.join(reader.fieldnames)}; give another --out"
                )
            for line in reader:
                with contextlib.suppress(ValueError, TypeError):
                    yield Row.from_text(line)

    def _write_rows(self, rows: Iterable[Row]) -> None:
        draft = self.csv.with_suffix(".part")
        with draft.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(asdict(row).values() for row in rows)
        draft.replace(self.csv)
