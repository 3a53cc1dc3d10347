"""The other end of the fleet's pipe: starts the process, calls what its homes can do, and stops it again."""

from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, TypeVar

from simulators.fleet.homes import Advance, FleetConfig, FleetError, FleetHomes
from simulators.people.household import Condition
from simulators.processes import Running, start_module

_START_S: Final = 60.0
_GRACE_S: Final = 15.0
"""What a call may take beyond the time it waits for acks."""
_HISTORY_S: Final = 300.0
_CONNECT_S: Final = 60.0
Answer = TypeVar("Answer")


class FleetClient(Running):
    """One fleet process. Blocking, and for one thread at a time.

    Args:
        config: the fleet.
        log_path: what its output is appended to.

    Every method raises `FleetError` when the fleet refuses, does not answer in time or is gone.
    """

    name = "the fleet"

    def __init__(self, config: FleetConfig, log_path: Path) -> None:
        self._config = config
        self._log_path = log_path
        self._pipe: Connection

    @property
    def pid(self) -> int | None:
        """Process id; None while it does not run."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start the process and wait until its agents are there (not yet connected)."""
        self._pipe, theirs = Pipe()
        with theirs:
            number = theirs.fileno()
            command = ("simulators.fleet.fleet", str(number))
            self._child = start_module(*command, log_path=self._log_path, pass_fds=(number,))
        self._ask(_START_S, FleetHomes, self._config)

    def history(self, from_ms: int, to_ms: int) -> Advance:
        """Commit all readings of ``[from_ms, to_ms]`` (ms UTC) to the outboxes. First, once, before `connect`."""
        return self._ask(_HISTORY_S, FleetHomes.history, from_ms, to_ms)

    def connect(self) -> int:
        """Bring the links up; gives the number of events still to be sent."""
        return self._ask(_CONNECT_S, FleetHomes.connect)

    def wait(self, timeout_s: float) -> int:
        """Wait until all is acknowledged, at most ``timeout_s`` (real time); gives what still is not."""
        return self._ask(timeout_s + _GRACE_S, FleetHomes.wait, timeout_s)

    def advance(self, to_ms: int) -> Advance:
        """Live on until ``to_ms`` (ms UTC); on return the backend has acknowledged every event."""
        return self._ask(self._config.ack_timeout_s + _GRACE_S, FleetHomes.advance, to_ms)

    def visit(self, home: str, at_ms: int) -> Condition:
        """Somebody enters the home at ``at_ms``, now or later; gives how they find the person."""
        return self._ask(_GRACE_S, FleetHomes.visit, home, at_ms)

    def condition(self, home: str, at_ms: int) -> Condition:
        """How the person of the home is at ``at_ms``, as far as it is known now."""
        return self._ask(_GRACE_S, FleetHomes.condition, home, at_ms)

    def stop(self) -> None:
        """Stop the process; kill it when it does not go. Harmless when it does not run."""
        if self._child is not None:
            super().stop()
            self._pipe.close()

    def _ask(self, timeout_s: float, act: Callable[..., Answer], *arguments: object) -> Answer:
        if self._child is None:
            raise FleetError("the fleet does not run; call start first")
        try:
            self._pipe.send((act, arguments))
            if not self._pipe.poll(timeout_s):
                self.stop()  # a late answer would be taken for that of the next call
                raise FleetError(f"the fleet did not answer '{act.__name__}' within {timeout_s:g} s and was stopped")
            answer: Answer | FleetError = self._pipe.recv()
        except (EOFError, OSError):
            raise FleetError(f"the fleet ended during '{act.__name__}'; see {self._log_path}") from None
        if isinstance(answer, FleetError):
            raise answer
        return answer
