"""One moment that a story sets and the vendors' doubles read: eight bytes of a file.

So their screens show the story's time, and nothing has to be told to them at each of its thousands of steps.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_BYTES: Final = 8


class SharedClock:
    """Sets the moment that `reads` reads in other processes, between its making and `close`.

    Args:
        path: of the file, which is made.
        now_ms: the first moment, ms UTC.
    """

    def __init__(self, path: Path, now_ms: int) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.set(now_ms)

    def set(self, now_ms: int) -> None:
        """Let it be ``now_ms`` (ms UTC)."""
        os.pwrite(self._file, now_ms.to_bytes(_BYTES), 0)

    def close(self) -> None:
        """Set nothing more; what was set last stays."""
        os.close(self._file)


def reads(path: Path | str) -> Callable[[], int]:
    """A clock that tells what is set there, ms UTC. Raises OSError: there is no such file."""
    file = os.open(path, os.O_RDONLY)
    return lambda: int.from_bytes(os.pread(file, _BYTES, 0))


def now_ms() -> int:
    """The machine's time, ms UTC."""
    return time.time_ns() // 1_000_000
