"""A storm of incidents must not be a storm of messages: after many in a short time the rest come in one.

Nothing is dropped by it: what waits goes out with the last message that there is room for, or when there is room again.
Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class WaitingMessage(NamedTuple):
    """A message that is due and was never tried, to one contact method of one person."""

    id: str
    incident: str
    created_ms: int
    is_news: bool = False


class SentMessage(NamedTuple):
    """A message that the same person was sent within the window."""

    incident: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class BundleLimits:
    """How much one person is sent.

    Attributes:
        most: messages about different incidents within the window; the last of them is kept for all the rest.
        window_ms: how long a message counts.
        gather_ms: how long the last one waits for more to tell.
    """

    most: int
    window_ms: int
    gather_ms: int


@dataclass(frozen=True, slots=True)
class BundlePlan:
    """What to do with what waits; what is in neither goes out as it is.

    Attributes:
        together: to be told in one message.
        held: to be looked at again at ``until_ms``.
        until_ms: when there is room (ms UTC).
    """

    together: tuple[WaitingMessage, ...] = ()
    held: tuple[WaitingMessage, ...] = ()
    until_ms: int = 0


def plan(
    waiting: Sequence[WaitingMessage], sent: Sequence[SentMessage], now_ms: int, limits: BundleLimits
) -> BundlePlan:
    """How the messages to one person go out.

    Args:
        waiting: oldest first.
        sent: within the window that ends now, oldest first.
        now_ms: now, ms UTC.
        limits: how much is too much.
    """
    incidents = {message.incident for message in waiting} | {message.incident for message in sent}
    if len(incidents) < limits.most:
        return BundlePlan()
    rest = tuple(waiting[max(0, limits.most - 1 - len(sent)) :])
    if not rest:
        return BundlePlan()
    if len(sent) >= limits.most:
        return BundlePlan(held=rest, until_ms=sent[len(sent) - limits.most].at_ms + limits.window_ms)
    ready_ms = rest[0].created_ms + limits.gather_ms
    if now_ms < ready_ms:
        return BundlePlan(held=rest, until_ms=ready_ms)
    return BundlePlan(together=rest) if len(rest) > 1 else BundlePlan()
