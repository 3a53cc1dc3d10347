"""Why a person is asked later than the rhythm had it: what is true when the incident opens. Pure; it has no words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo


class WaitStart(StrEnum):
    """What a wait counts from when it does not count from the last sign of life."""

    OK = "ok"
    """The person said that all was well."""
    INCIDENT_ENDED = "case_ended"
    """Another incident about the person ended."""
    HOME_AGAIN = "home_again"
    """A registered absence ended."""
    DEVICES_BACK = "devices_back"
    """The devices were seen again."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Since when nothing was noticed.

    Attributes:
        last_sign_ms: last sign of life (ms UTC); None: nothing was ever heard.
        since: what came after it that the wait counts from; None: nothing.
        since_ms: when that was (ms UTC).
    """

    last_sign_ms: int | None
    since: WaitStart | None = None
    since_ms: int | None = None


def is_still_true(written_for_ms: int, ask_at_ms: int, now_ms: int, zone: str) -> bool:
    """Whether the sentence of the rhythm, made for the deadline ``written_for_ms``, holds for an incident opened now.

    Not when the deadline was moved, and not on another day: it speaks of today.
    """
    clock = ZoneInfo(zone)
    days = (datetime.fromtimestamp(ms / 1000, clock).date() for ms in (written_for_ms, now_ms))
    return written_for_ms == ask_at_ms and len(set(days)) == 1


def quiet_since(last_sign_ms: int | None, since_ms: Mapping[WaitStart, int | None], now_ms: int) -> Quiet:
    """When the last movement was, and what came after it that the wait counts from.

    Args:
        last_sign_ms: last sign of life (ms UTC); None: nothing was ever heard.
        since_ms: when each of these was (ms UTC); None: never. The latest counts that came after the last sign.
        now_ms: when the incident opens (ms UTC).
    """
    after = [(ms, what) for what, ms in since_ms.items() if ms is not None and (last_sign_ms or 0) < ms <= now_ms]
    if not after:
        return Quiet(last_sign_ms)
    at_ms, what = max(after, key=lambda item: item[0])
    return Quiet(last_sign_ms, what, at_ms)
