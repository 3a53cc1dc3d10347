"""Child processes that cannot outlive us: started with a parent-death signal, stopped by process id."""

import logging
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

log = logging.getLogger(__name__)

STOP_PATIENCE_S = 10.0


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(
    arguments: Sequence[str], *, log_path: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a child that the kernel ends if this process dies, however it dies.

    Args:
        arguments: program and arguments.
        log_path: file that its output is appended to; None discards it.
        environment: variables of the child; None hands ours on.
    """
    setpriv = shutil.which("setpriv")
    guard = [setpriv, "--pdeathsig", "KILL"] if setpriv and sys.platform == "linux" else []
    output = log_path.open("ab") if log_path else None
    try:
        return subprocess.Popen(  # noqa: S603 - our own programs
            [*guard, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            # Ctrl-C reaches the parent alone, which then stops its children in order.
            start_new_session=True,
        )
    finally:
        if output:
            output.close()


def stop(child: subprocess.Popen[bytes], name: str) -> int:
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
