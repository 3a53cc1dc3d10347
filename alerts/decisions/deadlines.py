"""When a home is asked about and called for: the one reckoning, for the engine and for the pages. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from contracts.health import PROOF_VALID_S

UNKNOWN_START_MS: Final = 12 * 3_600_000
"""How long a home without any known beginning counts as silent when it is due: the longest silence ever waited for."""
AFTER_OUTAGE_MS: Final = 30 * 60_000
"""After an outage of its devices a home has so long to show a movement before anybody is asked. Once a silence."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """When the person is asked and others are called (ms UTC; None: never).

    Attributes:
        since_ms: from when they count: the last sign of life, else the beginning of the watch, or a later word; None
            when nothing is due.
        confirmed_ok_ms: the word that they count from; None when nobody said anything since.
    """

    since_ms: int | None
    ask_at_ms: int | None
    call_at_ms: int | None
    confirmed_ok_ms: int | None = None


def deadlines_after(
    last_sign_ms: int | None,
    watched_from_ms: int | None,
    ask_at_ms: int | None,
    call_at_ms: int | None,
    confirmed_ok_ms_values: Iterable[int | None],
    devices_back_ms: int | None = None,
) -> Deadlines:
    """The deadlines that hold: whoever said that all is well is granted the same waiting anew from that moment.

    Else somebody found safe whose sensors then stay quiet would never be missed again, and a home that was never heard
    of would be asked about again the moment somebody answered.

    Args:
        last_sign_ms: last sign of life; None before the first.
        watched_from_ms: since when the home is watched; None where that is not known.
        ask_at_ms: when to ask, as the rhythm has it, which knows of no words.
        call_at_ms: when to call, likewise.
        confirmed_ok_ms_values: when people last said that all was well: the OK button, an incident closed by a human.
        devices_back_ms: when the devices worked again that did not when the person was to be asked; None: they did.
            Nobody knows whether it was silent meanwhile, so there is time for a movement first.
    """
    start_ms = last_sign_ms if last_sign_ms is not None else watched_from_ms
    if start_ms is None:
        if ask_at_ms is None:
            return Deadlines(None, None, call_at_ms)
        start_ms = ask_at_ms - UNKNOWN_START_MS
    confirmed_ok_ms = max((ms for ms in confirmed_ok_ms_values if ms is not None and ms > start_ms), default=None)
    since_ms = start_ms if confirmed_ok_ms is None else confirmed_ok_ms
    ask, call = (None if ms is None else ms + since_ms - start_ms for ms in (ask_at_ms, call_at_ms))
    if devices_back_ms is not None and ask is not None and ask <= devices_back_ms:
        late_ms = devices_back_ms + AFTER_OUTAGE_MS - ask
        ask, call = ask + late_ms, None if call is None else call + late_ms
    return Deadlines(since_ms, ask, call, confirmed_ok_ms)


def is_silence_proven(last_sign_ms: int | None, proven_ms: int | None, now_ms: int) -> bool:
    """Whether the devices are proven alive since the last sign of life, so that silence means a silent person.

    The last sign is what a proof must come after, not the last event: a meter that reports every second is itself a
    living device, and says nothing of the person.
    """
    return proven_ms is not None and proven_ms >= (last_sign_ms or 0) and now_ms - proven_ms <= 1000 * PROOF_VALID_S
