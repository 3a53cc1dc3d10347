"""Child processes that cannot outlive us: started with a parent-death signal, stopped by process id."""

import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

log = logging.getLogger(__name__)

STOP_PATIENCE_S: Final = 10.0
_LOOK_S: Final = 0.01
Child = subprocess.Popen[bytes]


class Running(ABC):
    """Runs between `start` and `stop`, or as a context manager; one that starts only half is stopped.

    Attributes:
        name: of what runs, in messages.
    """

    name: str
    _child: Child | None = None

    @abstractmethod
    def start(self) -> None:
        """Start it and wait until it answers."""

    def stop(self) -> None:
        """Stop it, if it runs."""
        child, self._child = self._child, None
        if child is not None:
            stop(child, self.name)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()


def free_ports(how_many: int) -> list[int]:
    """So many different TCP ports of 127.0.0.1 that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(how_many)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    return free_ports(1)[0]


def find_program(name: str) -> str | None:
    """Path of a server's program, which Debian keeps outside an ordinary user's PATH; None: it is not installed."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/bin:/usr/sbin:/usr/local/sbin")


def start(
    arguments: Sequence[str],
    *,
    log_path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    guarded: bool = True,
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start a child that the kernel ends if this process dies, however it dies.

    Args:
        arguments: program and arguments.
        log_path: file that its output is appended to; None discards it.
        environment: variables of the child; None hands ours on.
        guarded: False where the thread that starts it ends before it: that thread is the parent that the kernel means.
        pass_fds: our open files that the child inherits under their numbers.
    """
    setpriv = shutil.which("setpriv") if guarded and sys.platform == "linux" else None
    guard = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
    with (log_path or Path(os.devnull)).open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own programs
            [*guard, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            # Ctrl-C reaches the parent alone, which then stops its children in order.
            start_new_session=True,
            pass_fds=pass_fds,
        )


def start_module(module: str, *arguments: str, log_path: Path | None = None, pass_fds: Sequence[int] = ()) -> Child:
    """Start a module of ours, as `start` does. A folder that we happen to stand in does not shadow it."""
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-m", module, *arguments]
    return start(command, log_path=log_path, environment=environment, pass_fds=pass_fds)


def answers(child: Child, ask: Callable[[], object], patience_s: float) -> bool:
    """Whether a child that was started answers in time; False at once when it has ended.

    Args:
        child: who was started.
        ask: raises OSError while nobody answers.
        patience_s: for how long.
    """

    def is_there_or_gone() -> bool:
        with contextlib.suppress(OSError):
            ask()
            return True
        return child.poll() is not None

    return wait_until(is_there_or_gone, patience_s) and child.poll() is None


def wait_until(done: Callable[[], bool], patience_s: float) -> bool:
    """Whether it was done in time."""
    until_s = time.monotonic() + patience_s
    while not done():
        if time.monotonic() > until_s:
            return False
        time.sleep(_LOOK_S)
    return True


def stop(child: Child, name: str) -> int:
    """Ask a child to end, then make it; returns its exit code."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            log.warning("%s did not stop within %.0f s; killing it", name, STOP_PATIENCE_S)
            child.kill()
            child.wait()
    return child.returncode
