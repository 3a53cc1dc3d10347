"""Exact, versioned bytes for arrays: the same state gives the same bytes on every machine."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FRAME = struct.Struct("<4sI")


class UnreadableState(ValueError):
    """The bytes are not what this version writes; the message says what was expected."""


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
