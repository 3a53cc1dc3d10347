"""The words of the pages, and times said in words, in Japanese and English."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from alerts.wording import catalogue
from alerts.wording.catalogue import Catalogue, Texts, local, texts_in
from dashboard.site.sensor_names import parts_of

_LOCALES: Final = Path(__file__).resolve().parents[1] / "locales"


@cache
def texts(language: str) -> Texts:
    """Every text that the pages can show in one language, by key."""
    return {**texts_in(catalogue.LOCALES, language), **texts_in(_LOCALES, language)}


class Words(Catalogue):
    """Words of one language: those of the pages, and those of all codes. Called from the templates as ``t``."""

    def __init__(self, language: str) -> None:
        super().__init__(language)
        self._texts = texts(self.language)

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

    def word(self, family: str, code: str) -> str:
        """The word of a family of keys for a code; one that is in no locale as it is."""
        return self._first(code, f"{family}.{code}")

    def room(self, room: str) -> str:
        """A room by its known id, else as the household names it."""
        return self._first(room, f"place.{room.lower()}")

    def delivery(self, channel: str, state: str) -> str:
        """How far a message got; of a call in words of a call."""
        return self._first(state, f"delivery.{channel}_{state}", f"delivery.{state}")

    def actor(self, actor: str) -> str:
        """Whoever acted and is no person: the parts of ``alerts`` are one to the reader."""
        return self._first(actor, f"actor.{actor.partition('.')[0]}")

    def clock(self, at_ms: int | None, zone: str, now_ms: int) -> str:
        """``HH:MM``, with the date in front when it is another day than today. An em dash for None."""
        return self._time(at_ms, zone, now_ms, "pattern.time")

    def exact(self, at_ms: int | None, zone: str, day_ms: int | None = None) -> str:
        """``HH:MM:SS``, with the date in front when ``day_ms`` is a moment of another day. An em dash for None."""
        return self._time(at_ms, zone, day_ms, "pattern.exact")

    def _time(self, at_ms: int | None, zone: str, day_ms: int | None, pattern: str) -> str:
        if at_ms is None:
            return "—"
        at = local(at_ms, zone)
        other_day = day_ms is not None and at.date() != local(day_ms, zone).date()
        time = self._formatted(at, pattern)
        return f"{self.date(at)} {time}" if other_day else time

    def until(self, at_ms: int | None, now_ms: int) -> str:
        """How far away a moment is: あと23分 / 5分過ぎ. Empty for None."""
        if at_ms is None:
            return ""
        key = "until.left" if at_ms >= now_ms else "until.over"
        return self(key, span=self.span((at_ms - now_ms) / 1000))

    def ago(self, at_ms: int | None, now_ms: int) -> str:
        """How long ago a moment was. An em dash for None."""
        return "—" if at_ms is None else self("ago", span=self.span(max(0, now_ms - at_ms) / 1000))
