"""The texts that InfluxDB reads: line protocol and InfluxQL, from points and names that may hold any character.

InfluxQL knows no parameters, so `has_tag` is the one place where a name enters a statement.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote, unquote

from store.timeseries.port import Point

MEASUREMENT: Final = "event"
COLUMNS: Final = ("n", "q", "bf", "x", "sensor", "kind", "epoch")
"""What `point_of` wants, after the time."""

_PLAIN_TAG: Final = re.compile(r"[A-Za-z0-9_.:/-]+")


@functools.lru_cache(maxsize=65_536)
def encode_tag(text: str) -> str:
    """A tag's value as it is stored.

    Line protocol has no way to write a newline, or a backslash before a comma or at the end, and servers may refuse
    what they cannot print. Those, and the percent sign, are stored percent-encoded; all else stays readable.
    """
    if _PLAIN_TAG.fullmatch(text):
        return text
    return "".join(c if c.isprintable() and c not in "%\\\ufffd" else quote(c, safe="") for c in text)


@functools.lru_cache(maxsize=65_536)
def decode_tag(stored: str) -> str:
    """The text that `encode_tag` made ``stored`` of."""
    return unquote(stored, errors="strict") if "%" in stored else stored


@functools.lru_cache(maxsize=65_536)
def _series(gateway: str, sensor: str, kind: str, epoch: str) -> str:
    # The tags are in the order of their names, which spares the server sorting them.
    tags = {"epoch": epoch, "gw": gateway, "kind": kind, "sensor": sensor}
    return MEASUREMENT + "".join(f",{name}={_escape_tag(encode_tag(value))}" for name, value in tags.items())


def _escape_tag(text: str) -> str:
    return text.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def line(point: Point) -> str:
    """The point in line protocol, precision ns."""
    series = _series(point.gateway, point.sensor, point.kind, point.epoch)
    fields = point.fields.replace("\\", "\\\\").replace('"', '\\"')
    backfilled = "t" if point.backfilled else "f"
    return f'{series} n={point.n}i,q={point.quality}i,bf={backfilled},x="{fields}" {point.ts_ns}'


def bodies(points: Iterable[Point], most_lines: int, most_bytes: int) -> Iterator[bytes]:
    """The points as bodies of write requests, each within both limits unless one line alone is longer."""
    lines: list[bytes] = []
    size = 0
    for point in points:
        encoded = line(point).encode()
        if lines and (len(lines) >= most_lines or size + len(encoded) + 1 > most_bytes):
            yield b"\n".join(lines)
            lines, size = [], 0
        lines.append(encoded)
        size += len(encoded) + 1
    if lines:
        yield b"\n".join(lines)


def has_tag(name: str, value: str) -> str:
    """The InfluxQL condition that picks the points with a tag, such as ``gw``."""
    text = encode_tag(value).replace("'", "\\'")  # no backslash is left after encode_tag
    return f"\"{name}\" = '{text}'"


def select(condition: str, first_ns: int, last_ns: int, columns: Iterable[str]) -> str:
    """The InfluxQL that reads points with ``first_ns <= time <= last_ns``, by time."""
    names = ", ".join(f'"{name}"' for name in columns)
    span = f"time >= {first_ns} AND time <= {last_ns}"
    return f"SELECT {names} FROM {MEASUREMENT} WHERE {condition} AND {span} ORDER BY time"  # noqa: S608


def count(condition: str) -> str:
    """The InfluxQL that counts points; an empty condition means all."""
    where = f" WHERE {condition}" if condition else ""
    return f'SELECT count("n") FROM {MEASUREMENT}{where}'  # noqa: S608


def delete(condition: str) -> str:
    """The InfluxQL that removes points."""
    return f"DELETE FROM {MEASUREMENT} WHERE {condition}"  # noqa: S608


def point_of(gateway: str, row: list[Any]) -> Point:
    """The point of one row that `select` gave."""
    ts_ns, n, quality, backfilled, fields, *tags = row
    sensor, kind, epoch = map(decode_tag, tags)
    return Point(gateway, ts_ns, sensor, kind, fields, epoch, n, quality, backfilled)
