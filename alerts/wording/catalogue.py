"""Every code in words, Japanese and English; dates, durations and plurals by Babel.

Decisions, the audit, failures and findings carry codes with parameters; what a person reads of them is made here, when
it is shown. Nothing reads these words again.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime

from alerts.decisions.codes import VARIANTS, Reason
from alerts.decisions.reasons import Quiet
from contracts.signals import Sentence

Texts: TypeAlias = Mapping[str, str | Mapping[str, str]]
"""Text by key. One with plurals has a form for each of Babel's plural categories, and ``by``: the gap that decides."""
LANGUAGES: Final = ("ja", "en")
DEFAULT_LANGUAGE: Final = "ja"
MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400
LOCALES: Final = Path(__file__).resolve().parent / "locales"


@cache
def texts_in(folder: Path, language: str) -> Texts:
    """The texts of one language in a folder, by key."""
    loaded: Texts = json.loads((folder / f"{language}.json").read_text(encoding="utf-8"))
    return loaded


def local(at_ms: int, zone: str) -> datetime:
    """A moment on the wall clock of ``zone``."""
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone))


class Catalogue:
    """Words of one language; one that is not known becomes Japanese.

    Args:
        language: ``ja`` or ``en``.
        folder: where the texts are: those of all codes, or those of one channel.
    """

    def __init__(self, language: str, folder: Path = LOCALES) -> None:
        self.language = language if language in LANGUAGES else DEFAULT_LANGUAGE
        self._texts = texts_in(folder, self.language)
        self._locale = Locale.parse(self.language)

    def __call__(self, key: str, **values: Any) -> str:  # noqa: ANN401 - whatever a text has room for
        """The text behind ``key`` with its gaps filled. A KeyError names a key that is in no locale."""
        text = self._texts[key]
        if not isinstance(text, str):
            text = text[self._locale.plural_form(values[text["by"]])]
        return text.format(**values)

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in self._texts

    def what(self, what: str) -> str:
        """What happened, of an audit line; one that is in no set stands as it is."""
        return self._first(what, f"what.{what}")

    def reasons(self, reasons: Sequence[str], params: Mapping[str, Any]) -> str:
        """Why, of an audit line: one reason after the other, empty for none."""
        return self("reason.join").join(self._reason(reason, params) for reason in reasons)

    def _reason(self, reason: str, params: Mapping[str, Any]) -> str:
        if reason == Reason.EARLIER_VERSION:
            return str(params["text"])
        variant = VARIANTS.get(Reason(reason))
        return self(f"reason.{reason}" if variant is None else f"reason.{reason}.{params[variant]}")

    def quiet(self, quiet: Quiet, zone: str) -> str:
        """Since when nothing was noticed, on the wall clock of ``zone``."""
        still = ""
        if quiet.since is not None and quiet.since_ms is not None:
            still = self(f"quiet.since.{quiet.since}", at=self.moment(quiet.since_ms, zone))
        if quiet.last_sign_ms is None:
            return self("quiet.never", still=still)
        return self("quiet.last", last=self.moment(quiet.last_sign_ms, zone), still=still)

    def failure(self, failure: str) -> str:
        """Why a message or a try failed: a code of `alerts.errors.Failure`."""
        return self(f"failure.{failure}")

    def date(self, at: datetime) -> str:
        """Month and day."""
        return self._formatted(at, "pattern.date")

    def day(self, at_ms: int, zone: str) -> str:
        """Month, day and day of the week."""
        return self._formatted(local(at_ms, zone), "pattern.day")

    def moment(self, at_ms: int, zone: str) -> str:
        """Date and time of day: for what is stored, and read on other days as well."""
        return self._formatted(local(at_ms, zone), "pattern.moment")

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

    def _first(self, otherwise: str, *keys: str) -> str:
        return next((self(key) for key in keys if self.has(key)), otherwise)

    def _formatted(self, at: datetime, pattern: str) -> str:
        # The pattern is ours and the names are Babel's: its own patterns put month and day in another order in English.
        return format_datetime(at, self(pattern), locale=self._locale)


@cache
def catalogue(language: str, folder: Path = LOCALES) -> Catalogue:
    """The words of the codes in one language, or those in the ``folder`` of a channel."""
    return Catalogue(language, folder)


def sentence(key: str, **values: Any) -> Sentence:  # noqa: ANN401 - whatever a text has room for
    """A text in both languages."""
    return in_both(lambda words: words(key, **values))


def in_both(say: Callable[[Catalogue], str]) -> Sentence:
    """What ``say`` makes of the words of each language."""
    return Sentence(*(say(catalogue(language)) for language in LANGUAGES))
