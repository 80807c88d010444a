"""Reads tables of events: CSV with a header, as spreadsheets write it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from signalrl.errors import ConfigError
from signalrl.events.entries import Entry, Judge, SkippedError
from signalrl.events.jsonld import known_end, parse_time
from signalrl.files import decoded, delimiter_of, suggestion

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
    text = decoded(path, data)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text), strict=True)
    ended = 0
    try:
        names = [name.strip().lower() for name in next(rows, [])]
        _check_header(path, names)
        ended = rows.line_num
        for row in rows:
            number, ended = ended + 1, rows.line_num
            cells = dict(zip(names, map(str.strip, row), strict=False))
            if not any(cell.strip() for cell in row):
                continue  # what a spreadsheet writes below a table
            try:
                if len(row) != len(names):
                    raise SkippedError(f"expected {len(names)} cells, got {len(row)}")
                yield _entry(cells)
            except SkippedError as error:
                judge.note(cells.get("title") or f"line {number}", f"{error}; it is left out")
    except csv.Error as error:
        raise ConfigError(
            f"{path}: expected CSV, got: {error}, from line {ended + 1} on; look for a "
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
