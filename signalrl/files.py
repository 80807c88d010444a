"""Reads what people write: YAML files of a typed schema, with errors that say what to do.

Values are judged as JSON would judge them: ``5`` and ``5.0`` are numbers, ``"5"`` is a text, and
a key that the schema does not know is an error, never ignored.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from signalrl.errors import ConfigError

ModelT = TypeVar("ModelT", bound=BaseModel)

PACKAGE = "package:"
"""Prefix of a path inside an installed Python package: ``package:sumo_rl/nets/...``."""

INSTALL = {"sumo_rl": "sumo-rl: pip install sumo-rl==1.4.5"}
"""What to install for a Python package whose name on the index is another one."""


class Strict(BaseModel):
    """Base of what people write: frozen, and a key that is not known is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_by_name=True
    )


class _Loader(yaml.SafeLoader):
    """The safe loader, refusing a key that is given twice (YAML would take the last one)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# YAML 1.1 takes 19:30 for a number to the base of 60, and people write times of day.
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, re.compile(f"(?!.*:)(?:{pattern.pattern})", pattern.flags))
        if tag.endswith((":int", ":float"))
        else (tag, pattern)
        for tag, pattern in resolvers
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(  # YAML 1.1 takes 5e-05 for a text, and 5.0e-05 for a number
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def read_model(model: type[ModelT], path: Path, changes: Mapping[str, Any] | None = None) -> ModelT:
    """Read a YAML file into a pydantic model.

    Args:
        model: The schema.
        path: The file.
        changes: Values that take the place of the file's; keys inside of keys are merged.

    Raises:
        ConfigError: The file is missing, no YAML, or does not follow the schema; one line.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise ConfigError(
            f"{path}: expected a readable file, got: {error.strerror}; look at the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected text in UTF-8, got other bytes; save it so") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: expected YAML, got: {_flat(error)}") from error
    if not isinstance(data, Mapping):
        raise ConfigError(
            f"{path}: expected lines such as `key: value`, got {_shown(data)}; "
            f"known keys: {', '.join(known_keys(model))}"
        )
    if changes:
        data = merged(data, changes)
    try:
        return model.model_validate_json(json.dumps(data, default=str), strict=True)
    except ValidationError as error:
        raise ConfigError(f"{path}: {explain(model, data, error)}") from error
    except ConfigError as error:  # raised by a dataclass inside the schema
        raise ConfigError(f"{path}: {error}") from error


def read_limited(path: Path, max_bytes: int) -> bytes:
    """Read a file of bounded size.

    Args:
        path: The file.
        max_bytes: What it may have.

    Raises:
        ConfigError: It is missing, can't be read, or is larger.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise ConfigError(
                f"{path}: expected at most {max_bytes // 10**6} MB, got {size // 10**6}; split it"
            )
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: expected a readable file, got: {error.strerror}; look at the path"
        ) from error


def decoded(path: Path, data: bytes) -> str:
    """Return the text of a file in UTF-8, without a byte order mark.

    Args:
        path: The file, for the error.
        data: Its content.

    Raises:
        ConfigError: It holds other bytes.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected text in UTF-8, got other bytes; save it so") from error


def delimiter_of(text: str) -> str:
    """Return what separates the cells of a CSV text, by its first line: a comma or a semicolon."""
    head = next(re.finditer(r"[^\r\n]*", text))[0]
    return ";" if head.count(";") > head.count(",") else ","


def explain(model: type[BaseModel], data: Any, error: ValidationError) -> str:
    """Say in one line what is wrong first: the key, what was expected, what came, what to do."""
    groups: dict[tuple[str | int, ...], list[Any]] = {}
    for detail in error.errors(include_url=False):
        groups.setdefault(_path_in(data, detail["loc"], detail["type"] == "missing"), []).append(
            detail
        )
    # Of the alternatives that a value could have been, the one that it matches furthest counts.
    groups = {
        path: details
        for path, details in groups.items()
        if not any(path == other[: len(path)] for other in groups if other != path)
    }
    # A key that is unknown is likely the cause of one that is missing, so it is told first.
    path, details = min(groups.items(), key=lambda group: not _is_unknown(group[1][0]))
    key = ".".join(map(str, path))
    first = details[0]
    if _is_unknown(first):
        names = known_keys(model, path[:-1])
        text = f"unknown key {key!r}{suggestion(str(path[-1]), names)}; known keys: " + ", ".join(
            names
        )
    elif first["type"] == "missing":
        text = f"{key}: expected a value, got none; add the key"
    elif first["type"] == "value_error":
        text = f"{key}: {first['ctx']['error']}" if key else str(first["ctx"]["error"])
    else:
        wanted = dict.fromkeys(
            d["msg"]
            .replace("Input should be ", "")
            .replace("a valid array", "a list")
            .replace("an object", "keys with values")
            .replace("a valid ", "a ")
            for d in details
        )
        text = f"{key}: expected {' or '.join(wanted)}, got {_shown(first['input'])}"
    more = len(groups) - 1
    return text + (f" (and {more} more)" if more else "")


