"""Weekly hours as text: when a responder may be called, on their own wall clock. Pure.

::

    mon-fri 08:00-20:00; sat,sun 09:00-12:00 13:00-18:00       several times a day, several kinds of day
    fri 22:00-06:00                                            through the night, into Saturday
    月-金 08:00-20:00; 土日 09:00-12:00                          the same words in Japanese

No text at all means always.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_KANJI: Final = "月火水木金土日"
_DAY_MINUTES: Final = 24 * 60
_WEEK_MINUTES: Final = 7 * _DAY_MINUTES
_TIME: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")
_EXAMPLE: Final = "write such as 'mon-fri 08:00-20:00; sat,sun 09:00-12:00', or nothing for always"
NIGHT_FROM_HOUR: Final = 22
NIGHT_TO_HOUR: Final = 6

Span = tuple[int, int]
"""From and to in minutes since Monday 00:00; ``to`` may lie beyond the week's end, and is not included."""


class HoursError(ValueError):
    """The text is no weekly hours; says which part of it, and how to write it."""


def canonical(text: str) -> str:
    """The same hours in the one way they are kept: English words, half-width, two digits. Raises HoursError."""
    clauses = [_clause(clause) for clause in _clauses(text)]
    return "; ".join(f"{_days_as_text(days)} {' '.join(times)}" for days, times in clauses)


def covers(hours: str, zone: str, at_ms: int) -> bool:
    """Whether a moment (ms UTC) lies within weekly hours on the wall clock of an IANA zone.

    Raises:
        HoursError: ``hours`` is no weekly hours; what the register holds always is.
    """
    if not hours:
        return True
    local = _local(zone, at_ms)
    minute = local.weekday() * _DAY_MINUTES + local.hour * 60 + local.minute
    return any(start <= minute < end or start <= minute + _WEEK_MINUTES < end for start, end in _spans(hours))


def is_night(zone: str, at_ms: int) -> bool:
    """Whether it is between 22 and 6 o'clock there at a moment (ms UTC)."""
    hour = _local(zone, at_ms).hour
    return hour >= NIGHT_FROM_HOUR or hour < NIGHT_TO_HOUR


def _local(zone: str, at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone))


@lru_cache(maxsize=1024)
def _spans(hours: str) -> tuple[Span, ...]:
    return tuple(
        (day * _DAY_MINUTES + start, day * _DAY_MINUTES + end)
        for days, times in map(_clause, _clauses(hours))
        for day in days
        for start, end in map(_minutes, times)
    )


def _clauses(text: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFKC", text).replace("、", ",").replace("〜", "-").replace("~", "-")
    yield from filter(None, (clause.strip().lower() for clause in re.split("[;。]", plain)))


def _clause(clause: str) -> tuple[list[int], list[str]]:
    days, *times = re.sub(r"\s*([-,])\s*", r"\1", clause).split()
    if not times:
        raise HoursError(f"'{clause[:40]}' has no days or no times; {_EXAMPLE}")
    return sorted({day for part in days.split(",") for day in _days(part)}), [_time(time) for time in times]


def _days(part: str) -> list[int]:
    first, to, last = part.partition("-")
    if to:
        start, end = _day(first), _day(last)
        return [(start + step) % 7 for step in range((end - start) % 7 + 1)]
    if part and all(letter in _KANJI for letter in part):
        return [_KANJI.index(letter) for letter in part]
    return [_day(part)]


def _day(word: str) -> int:
    for known in (DAYS, tuple(_KANJI)):
        if word in known:
            return known.index(word)
    raise HoursError(f"'{word[:40]}' is no day; days are {', '.join(DAYS)}; {_EXAMPLE}")


def _days_as_text(days: list[int]) -> str:
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{DAYS[days[0]]}-{DAYS[days[-1]]}"
    return ",".join(DAYS[day] for day in days)


def _time(text: str) -> str:
    start, end = _minutes(text)
    return f"{start // 60:02}:{start % 60:02}-{_clock(end)}"


def _clock(minute: int) -> str:
    within = minute if minute <= _DAY_MINUTES else minute - _DAY_MINUTES
    return f"{within // 60:02}:{within % 60:02}"


def _minutes(text: str) -> Span:
    """From and to in minutes of the day; an end that is not later than the beginning is the next day's."""
    found = _TIME.fullmatch(text)
    if not found:
        raise HoursError(f"'{text[:40]}' is no span of time; {_EXAMPLE}")
    hour, minute, to_hour, to_minute = map(int, found.groups())
    start, end = hour * 60 + minute, to_hour * 60 + to_minute
    if minute > 59 or to_minute > 59 or start >= _DAY_MINUTES or end > _DAY_MINUTES or start == end:
        raise HoursError(f"'{text[:40]}' is no span of time: 00:00 to 24:00, and not empty; {_EXAMPLE}")
    return start, end if end > start else end + _DAY_MINUTES
