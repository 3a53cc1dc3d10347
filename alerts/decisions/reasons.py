"""Why a person is asked later than the rhythm had it: the sentence that is true when the case opens. Pure."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

from contracts.signals import Sentence

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Since(Enum):
    """What a wait counts from when it does not count from the last sign of life."""

    OK = Sentence("に本人が大丈夫と知らせたあとも", "the person said at {} that all was well")
    CASE_ENDED = Sentence("に前の対応が終わったあとも", "the last case ended at {}")
    HOME_AGAIN = Sentence("に不在が終わったあとも", "the absence ended at {}")
    DEVICES_BACK = Sentence("に機器の通信が戻ったあとも", "the devices were heard of again at {}")


def is_still_true(written_for_ms: int, ask_at_ms: int, now_ms: int, zone: str) -> bool:
    """Whether the sentence of the rhythm, made for the deadline ``written_for_ms``, holds for a case opened now.

    Not when the deadline was moved, and not on another day: it speaks of today.
    """
    clock = ZoneInfo(zone)
    days = (datetime.fromtimestamp(ms / 1000, clock).date() for ms in (written_for_ms, now_ms))
    return written_for_ms == ask_at_ms and len(set(days)) == 1


def moved_sentence(last_sign_ms: int | None, since_ms: Mapping[Since, int | None], now_ms: int, zone: str) -> Sentence:
    """When the last movement was, and what came after it that the wait counts from.

    Args:
        last_sign_ms: last sign of life (ms UTC); None: nothing was ever heard.
        since_ms: when each of these was (ms UTC); None: never. The latest counts that came after the last sign.
        now_ms: when the case opens (ms UTC).
        zone: IANA zone of the home, whose wall clock is spoken of.
    """
    after = [(ms, what.value) for what, ms in since_ms.items() if ms is not None and (last_sign_ms or 0) < ms <= now_ms]
    still = Sentence("", "")
    if after:
        ms, what = max(after, key=lambda item: item[0])
        at = _moment(ms, zone)
        still = Sentence(f"({at.ja}{what.ja}動きがありません)", f", nor since {what.en.format(at.en)}")
    if last_sign_ms is None:
        return Sentence(f"まだ何も動きを受け取っていません{still.ja}。", f"Nothing was ever noticed here{still.en}.")
    last = _moment(last_sign_ms, zone)
    return Sentence(
        f"{last.ja}から動きがありません{still.ja}。", f"Nothing has been noticed since {last.en}{still.en}."
    )


def _moment(at_ms: int, zone: str) -> Sentence:
    """Always with the date: the sentence is kept, and read on other days as well."""
    at = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone))
    clock = f"{at.hour}:{at.minute:02d}"
    return Sentence(f"{at.month}月{at.day}日{clock}", f"{clock} on {at.day} {_MONTHS[at.month - 1]}")