def known_keys(model: type[BaseModel], path: Iterable[str | int] = ()) -> list[str]:
    """Return the keys that a schema knows at a place inside of it, sorted."""
    schema = model.model_json_schema()
    nodes = _expand([schema], schema)
    for part in path:
        inner = [
            node.get("items", {})
            if isinstance(part, int)
            else node.get("properties", {}).get(part) or node.get("additionalProperties") or {}
            for node in nodes
        ]
        nodes = _expand([node for node in inner if isinstance(node, dict)], schema)
    return sorted({key for node in nodes for key in node.get("properties", {})})


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``", did you mean 'x'?"`` where a known name is near, else nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f", did you mean {near[0]!r}?" if near else ""


def make_folder(path: Path) -> None:
    """Make a folder for results, and those that it lies in; one that is there stays.

    Raises:
        ConfigError: It can't be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise ConfigError(f"{path}: expected a folder, got a file; name another one") from error
    except OSError as error:
        raise ConfigError(
            f"{path}: expected a folder that can be made, got: {error.strerror}; look at its "
            "permissions"
        ) from error


def locate(text: str, folder: Path, owner: str) -> Path:
    """Find a file of a scenario: relative to its folder, or inside an installed package.

    The package is found, not imported: importing sumo_rl, for one, demands SUMO_HOME.

    Args:
        text: The path as it was written.
        folder: What a relative path is relative to.
        owner: Who needs the file, for the error.

    Raises:
        ConfigError: The package is not installed, or there is no such file.
    """
    if text.startswith(PACKAGE):
        package, _, rest = text.removeprefix(PACKAGE).partition("/")
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
        roots = list(spec.submodule_search_locations or ()) if spec else []
        if not roots:
            install = INSTALL.get(package, f"{package}: pip install {package}")
            raise ConfigError(f"{owner} needs the maps of the package {install}")
        path = Path(roots[0]) / rest
        hint = f"the installed version of {package} does not have it"
    else:
        path = folder / text
        hint = "look at the path"
    if not path.is_file():
        raise ConfigError(f"{owner}: expected the file {path}, found none; {hint}")
    return path.resolve()


def merged(data: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return data with changes in place of its values; keys inside of keys are merged too."""
    result = dict(data)
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merged(old, value)
        result[key] = value
    return result


def _path_in(data: Any, location: Iterable[str | int], is_missing: bool) -> tuple[str | int, ...]:
    """Reduce pydantic's location to keys of the file: names of union members fall out."""
    parts = list(location)
    path: list[str | int] = []
    for i, part in enumerate(parts):
        is_key = isinstance(data, Mapping) and part in data
        is_index = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if is_key or is_index:
            data = data[part]
            path.append(part)
        elif is_missing and i == len(parts) - 1:
            path.append(part)
    return tuple(path)


def replace_text(path: Path, text: str) -> None:
    """Write a file at once; see :func:`replace_bytes`."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, content: bytes) -> None:
    """Write a file at once: a kill leaves the old content or the new."""
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(content)
    draft.replace(path)


def _expand(nodes: list[dict[str, Any]], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Resolve references and alternatives of a JSON schema."""
    found: list[dict[str, Any]] = []
    queue = list(nodes)
    while queue:
        node = queue.pop()
        if "$ref" in node:
            queue.append(schema["$defs"][node["$ref"].rsplit("/", 1)[-1]])
        queue += [*node.get("anyOf", ()), *node.get("oneOf", ())]
        found.append(node)
    return found


def _is_unknown(detail: Any) -> bool:
    return detail["type"] in {"extra_forbidden", "unexpected_keyword_argument"}


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _flat(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return " ".join(f"{problem}{place}".split())
