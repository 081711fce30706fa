"""Settings come from the environment, are typed, and complain about all mistakes at once."""

from __future__ import annotations

import os
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

__all__ = ["Secret", "Settings", "SettingsError", "describe", "load", "load_all", "read_config"]

T = TypeVar("T", bound="Settings")

_BOOLEANS = {"on": "true", "yes": "true", "off": "false", "no": "false"}


class SettingsError(Exception):
    """The settings cannot be used; `problems` lists every mistake, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Secret:
    """A value that shows itself only through `reveal()`: not in a repr, a log or a traceback."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class Settings(msgspec.Struct, kw_only=True, frozen=True):
    """The base of every service's settings: one field per environment variable, named alike in upper case.

    A subclass may check fields against each other in `__post_init__` by raising `ValueError`.
    """


def load(cls: type[T], environ: Mapping[str, str] | None = None) -> T:
    """Read `cls` from the environment (by default the process's own).

    An empty variable counts as unset. Lists are comma-separated, mappings are `a=b,c=d`, booleans are
    true/false/1/0/on/off/yes/no. Raises `SettingsError` naming every variable that is missing or wrong.
    """
    environ = os.environ if environ is None else environ
    hints = get_type_hints(cls, include_extras=True)
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in msgspec.structs.fields(cls):
        name = field.encode_name.upper()
        kind = hints[field.name]
        raw = environ.get(name, "").strip()
        if not raw:
            if field.required:
                problems.append(f"{name} is not set; expected {describe(kind)}")
            continue
        shown = "(hidden)" if _holds_secret(kind) else repr(raw)
        try:
            values[field.name] = msgspec.convert(_parse(raw, kind), kind, strict=False, dec_hook=_decode)
        except (msgspec.ValidationError, ValueError) as error:
            problems.append(f"{name} is {shown}; {_expectation(error, kind)}")
    if not problems:
        try:
            return cls(**values)
        except ValueError as error:
            problems.append(str(error))
    raise SettingsError(problems)


def load_all(*classes: type[Settings], environ: Mapping[str, str] | None = None) -> tuple[Any, ...]:
    """Read several classes, in their order. Raises `SettingsError` with the mistakes of all of them."""
    found: list[Settings] = []
    problems: list[str] = []
    for cls in classes:
        try:
            found.append(load(cls, environ))
        except SettingsError as error:
            problems += (each for each in error.problems if each not in problems)
    if problems:
        raise SettingsError(problems)
    return tuple(found)


def read_config(path: Path) -> dict[str, str]:
    """The variables of a configuration file, in the form the environment would give them.

    `.toml` and `.json` files hold one flat table; any other file holds `NAME=value` lines, where `#` starts a
    comment line and a value may stand in quotes. Raises `SettingsError` when it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"the configuration file {path} cannot be read: {error}"]) from None
    try:
        if path.suffix == ".toml":
            table: Any = tomllib.loads(text)
        elif path.suffix == ".json":
            table = msgspec.json.decode(text)
        else:
            table = _env_lines(text, path)
    except (tomllib.TOMLDecodeError, msgspec.DecodeError) as error:
        raise SettingsError([f"the configuration file {path} is malformed: {error}"]) from None
    if not isinstance(table, dict):
        raise SettingsError([f"the configuration file {path} must hold one table of NAME = value"])
    return {str(name).upper(): _as_variable(value) for name, value in table.items()}


def _env_lines(text: str, path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.strip().removeprefix("export ").strip()
        if not entry or entry.startswith("#"):
            continue
        name, equals, value = entry.partition("=")
        if not equals or not name.strip().isidentifier():
            raise SettingsError([f"{path}, line {number}: expected NAME=value"])
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        found[name.strip()] = value
    return found


def _as_variable(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return ",".join(_as_variable(item) for item in value)
        case dict():
            return ",".join(f"{key}={_as_variable(item)}" for key, item in value.items())
        case None:
            return ""
        case _:
            return str(value)


def _alternatives(kind: Any) -> list[Any]:
    """The plain types a field may hold: `Annotated` peeled off, unions taken apart."""
    if get_origin(kind) is Annotated:
        return _alternatives(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return [plain for part in get_args(kind) for plain in _alternatives(part)]
    return [kind if get_origin(kind) is Literal else get_origin(kind) or kind]


def _holds_secret(kind: Any) -> bool:
    return Secret in _alternatives(kind) or any(_holds_secret(part) for part in get_args(kind) if part is not kind)


def _parse(raw: str, kind: Any) -> Any:
    plain = _alternatives(kind)
    if any(collection in plain for collection in (list, tuple, set, frozenset)):
        return [item.strip() for item in raw.split(",") if item.strip()]
    if dict in plain or Mapping in plain:
        pairs = [item.partition("=") for item in raw.split(",") if item.strip()]
        if not all(equals and name.strip() for name, equals, _ in pairs):
            raise ValueError("expected name=value pairs separated by commas")
        return {name.strip(): value.strip() for name, _, value in pairs}
    if bool in plain:
        return _BOOLEANS.get(raw.lower(), raw)
    return raw


def _decode(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"expected `{kind.__name__}`")


def describe(kind: Any) -> str:
    """What a field of that type expects, in words."""
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", Secret: "a secret"}
    names |= {list: "a comma-separated list", dict: "name=value pairs separated by commas", Path: "a path"}
    plain = [each for each in _alternatives(kind) if each is not type(None)]
    return " or ".join(
        f"one of {', '.join(map(str, get_args(each)))}"
        if get_origin(each) is Literal
        else names.get(each, getattr(each, "__name__", str(each)))
        for each in plain
    )


def _expectation(error: Exception, kind: Any) -> str:
    text = str(error).partition(" - at ")[0]
    wanted, got, _ = text.partition(", got ")
    return f"expected {describe(kind)}" if got else wanted[:1].lower() + wanted[1:]
