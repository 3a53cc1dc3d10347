"""One reader of settings: a table of plain values becomes frozen, checked settings, or an error that names the key.

A settings class is a pydantic dataclass: ``@dataclass(frozen=True, slots=True, config=STRICT_KEYS)``. A field has its
kind and its range (`Count`, `Port` …). What spans several keys is checked in ``__post_init__``, by a ValueError whose
message begins with the key. Errors tell a value's kind, and no text that was written: it may be a secret.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_args

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from contracts.broker import BrokerSettings
from store.register import checks

T = TypeVar("T")

STRICT_KEYS: Final = ConfigDict(extra="forbid")
LARGEST_PORT: Final = 65_535

_EXPECTED: Final = {
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "string_type": "a text",
    "tuple_type": "a list",
}
_RANGES: Final = {
    "greater_than": "must be a number above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
}
_KINDS: Final = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a table",
    type(None): "nothing",
}


class SettingsError(ValueError):
    """A key or a value of the settings cannot be used, or a file that they name; names it and the remedy."""


Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
HourOfDay = Annotated[int, Field(ge=0, le=23)]
Port = Annotated[int, Field(ge=1, le=LARGEST_PORT)]
PortOrNone = Annotated[int, Field(ge=0, le=LARGEST_PORT)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Zone = Annotated[str, AfterValidator(partial(checks.zone, what=""))]
"""Name of an IANA time zone."""


def read_settings(kind: type[T], values: Mapping[str, Any], where: str = "", folder: Path | None = None) -> T:
    """Check a table and build its settings.

    Args:
        kind: a settings class; its tables may be settings classes.
        values: the table, as TOML gives it.
        where: its name in errors, such as ``alerts``; empty: the whole file.
        folder: where relative paths start; None: they stay as they are.

    Raises:
        SettingsError: every mistake on a line of its own.
    """
    try:
        # As JSON, whose kinds are TOML's: a list may be a tuple and a text a path or a word, but a text is no number.
        settings = TypeAdapter(kind).validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        mistakes = [_mistake(kind, where, details) for details in error.errors(include_url=False)]
        raise SettingsError("\n".join(mistakes)) from None
    return settings if folder is None else _placed(settings, folder)


def read_keys(path: Path | None, name: str, most: int = 1, form: str = "[!-~]+") -> Sequence[str]:
    """The keys in a file of their own, one a line.

    Args:
        path: the file.
        name: the setting that names it.
        most: how many lines it may hold.
        form: regular expression of a key.

    Raises:
        SettingsError: it cannot be read, or holds something else; names the file, never what is in it.
    """
    if path is None:
        raise SettingsError(f"{name} is missing")
    try:
        keys = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except OSError as error:
        raise SettingsError(f"{name} {path} cannot be read: {error.strerror}; put the key there") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{name} {path} is not a text file; put the key there") from None
    if not 1 <= len(keys) <= most or not all(re.fullmatch(form, key) for key in keys):
        lines = "one line" if most == 1 else "one or two lines"
        raise SettingsError(f"{name} {path} must hold {lines}, each a key and no more")
    return keys


def usable_broker(broker: BrokerSettings) -> BrokerSettings:
    """The same broker, whose files can be used. Raises SettingsError for a key or certificate that cannot."""
    try:
        broker.password()
        broker.tls_context()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"broker: a key, certificate or password file cannot be used: {error}") from None
    return broker


def _placed(settings: Any, folder: Path) -> Any:  # noqa: ANN401 - any settings class
    """The same settings, with relative paths made absolute."""
    changes: dict[str, Any] = {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, Path):
            changes[field.name] = folder / value.expanduser()
        elif is_dataclass(value):
            changes[field.name] = _placed(value, folder)
    return replace(settings, **changes)


def _mistake(kind: Any, where: str, details: Mapping[str, Any]) -> str:  # noqa: ANN401 - any settings class
    """One mistake in words: which key, what it must be, what kind of value it is."""
    keys = [str(key) for key in takewhile(lambda part: isinstance(part, str), details["loc"])]
    name, found = ".".join([where, *keys] if where else keys), details["input"]
    seen, limits = _KINDS.get(type(found), "something else"), details.get("ctx", {})
    match details["type"]:
        case "unexpected_keyword_argument":
            known = [field.name for field in fields(_at(kind, keys[:-1]))]
            return f"{name} is not a setting; {checks.nearest(keys[-1], known)}"
        case "dataclass_type":
            return f"{name} must be a table, written [{name}], not {seen}"
        case "value_error":
            between = "." if name and is_dataclass(_at(kind, keys)) else " "
            return f"{name}{between}{str(limits['error']).strip()}".strip()
        case "enum" | "literal_error" if isinstance(found, str):
            known = re.findall("'(.*?)'", limits["expected"])  # pydantic names the words in no other way
            return f"{name}: '{found}' is not known; {checks.nearest(found, known)}"
        case range_ if range_ in _RANGES:
            return f"{name} {_RANGES[range_].format(**limits)}, not {found if isinstance(found, int | float) else seen}"
        case other:
            return f"{name} must be {_EXPECTED.get(other, 'another value')}, not {seen}"


def _at(kind: Any, keys: Sequence[str]) -> Any:  # noqa: ANN401 - any type
    """The type of a setting within a settings class."""
    for key in keys:
        kind = next(field.type for field in fields(kind) if field.name == key)
        kind = next((part for part in get_args(kind) if isinstance(part, type) and is_dataclass(part)), kind)
    return kind
