"""Reads the XML that SUMO reads and writes, plain or compressed, whatever its file is called."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast
from xml.etree.ElementTree import Element, ParseError, iterparse, parse

from signalrl.errors import SignalRLError, SimulationError

GZIP_MAGIC = b"\x1f\x8b"
UNREADABLE = (OSError, EOFError, zlib.error, ParseError, UnicodeError)


def read_xml(path: Path, expected: str, error: type[SignalRLError]) -> Element:
    """Return the root of a file that a user gave.

    Args:
        path: The file.
        expected: What it should be, with its article.
        error: What to raise where it can't be read.
    """
    try:
        return _root(path)
    except UNREADABLE as reason:
        raise error(
            f"expected {expected} at {path}, got: {reason}; give the path of an XML file"
        ) from reason


def read_output(path: Path) -> Element:
    """Return the root of a file that SUMO wrote.

    Raises:
        SimulationError: It is missing or incomplete.
    """
    try:
        return _root(path)
    except UNREADABLE as reason:
        raise incomplete(path, reason) from reason


def incomplete(path: Path, reason: object) -> SimulationError:
    """Return the error for an output that ends before its end."""
    return SimulationError(
        f"expected a complete output of SUMO at {path}, got: {reason}; "
        "the simulation ended early: run the episode again"
    )


def elements(path: Path, *tags: str) -> Iterator[Element]:
    """Yield the elements of these kinds one by one, of a file too large to hold."""
    with _opened(path) as file:
        for _, element in iterparse(file):
            if element.tag in tags:
                yield element
                element.clear()


def _root(path: Path) -> Element:
    with _opened(path) as file:
        return parse(file).getroot()


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        zipped = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        file.seek(0)
        yield cast(IO[bytes], gzip.GzipFile(fileobj=file)) if zipped else file
