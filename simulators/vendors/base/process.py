"""A vendor's double as a process of its own: started on a free port of 127.0.0.1, controlled, and stopped by its id."""

from pathlib import Path
from typing import Any, Final

from simulators.processes import Running, answers, free_port, start_module
from simulators.vendors.base.http import ask
from simulators.vendors.base.world import Json

START_PATIENCE_S: Final = 60.0
ANSWER_PATIENCE_S: Final = 40.0


class DoubleProcessError(RuntimeError):
    """It did not start, or refused what was asked of it."""


class DoubleProcess(Running):
    """Runs between `start` and `stop`, or as a context manager.

    Args:
        log_path: what its output is appended to; None discards it.
        options: of its command line, by name; those that are None are left out. All doubles take ``clock``: a file with
            the time that it shows (see `simulators.vendors.base.clock`).

    Attributes:
        module: what is run; its first argument is the port.
        url: base address of its API and of its phones.
    """

    module: str

    def __init__(self, log_path: Path | None = None, **options: object) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        given = [f"--{key.replace('_', '-')}={value}" for key, value in options.items() if value is not None]
        self._command = (self.module, str(self.port), *given)
        self._log_path = log_path

    def start(self) -> None:
        """Start it and wait until it answers. Raises DoubleProcessError."""
        self.begin()
        self.await_answer()

    def begin(self) -> None:
        """Start it, and do not wait."""
        self._child = start_module(*self._command, log_path=self._log_path)

    def await_answer(self) -> None:
        """Wait until it answers. Raises DoubleProcessError: it ended, or does not in time."""
        if self._child is None or not answers(self._child, self._look, START_PATIENCE_S):
            raise DoubleProcessError(f"{self.name} does not answer; is the port {self.port} free?")

    def state(self) -> Json:
        """What the double has seen."""
        seen: Json = self._ask("GET", "/control/state")
        return seen

    def _look(self) -> None:
        ask("GET", f"{self.url}/control/state", ANSWER_PATIENCE_S).raise_for_status()

    def control(self, what: str, **body: Any) -> Any:  # noqa: ANN401 - JSON
        """Post to ``/control/{what}``, such as ``faults``; gives the answer."""
        return self._ask("POST", f"/control/{what}", json=body)

    def settle(self) -> Json:
        """Wait until the product has answered every callback; gives the state. Raises DoubleProcessError."""
        if not self.control("settle")["idle"]:
            raise DoubleProcessError(f"{self.name} waits for answers that do not come")
        return self.state()

    def _form(self, path: str, **fields: str | None) -> None:
        self._ask("POST", path, data=fields)

    def _ask(self, method: str, path: str, **sent: Any) -> Any:  # noqa: ANN401 - JSON
        try:
            answer = ask(method, self.url + path, ANSWER_PATIENCE_S, **sent)
        except OSError as error:
            raise DoubleProcessError(f"{self.name} does not answer: {type(error).__name__}") from None
        if not answer.ok:
            raise DoubleProcessError(f"{method} {path}: {answer.status_code} {answer.content[:500]!r}")
        return answer.json() if answer.content.startswith(b"{") else None
