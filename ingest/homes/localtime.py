"""The wall clock of a home: its offset to UTC, and the moment of the night at which it learns. Pure."""

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

NIGHTLY_HOUR: Final = 3
"""Local hour at which a day is closed and learned."""
_QUARTER_MS: Final = 900_000
"""Offsets of zones change on quarter hours only, so one look-up serves all the events of a quarter."""


def offset_s(zone: str, t_ms: int) -> int:
    """Seconds that the home's wall clock is ahead of UTC at ``t_ms`` (ms UTC)."""
    return _offset_s(zone, t_ms // _QUARTER_MS)


def local_s(zone: str, t_ms: int) -> float:
    """Seconds since the epoch on the home's wall clock, as the rhythm counts them."""
    return t_ms / 1000.0 + offset_s(zone, t_ms)


def utc_ms(zone: str, wall_s: float, near_ms: int) -> int:
    """The moment (ms UTC) at which the home's wall clock shows ``wall_s``; ``near_ms``: a first guess of it."""
    about_ms = round((wall_s - offset_s(zone, near_ms)) * 1000)
    return round((wall_s - offset_s(zone, about_ms)) * 1000)


def last_nightly_ms(zone: str, t_ms: int) -> int:
    """The latest moment at or before ``t_ms`` at which the home's clock showed 03:00 (ms UTC)."""
    local = datetime.fromtimestamp(t_ms / 1000, ZoneInfo(zone))
    nightly = _nightly_ms(zone, local)
    return nightly if nightly <= t_ms else _nightly_ms(zone, local - timedelta(days=1))


def next_nightly_ms(zone: str, t_ms: int) -> int:
    """The first moment after ``t_ms`` at which the home's clock shows 03:00 (ms UTC)."""
    local = datetime.fromtimestamp(t_ms / 1000, ZoneInfo(zone))
    nightly = _nightly_ms(zone, local)
    return nightly if nightly > t_ms else _nightly_ms(zone, local + timedelta(days=1))


@lru_cache(maxsize=65_536)
def _offset_s(zone: str, quarter: int) -> int:
    moment = datetime.fromtimestamp(quarter * (_QUARTER_MS // 1000), ZoneInfo(zone))
    offset = moment.utcoffset()
    return 0 if offset is None else round(offset.total_seconds())


def _nightly_ms(zone: str, local: datetime) -> int:
    # A 03:00 that a change of clock skips is taken with the offset from before, one that comes twice the first time.
    moment = datetime.combine(local.date(), time(NIGHTLY_HOUR), ZoneInfo(zone))
    return round(moment.astimezone(UTC).timestamp() * 1000)
