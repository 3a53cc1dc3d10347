"""Programs that a simulator starts beside itself: running between ``start`` and ``stop``, and ended by their ids."""

import contextlib
import socket
import subprocess
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Final, Self

STOP_PATIENCE_S: Final = 10.0


class Running(ABC):
    """Runs between `start` and `stop`, or as a context manager; one that starts only half is stopped."""

    @abstractmethod
    def start(self) -> None:
        """Start it and wait until it answers."""

    @abstractmethod
    def stop(self) -> None:
        """Stop what runs of it."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.stop()


def end(child: "subprocess.Popen[bytes]") -> None:
    """Ask a child to end, then make it."""
    child.terminate()
    try:
        child.wait(STOP_PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def free_ports(how_many: int) -> list[int]:
    """So many different TCP ports of 127.0.0.1 that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(how_many)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
