"""One agent for one outbox: a lock that the kernel takes back when its holder dies, however it dies."""

import fcntl
import os
from pathlib import Path

from edge_agent.errors import OutboxBroken, OutboxInUse


class FileLock:
    """Holds ``path`` locked from construction to `release`.

    The lock lies beside the outbox and not on it: a corrupt outbox is renamed, its lock must stay.

    Raises:
        OutboxInUse: another process, or another outbox of this process, holds it.
        OutboxBroken: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutboxBroken(f"cannot make {path}: {error.strerror}") from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise OutboxInUse(
                f"{path.with_suffix('')} is in use by another agent (process {holder}): "
                "stop that one, or give this agent an outbox of its own"
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Let another process have the file. Calling it again does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
