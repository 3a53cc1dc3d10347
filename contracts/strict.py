"""Reading JSON that somebody else wrote: each value is asked for by name, type and range; each lack has a name."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar, cast

from contracts.errors import ForeignGateway, MalformedMessage, OversizedMessage, UnknownVersion

T = TypeVar("T")

VERSION = 1
MAX_BYTES = 256 * 1024
MAX_INT = 2**53 - 1
"""The largest whole number that every JSON reader keeps exact."""
MAX_DEPTH = 4
"""How deep a value that is kept as it is may be nested."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def dump(message: Mapping[str, Any]) -> bytes:
    """Compact UTF-8 JSON that a reader of the contract does not refuse for its form.

    Raises:
        OversizedMessage: more than `MAX_BYTES`; send less at a time.
        MalformedMessage: a number is not finite, or a value has no place in JSON or UTF-8.
    """
    try:
        payload = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:  # not their text: it could repeat a value
        raise MalformedMessage(f"cannot be written as JSON ({type(error).__name__})") from None
    if len(payload) > MAX_BYTES:
        raise OversizedMessage(f"{len(payload)} bytes; at most {MAX_BYTES} are allowed")
    return payload


def load(payload: bytes) -> "Reader":
    """Decode a payload into a reader of its top-level object.

    Raises:
        OversizedMessage: more than `MAX_BYTES`.
        MalformedMessage: not UTF-8, not JSON, not an object, or with something in it that two readers take
            differently (a name twice, an infinite number, half a character).
    """
    if len(payload) > MAX_BYTES:
        raise OversizedMessage(f"{len(payload)} bytes; at most {MAX_BYTES} are allowed")
    try:
        message = json.loads(
            payload.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique
        )
        if b"\\u" in payload:
            _check_whole_characters(message)
    except MalformedMessage:
        raise
    except UnicodeDecodeError as error:
        raise MalformedMessage(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise MalformedMessage(f"not JSON at character {error.pos}") from None
    except (RecursionError, ValueError):  # nested too deep; or a number with too many digits
        raise MalformedMessage("not JSON that can be read") from None
    return Reader(message, "message")


def load_versioned(payload: bytes) -> "Reader":
    """As `load`, and check the major version in ``v``.

    Raises:
        UnknownVersion: ``v`` is a whole number, but not one this reader knows.
    """
    reader = load(payload)
    version = reader.integer("v", 0, MAX_INT)
    if version != VERSION:
        raise UnknownVersion(f"v is {version}; this reader knows {VERSION}")
    return reader


def load_own(payload: bytes, gateway: str) -> "Reader":
    """As `load_versioned`, and check that ``gw`` names the gateway of the topic.

    Raises:
        ForeignGateway: it names another one.
    """
    reader = load_versioned(payload)
    if reader.text("gw", 64) != gateway:
        raise ForeignGateway("gw is not the gateway of the topic")
    return reader


def _no_constant(_name: str) -> NoReturn:
    raise MalformedMessage("NaN and Infinity are not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):  # 1e400 is good JSON and infinite in every reader
        raise MalformedMessage("a number is too large to be read")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):  # readers differ in which of the two they take
        raise MalformedMessage("an object names a field twice")
    return fields


def _check_whole_characters(message: object) -> None:
    # "\\ud800" alone is good JSON, but no store takes it: one such event would fail for ever.
    try:
        json.dumps(message, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise MalformedMessage("a text holds half a character (a lone surrogate)") from None


def is_finite_number(value: object) -> bool:
    """Whether a value that was read from JSON is a number that a double can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of more than 308 digits
        return False


def check_opaque(value: object, where: str, depth: int = MAX_DEPTH) -> None:
    """Check a value that is stored without being understood, so that every store can write it and give it back.

    Raises:
        MalformedMessage: a number that not every reader keeps exact, a control character (line breaks and tabs may
            be), or nested deeper than ``depth``.
    """
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, str):
        if _CONTROL_BUT_LINES.search(value):  # PostgreSQL has no NUL, InfluxDB no line of them
            raise MalformedMessage(f"{where} holds a control character")
        return
    if isinstance(value, int | float):
        if not is_finite_number(value) or (isinstance(value, int) and abs(value) > MAX_INT):
            raise MalformedMessage(f"{where} holds a number beyond {MAX_INT}")
        return
    if depth == 0 or not isinstance(value, dict | list):
        raise MalformedMessage(f"{where} must be plain JSON, nested at most {MAX_DEPTH} deep")
    for item in (*value, *value.values()) if isinstance(value, dict) else value:
        check_opaque(item, where, depth - 1)


def check_text(value: object, where: str, longest: int, *, empty: bool = False, lines: bool = False) -> str:
    """A string of at most ``longest`` characters without control characters; line breaks and tabs only if ``lines``.

    Raises:
        MalformedMessage: it is not.
    """
    if not isinstance(value, str) or (not value and not empty):
        raise MalformedMessage(f"{where} must be a text{'' if empty else ' that is not empty'}")
    if len(value) > longest:
        raise MalformedMessage(f"{where} has more than {longest} characters")
    if (_CONTROL_BUT_LINES if lines else _CONTROL).search(value):  # no store keeps all of them
        raise MalformedMessage(f"{where} holds a control character")
    return value


class Reader:
    """One JSON object, read strictly. Unknown fields are left alone: a later minor version may add some."""

    def __init__(self, message: object, where: str) -> None:
        if not isinstance(message, dict):
            raise MalformedMessage(f"{where} must be an object")
        self._message = cast(dict[str, Any], message)
        self._where = where

    def path(self, name: str) -> str:
        """How an error calls the field ``name``."""
        return name if self._where == "message" else f"{self._where}.{name}"

    def as_json(self) -> bytes:
        """The object as it was read. Raises MalformedMessage when it is nested too deep to be written again."""
        return dump(self._message)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._message.get(name) is not None

    def _required(self, name: str) -> Any:  # noqa: ANN401 - JSON is any
        if name not in self._message:
            raise MalformedMessage(f"{self.path(name)} is missing")
        return self._message[name]

    def _typed(self, name: str, kind: type[T], called: str) -> T:
        value = self._required(name)
        if type(value) is not kind:  # no subclass: true and false are no numbers
            raise MalformedMessage(f"{self.path(name)} must be {called}")
        return value

    def integer(self, name: str, least: int, most: int) -> int:
        """A whole number in ``[least, most]``."""
        value = self._typed(name, int, "a whole number")
        if not least <= value <= most:
            raise MalformedMessage(f"{self.path(name)} must lie in [{least}, {most}]")
        return value

    def number(self, name: str, least: float, most: float) -> float:
        """A finite number in ``[least, most]``."""
        value = self._required(name)
        if not is_finite_number(value):
            raise MalformedMessage(f"{self.path(name)} must be a finite number")
        if not least <= value <= most:
            raise MalformedMessage(f"{self.path(name)} must lie in [{least:g}, {most:g}]")
        return float(value)

    def text(self, name: str, longest: int, *, empty: bool = False, lines: bool = False) -> str:
        """A string of at most ``longest`` characters, not empty unless ``empty``; one line unless ``lines``."""
        return check_text(self._required(name), self.path(name), longest, empty=empty, lines=lines)

    def flag(self, name: str) -> bool:
        """True or false."""
        return self._typed(name, bool, "true or false")

    def mapping(self, name: str, most: int) -> dict[str, Any]:
        """An object with at most ``most`` fields, as it is."""
        value: dict[str, Any] = self._typed(name, dict, "an object")
        if len(value) > most:
            raise OversizedMessage(f"{self.path(name)} has more than {most} fields")
        return value

    def items(self, name: str, most: int) -> list[Any]:
        """An array of at most ``most`` items, as it is."""
        value: list[Any] = self._typed(name, list, "an array")
        if len(value) > most:
            raise OversizedMessage(f"{self.path(name)} has {len(value)} items; at most {most} are allowed")
        return value

    def readers(self, name: str, most: int) -> "list[Reader]":
        """An array of at most ``most`` objects, each behind a reader of its own."""
        return [Reader(item, f"{self.path(name)}[{i}]") for i, item in enumerate(self.items(name, most))]

    def spans(self, name: str, most: int) -> list[tuple[int, int]]:
        """An array of ``[first, last]`` pairs of numbers, ascending and apart."""
        spans: list[tuple[int, int]] = []
        for i, item in enumerate(self.items(name, most)):
            where = f"{self.path(name)}[{i}]"
            if not isinstance(item, list) or len(item) != 2:
                raise MalformedMessage(f"{where} must be a pair [first, last]")
            first, last = item
            if any(isinstance(end, bool) or not isinstance(end, int) for end in item):
                raise MalformedMessage(f"{where} must hold whole numbers")
            if not (1 <= first <= last <= MAX_INT and (not spans or first > spans[-1][1])):
                raise MalformedMessage(f"{where} must ascend")
            spans.append((first, last))
        return spans
