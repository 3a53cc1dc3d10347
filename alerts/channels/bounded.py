"""What must be over in time, or stay small, whatever the network does: even the look-up of a name may take for ever."""

import threading
from collections.abc import AsyncIterable, Callable
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")


class TimedOut(Exception):
    """The work was not over in time. It may still be going on, and may still succeed."""


def run_with_timeout(limit_s: float, work: Callable[[], T]) -> T:
    """What ``work`` gives, if it gives it within ``limit_s`` seconds.

    The work runs in a thread of its own, which is left to itself when the time is up; it ends with the process.

    Raises:
        TimedOut: the time is up.
        Exception: whatever the work raised.
    """
    became: Future[T] = Future()

    def act() -> None:
        try:
            became.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread below
            became.set_exception(error)

    threading.Thread(target=act, name="bounded", daemon=True).start()
    wait([became], limit_s)
    if not became.done():
        raise TimedOut(f"not over within {limit_s:.0f} s")
    return became.result()


async def limited(parts: AsyncIterable[bytes], most: int) -> bytes | None:
    """A request's whole body; None when it has more than ``most`` bytes, and then it is not read to its end."""
    body = bytearray()
    async for part in parts:
        body += part
        if len(body) > most:
            return None
    return bytes(body)
