"""What must be over in time, or stay small, whatever the network does: even the look-up of a name may take for ever."""

import threading
from collections.abc import AsyncIterable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class TimedOut(Exception):
    """The work was not over in time. It may still be going on, and may still succeed."""


class _Box(Generic[T]):
    def __init__(self) -> None:
        self.result: list[T] = []
        self.error: BaseException | None = None


def run_with_timeout(limit_s: float, work: Callable[[], T]) -> T:
    """What ``work`` gives, if it gives it within ``limit_s`` seconds.

    The work runs in a thread of its own, which is left to itself when the time is up; it ends with the process.

    Raises:
        TimedOut: the time is up.
        Exception: whatever the work raised.
    """
    box: _Box[T] = _Box()

    def act() -> None:
        try:
            box.result.append(work())
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread below
            box.error = error

    thread = threading.Thread(target=act, name="bounded", daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        raise TimedOut(f"not over within {limit_s:.0f} s")
    if box.error is not None:
        raise box.error
    return box.result[0]


async def limited(parts: AsyncIterable[bytes], most: int) -> bytes | None:
    """A request's whole body; None when it has more than ``most`` bytes, and then it is not read to its end."""
    body = bytearray()
    async for part in parts:
        body += part
        if len(body) > most:
            return None
    return bytes(body)
