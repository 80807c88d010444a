from signalrl.control.measurement import FloatArray

def encode(
    time_s: float, lanes: int, signals: int, phases: int, width: int, *arrays: object
) -> None:
    """Write the features of all phases and the delay rates into the last two arrays."""

def scale(features: FloatArray, factors: FloatArray, limit: float, out: FloatArray) -> None:
    """Write scaled features into another array."""
