"""The words of the pages, and times said in words, in Japanese and English."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from dashboard.site.sensor_names import parts_of

LANGUAGES: Final = ("ja", "en")
DEFAULT_LANGUAGE: Final = "ja"
_LOCALES: Final = Path(__file__).resolve().parents[1] / "locales"
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400


@cache
def sentences(language: str) -> Mapping[str, str]:
    """Every word and sentence of the pages in one language, by key."""
    loaded: dict[str, str] = json.loads((_LOCALES / f"{language}.json").read_text(encoding="utf-8"))
    return loaded


def local(at_ms: int, zone: str) -> datetime:
    """A moment on the wall clock of ``zone``."""
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone))


class Words:
    """Words of one language. Called from the templates as ``t``."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else DEFAULT_LANGUAGE
        self._sentences = sentences(self.language)

    def __call__(self, key: str, **values: Any) -> str:  # noqa: ANN401 - whatever a sentence has room for
        """The sentence behind ``key`` with its gaps filled. A KeyError names a key that is in no locale."""
        return self._sentences[key].format(**values)

    def has(self, key: str) -> bool:
        """Whether there is such a sentence."""
        return key in self._sentences

    def reason(self, reason: str) -> str:
        """A reason of the audit in words of the page: those of ``alerts`` are known, others stand as written."""
        parts = (self._sentences.get(f"why.{part}", part) for part in reason.split("; "))
        return self("why.join").join(parts)

    def name_of(self, name: str) -> str:
        """A person's name as it is said to others: 姓 名 様."""
        return self("person.polite", name=name)

    def names_of(self, names: Iterable[str]) -> str:
        """Several names in a row."""
        return self("list.join").join(self.name_of(name) for name in names)

    def sensor(self, sensor: str) -> str:
        """A sensor by what its id says of room and thing; an id that is not understood as it is."""
        parts = parts_of(sensor, self.has)
        return sensor if parts is None else self("sensor.join").join(self(key) + number for key, number in parts)

    def room(self, room: str) -> str:
        """A room by its known id, else as the household names it."""
        return self._sentences.get(f"place.{room.lower()}", room)

    def delivery(self, channel: str, state: str) -> str:
        """How far a message got; of a call in words of a call."""
        return self._sentences.get(f"delivery.{channel}_{state}", self._sentences.get(f"delivery.{state}", state))

    def actor(self, actor: str) -> str:
        """Whoever acted and is no person: the parts of ``alerts`` are one to the reader."""
        return self._sentences.get(f"actor.{actor.partition('.')[0]}", actor)

    def clock(self, at_ms: int | None, zone: str, now_ms: int) -> str:
        """``HH:MM``, with the date in front when it is another day than today. An em dash for None."""
        if at_ms is None:
            return "—"
        at, today = local(at_ms, zone), local(now_ms, zone).date()
        return f"{at:%H:%M}" if at.date() == today else f"{self.date(at)} {at:%H:%M}"

    def exact(self, at_ms: int | None, zone: str, day_ms: int | None = None) -> str:
        """``HH:MM:SS``, with the date in front when ``day_ms`` is a moment of another day. An em dash for None."""
        if at_ms is None:
            return "—"
        at = local(at_ms, zone)
        other_day = day_ms is not None and at.date() != local(day_ms, zone).date()
        return f"{self.date(at)} {at:%H:%M:%S}" if other_day else f"{at:%H:%M:%S}"

    def date(self, at: datetime) -> str:
        """Month and day."""
        return f"{at.month}月{at.day}日" if self.language == "ja" else f"{at.day} {_MONTHS[at.month - 1]}"

    def day(self, at_ms: int, zone: str) -> str:
        """Month, day and day of the week."""
        at = local(at_ms, zone)
        weekday = self(f"weekday.{at.weekday()}")
        return f"{self.date(at)}（{weekday}）" if self.language == "ja" else f"{weekday} {self.date(at)}"

    def span(self, seconds: float) -> str:
        """How long, in the two largest units that matter: 2時間5分 / 2 h 5 min. Negative counts as its size."""
        whole = int(abs(seconds))
        if whole < MINUTE_S:
            return self("span.s", n=whole)
        if whole < HOUR_S:
            return self("span.min", n=whole // MINUTE_S)
        if whole < DAY_S:
            return self._two("span.h", "span.min", whole // HOUR_S, whole % HOUR_S // MINUTE_S)
        return self._two("span.d", "span.h", whole // DAY_S, whole % DAY_S // HOUR_S)

    def _two(self, large: str, small: str, count: int, rest: int) -> str:
        first = self(large, n=count)
        return first + self("span.join") + self(small, n=rest) if rest else first

    def until(self, at_ms: int | None, now_ms: int) -> str:
        """How far away a moment is: あと23分 / 5分過ぎ. Empty for None."""
        if at_ms is None:
            return ""
        key = "until.left" if at_ms >= now_ms else "until.over"
        return self(key, span=self.span((at_ms - now_ms) / 1000))

    def ago(self, at_ms: int | None, now_ms: int) -> str:
        """How long ago a moment was. An em dash for None."""
        return "—" if at_ms is None else self("ago", span=self.span(max(0, now_ms - at_ms) / 1000))
