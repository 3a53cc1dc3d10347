"""Between the home's wall clock (seconds since 1970, no zone) and UTC (milliseconds)."""

import datetime as dt
from zoneinfo import ZoneInfo

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - the wall clock has no zone: that is its meaning here
_UTC_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def utc_ms(local_s: float, zone: ZoneInfo) -> int:
    """The moment at which the wall clock of ``zone`` shows ``local_s``; the first of two when clocks are set back."""
    moment = (_EPOCH + dt.timedelta(seconds=local_s)).replace(tzinfo=zone)
    return round(moment.timestamp() * 1000)


def local_s(ms: int, zone: ZoneInfo) -> float:
    """What the wall clock of ``zone`` shows at ``ms`` (UTC), as seconds since 1970."""
    shown = (_UTC_EPOCH + dt.timedelta(milliseconds=ms)).astimezone(zone).replace(tzinfo=None)
    return (shown - _EPOCH).total_seconds()
