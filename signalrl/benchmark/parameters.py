"""Reads the parameters of a controller as people write them: ``threshold=20,platoon=2``."""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from signalrl.errors import ConfigError
from signalrl.files import suggestion

Value = float | int | bool | str


def defaults(build: Callable[..., object] | None) -> dict[str, tuple[Value, tuple[str, ...]]]:
    """Return the parameters of a function: its keyword-only arguments.

    Returns:
        The default of each by name, and where it is a text, what it may be.
    """
    if build is None:
        return {}
    inner: Any = build.func if isinstance(build, partial) else build
    hints = typing.get_type_hints(inner.__init__ if inspect.isclass(inner) else inner)
    return {
        name: (p.default, typing.get_args(hints[name]) if isinstance(p.default, str) else ())
        for name, p in inspect.signature(build).parameters.items()
        if p.kind is p.KEYWORD_ONLY
    }


def parse_parameters(
    text: str, settings: str, known: Mapping[str, tuple[Value, tuple[str, ...]]]
) -> dict[str, Value]:
    """Return the parameters of ``settings``, typed as their defaults.

    Args:
        text: The whole controller as it was written, for errors.
        settings: ``name=value`` pairs, separated by commas; may be empty.
        known: What :func:`defaults` returned.

    Raises:
        ConfigError: A name is unknown, or a value is of another type.
    """
    found: dict[str, Value] = {}
    for pair in filter(None, settings.split(",")):
        name, _, value = (part.strip() for part in pair.partition("="))
        if name not in known:
            names = ", ".join(known) or "none"
            raise ConfigError(
                f"{text}: unknown parameter {name!r}{suggestion(name, known)}; known: {names}"
            )
        found[name] = _typed(text, name, value, *known[name])
    return found


def _typed(text: str, name: str, value: str, default: Value, choices: tuple[str, ...]) -> Value:
    if isinstance(default, bool):
        choices = ("true", "false")
    if choices:
        if value not in choices:
            raise ConfigError(f"{text}: expected {name} as {' or '.join(choices)}, got {value!r}")
        return value == "true" if isinstance(default, bool) else value
    try:
        number = type(default)(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(float(number)):
        what = "a whole number" if isinstance(default, int) else "a number"
        raise ConfigError(f"{text}: expected {name} as {what}, got {value!r}")
    return number
