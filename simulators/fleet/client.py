"""The other end of the fleet's pipe: starts the process, speaks with it, and stops it again."""

import contextlib
import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, Final

from simulators.fleet.config import FleetConfig, FleetError
from simulators.fleet.homes import Advance
from simulators.people.household import Condition
from simulators.processes import Running

_START_S: Final = 60.0
_STOP_S: Final = 15.0
_GRACE_S: Final = 15.0
"""What a command may take beyond the time it waits for acks."""


class FleetClient(Running):
    """One fleet process. Blocking, and for one thread at a time.

    Args:
        config: the fleet.
        folder: where its configuration and its log are written; it must exist.

    Every method raises `FleetError` when the fleet refuses, does not answer in time or is gone.
    """

    def __init__(self, config: FleetConfig, folder: Path) -> None:
        self._config = config
        self._folder = folder
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Process id; None while it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process and wait until its agents are there (not yet connected)."""
        path = self._folder / "fleet.json"
        self._config.save(path)
        with (self._folder / "fleet.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
                [sys.executable, "-m", "simulators.fleet.fleet", "--config", str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C reaches us alone; we stop the fleet in good order
            )
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), name="fleet answers", daemon=True
        )
        self._reader.start()
        try:
            self._receive("start", _START_S)
        except FleetError:
            self.stop()
            raise

    def history(self, from_ms: int, to_ms: int, timeout_s: float = 300.0) -> Advance:
        """Commit all readings of ``[from_ms, to_ms]`` (ms UTC) to the outboxes. First, once, before `connect`."""
        return _advance(self._ask({"do": "history", "from_ms": from_ms, "to_ms": to_ms}, timeout_s))

    def connect(self, timeout_s: float = 60.0) -> int:
        """Bring the links up; gives the number of events still to be sent."""
        return int(self._ask({"do": "connect"}, timeout_s)["backlog"])

    def wait(self, timeout_s: float) -> int:
        """Wait until all is acknowledged, at most ``timeout_s`` (real time); gives what still is not."""
        return int(self._ask({"do": "wait", "timeout_s": timeout_s}, timeout_s + _GRACE_S)["backlog"])

    def advance(self, to_ms: int) -> Advance:
        """Live on until ``to_ms`` (ms UTC); on return the backend has acknowledged every event."""
        return _advance(self._ask({"do": "advance", "to_ms": to_ms}, self._config.ack_timeout_s + _GRACE_S))

    def visit(self, home: str, at_ms: int) -> Condition:
        """Somebody enters the home at ``at_ms``, now or later; gives how they find the person."""
        return Condition(self._ask({"do": "visit", "home": home, "at_ms": at_ms}, _GRACE_S)["found"])

    def condition(self, home: str, at_ms: int) -> Condition:
        """How the person of the home is at ``at_ms``, as far as it is known now."""
        return Condition(self._ask({"do": "condition", "home": home, "at_ms": at_ms}, _GRACE_S)["condition"])

    def stop(self) -> None:
        """Stop the process; kill it when it does not go. Harmless when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(BrokenPipeError):
            assert process.stdin is not None  # noqa: S101 - asked for at the start
            process.stdin.close()  # the end of its input is its order to stop
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._reader is not None:
            self._reader.join()
        if process.stdout is not None:
            process.stdout.close()

    def _ask(self, command: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        if self._process is None or self._process.stdin is None:
            raise FleetError("the fleet does not run; call start first")
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise FleetError(f"the fleet is gone; see {self._folder / 'fleet.log'}") from None
        return self._receive(command["do"], timeout_s)

    def _receive(self, what: str, timeout_s: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            self.stop()  # a late answer would be taken for that of the next command
            raise FleetError(f"the fleet did not answer '{what}' within {timeout_s:g} s and was stopped") from None
        if line is None:
            raise FleetError(f"the fleet ended during '{what}'; see {self._folder / 'fleet.log'}")
        answer: dict[str, Any] = json.loads(line)
        if not answer["ok"]:
            raise FleetError(answer["error"])
        return answer

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            self._answers.put(line)
        self._answers.put(None)


def _advance(answer: dict[str, Any]) -> Advance:
    return Advance(answer["published"], answer["heartbeats"], answer["next_ms"])
