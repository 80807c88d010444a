"""Reads tables of events: CSV with a header, as spreadsheets write it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from signalrl.errors import ConfigError
from signalrl.events.entries import Entry, Judge, SkippedError
from signalrl.events.jsonld import known_end, parse_time
from signalrl.files import suggestion

COLUMNS = ("title", "venue", "begin", "end", "kind", "attendance", "uid")
REQUIRED = ("venue", "begin")


def read_table(path: Path, data: bytes, judge: Judge) -> Iterator[Entry]:
    """Yield the rows of a CSV file, separated by commas or semicolons.

    Args:
        path: The file, for errors.
        data: Its content.
        judge: Takes the notes.

    Raises:
        ConfigError: It is no text in UTF-8, or its header is not as expected.
    """
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected text in UTF-8, got other bytes; save it so") from error
    head = lines[0] if lines else ""
    delimiter = ";" if head.count(";") > head.count(",") else ","
    names = [name.strip().strip('"').lower() for name in head.split(delimiter)]
    _check_header(path, names)
    rows = csv.DictReader(lines[1:], names, delimiter=delimiter, restkey="more", strict=True)
    try:
        for number, row in enumerate(rows, 2):
            cells = {key: (value or "").strip() for key, value in row.items() if key != "more"}
            if not any(cells.values()) and "more" not in row:
                continue  # what a spreadsheet writes below a table
            name = cells.get("title") or f"line {number}"
            try:
                if "more" in row or None in row.values():
                    raise SkippedError(f"expected {len(names)} cells, got another number")
                yield _entry(cells)
            except SkippedError as error:
                judge.note(name, f"{error}; it is left out")
    except csv.Error as error:
        raise ConfigError(
            f"{path}: expected CSV, got: {error}, from line {rows.line_num + 2} on; look for a "
            "quotation mark that is not closed"
        ) from error


def _check_header(path: Path, names: list[str]) -> None:
    for name in REQUIRED:
        if name not in names:
            raise ConfigError(
                f"{path}: expected a header with {', '.join(REQUIRED)} and perhaps "
                f"{', '.join(c for c in COLUMNS if c not in REQUIRED)}, got no {name}; add it"
            )
    named = [name for name in names if name]  # spreadsheets have empty columns behind a table
    for name in named:
        if name not in COLUMNS:
            raise ConfigError(
                f"{path}: unknown column {name[:40]!r}{suggestion(name, COLUMNS)}; known: "
                f"{', '.join(COLUMNS)}"
            )
    if len(set(named)) < len(named):
        raise ConfigError(f"{path}: expected each column once, got {', '.join(names)}")


def _entry(cells: dict[str, str]) -> Entry:
    begin, text = parse_time(cells["begin"], "begin"), cells.get("end", "")
    return Entry(
        title=cells.get("title", ""),
        uid=cells.get("uid", ""),
        begin=begin,
        end=known_end(begin, parse_time(text, "end")) if text else None,
        places=(cells["venue"],),
        kinds=(cells["kind"],) if cells.get("kind") else (),
        attendance=cells.get("attendance", ""),
    )
