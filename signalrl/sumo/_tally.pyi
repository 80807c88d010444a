from signalrl.control.measurement import FloatArray

Reader = object
"""Opaque: libsumo's functions and the lanes to read."""

def prepare(library: str, edges: tuple[object, ...], thresholds: tuple[float, ...]) -> Reader:
    """Find libsumo's functions and take over the lanes; raise OSError where one is missing."""

def read(reader: Reader, values: FloatArray) -> int:
    """Write what is on each lane into its row; return how many vehicles wait outside."""
