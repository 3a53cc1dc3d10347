"""A TOML file read strictly: each key asked for by name, type and range, each mistake named with its remedy."""

import difflib
import math
import tomllib
from collections.abc import Sequence
from dataclasses import Field, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from edge_agent.errors import SettingsError

T = TypeVar("T")
N = TypeVar("N", int, float)
_ANY = (-math.inf, math.inf)
_NAMES = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
    list: "a list of tables",
}


def ranged(default: N, least: float, most: float) -> N:
    """A field of a settings class that is read by `Table.over`: a number in ``[least, most]``."""
    value: N = field(default=default, metadata={"range": (least, most)})
    return value


def read_toml(path: Path) -> "Table":
    """The top-level table of a file.

    Raises:
        SettingsError: the file cannot be read or is not TOML.
    """
    try:
        return Table(tomllib.loads(path.read_text(encoding="utf-8")), "")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None


class Table:
    """One table of the file. ``where`` is how its place is called in an error: '' at the top."""

    def __init__(self, values: dict[str, Any], where: str) -> None:
        self._values = values
        self.where = where

    def _name(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def only(self, *known: str) -> None:
        """Refuse a key that is not known, and say which one it may have been meant to be."""
        for key in self._values:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
                hint = f"did you mean '{near[0]}'?" if near else "known keys: " + ", ".join(known)
                raise SettingsError(f"unknown key '{self._name(key)}'; {hint}")

    def _get(self, key: str, kind: type[T], default: T | None) -> T:
        if key not in self._values:
            if default is None:
                raise SettingsError(f"'{self._name(key)}' is missing: it must be {_NAMES[kind]}")
            return default
        value = self._values[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise SettingsError(f"'{self._name(key)}': expected {_NAMES[kind]}, got {value!r}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A text; an empty one only by default."""
        value = self._get(key, str, default)
        if not value and default is None:
            raise SettingsError(f"'{self._name(key)}': expected a text that is not empty")
        return value

    def number(self, key: str, default: N, least: float, most: float) -> N:
        """A number in ``[least, most]``, a whole one where the default is one."""
        kind, value = type(default), self._values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | kind):
            raise SettingsError(f"'{self._name(key)}': expected {_NAMES[kind]}, got {value!r}")
        if not least <= value <= most:
            raise SettingsError(f"'{self._name(key)}': expected {_NAMES[kind]} from {least} to {most}, got {value!r}")
        return kind(value)

    def choice(self, key: str, words: tuple[str, ...]) -> str:
        """One of the words."""
        value = self.text(key)
        if value not in words:
            near = difflib.get_close_matches(value, words, n=1, cutoff=0.5)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise SettingsError(f"'{self._name(key)}': expected one of {', '.join(words)}, got '{value}'{hint}")
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """A command line as a list of texts; empty when the key is not there."""
        items = self._get(key, list, [])
        if any(not isinstance(item, str) or "\0" in item for item in items) or (items and not items[0]):
            raise SettingsError(f'\'{self._name(key)}\': expected a list of texts, such as ["aplay", "ask.wav"]')
        return tuple(items)

    def required_path(self, key: str, folder: Path) -> Path:
        """A path, relative to ``folder``."""
        return folder / Path(self.text(key)).expanduser()

    def over(self, default: T, folder: Path, *also: str, only: Sequence[str] = ()) -> T:
        """The settings ``default``, a dataclass, with what the table says in place of its fields, or of ``only`` some.

        The default of a field says what its key must be; None stands for a path, relative to ``folder``. The keys in
        ``also`` are read by the caller.
        """
        known = {one.name: one for one in fields(default) if not only or one.name in only}  # type: ignore[arg-type]
        self.only(*also, *known)
        found = {key: self._like(known[key], folder) for key in self._values if key not in also}
        return replace(default, **found)  # type: ignore[type-var]  # a dataclass

    def _like(self, known: "Field[Any]", folder: Path) -> object:
        key = known.name
        match known.default:
            case bool() as default:
                return self._get(key, bool, default)
            case int() | float() as default:
                return self.number(key, default, *known.metadata.get("range", _ANY))
            case str() as default:
                return self.text(key, default)
            case tuple():
                return self.words(key)
            case _:
                return self.required_path(key, folder)

    def table(self, key: str) -> "Table":
        """A table; an empty one when the key is not there."""
        return Table(self._get(key, dict, {}), self._name(key))

    def tables(self, key: str) -> list["Table"]:
        """A list of tables; an empty one when the key is not there."""
        items = self._get(key, list, [])
        for item in items:
            if not isinstance(item, dict):
                raise SettingsError(f"'{self._name(key)}': expected a list of tables, written [[{key}]]")
        return [Table(item, f"{self._name(key)}[{i}]") for i, item in enumerate(items)]
