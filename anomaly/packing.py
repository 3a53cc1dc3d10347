"""Exact, versioned bytes for arrays: the same state gives the same bytes on every machine."""

import json
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

_FRAME = struct.Struct("<4sI")


class UnreadableState(ValueError):
    """The bytes are not what this version writes; the message says what was expected."""


class DataRecord(Protocol):
    """Any dataclass; of numbers and names where it is written down."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


State = TypeVar("State", bound=DataRecord)


def pack(magic: bytes, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """A four-byte magic (name and version), a JSON header and little-endian arrays, one after the other."""
    shapes = {name: [array.dtype.newbyteorder("<").str, list(array.shape)] for name, array in arrays.items()}
    text = json.dumps([header, shapes], separators=(",", ":"), ensure_ascii=False).encode()
    bodies = [np.ascontiguousarray(a).astype(a.dtype.newbyteorder("<"), copy=False).tobytes() for a in arrays.values()]
    return b"".join([_FRAME.pack(magic, len(text)), text, *bodies])


def unpack(magic: bytes, data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The header and the arrays that `pack` wrote.

    Raises:
        UnreadableState: another magic (another version, or not ours), or bytes are missing.
    """
    try:
        found, size = _FRAME.unpack_from(data)
        if found != magic:
            raise UnreadableState(f"expected state of version {magic!r}, found {found!r}")
        offset = _FRAME.size + size
        header, shapes = json.loads(data[_FRAME.size : offset])
        arrays = {}
        for name, (dtype, shape) in shapes.items():
            count = int(np.prod(shape))
            arrays[name] = np.frombuffer(data, np.dtype(dtype), count, offset).reshape(shape).copy()
            offset += arrays[name].nbytes
    except (struct.error, ValueError) as error:
        if isinstance(error, UnreadableState):
            raise
        raise UnreadableState(f"state of version {magic!r} is cut short or damaged") from None
    if offset != len(data):
        raise UnreadableState(f"state of version {magic!r} has {len(data) - offset} bytes too many")
    return header, arrays


@contextmanager
def restoring(what: str) -> Iterator[None]:
    """Around the reading of what `unpack` gave: a key that is missing or a value of another sort is an error of it.

    Raises:
        UnreadableState: the message names what was read.
    """
    try:
        yield
    except UnreadableState:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableState(f"the state of a {what} lacks or misstates {error}") from None


def to_plain(state: DataRecord) -> list[Any]:
    """The fields of a small state as JSON values, in their order; None: infinite, which JSON does not know."""
    values = (getattr(state, field.name) for field in fields(state))
    return [None if value in (math.inf, -math.inf) else value for value in values]


def from_plain(of: type[State], values: Sequence[Any]) -> State:
    """The state that `to_plain` gave; a field that was infinite is so by default."""
    known = zip(fields(of), values, strict=True)
    return of(**{field.name: value for field, value in known if value is not None})


def or_none(moment_s: float) -> float | None:
    """A moment as a JSON value; None: it lies before all others."""
    return moment_s if math.isfinite(moment_s) else None


def or_never(moment_s: float | None) -> float:
    """The moment that `or_none` gave."""
    return -math.inf if moment_s is None else moment_s
