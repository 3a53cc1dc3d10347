"""A vendor's double as a process of its own: started on a free port of 127.0.0.1, controlled, and stopped by its id."""

import contextlib
import json
import urllib.parse
from pathlib import Path
from typing import Any, Final

from simulators.processes import Child, Running, answers, free_port, start_module, stop
from simulators.vendors.base.http import fetch
from simulators.vendors.base.world import Json

START_PATIENCE_S: Final = 60.0
ANSWER_PATIENCE_S: Final = 40.0
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"


class DoubleProcessError(RuntimeError):
    """It did not start, or refused what was asked of it."""


class DoubleProcess(Running):
    """Runs between `start` and `stop`, or as a context manager.

    Args:
        log_path: what its output is appended to; None discards it.
        options: of its command line, by name; those that are None are left out. All doubles take ``clock``: a file with
            the time that it shows (see `simulators.vendors.base.clock`).

    Attributes:
        name: of the double, in messages.
        module: what is run; its first argument is the port.
        url: base address of its API and of its phones.
    """

    name: str
    module: str

    def __init__(self, log_path: Path | None = None, **options: object) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        given = [f"--{key.replace('_', '-')}={value}" for key, value in options.items() if value is not None]
        self._command = (self.module, str(self.port), *given)
        self._log_path = log_path
        self._process: Child | None = None

    def start(self) -> None:
        """Start it and wait until it answers. Raises DoubleProcessError."""
        self.begin()
        self.await_answer()

    def begin(self) -> None:
        """Start it, and do not wait."""
        self._process = start_module(*self._command, log_path=self._log_path)

    def await_answer(self) -> None:
        """Wait until it answers. Raises DoubleProcessError: it ended, or does not in time."""
        if self._process is None or not answers(self._process, self._has_state, START_PATIENCE_S):
            raise DoubleProcessError(f"{self.name} does not answer; is the port {self.port} free?")

    def stop(self) -> None:
        """Stop it, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            stop(process, self.name)

    def state(self) -> Json:
        """What the double has seen."""
        seen: Json = self._ask("GET", "/control/state")
        return seen

    def _has_state(self) -> bool:
        with contextlib.suppress(DoubleProcessError):
            self.state()
            return True
        return False

    def control(self, what: str, **body: Any) -> Any:  # noqa: ANN401 - JSON
        """Post to ``/control/{what}``, such as ``faults``; gives the answer."""
        return self._ask("POST", f"/control/{what}", json.dumps(body).encode())

    def settle(self) -> Json:
        """Wait until the product has answered every callback; gives the state. Raises DoubleProcessError."""
        if not self.control("settle")["idle"]:
            raise DoubleProcessError(f"{self.name} waits for answers that do not come")
        return self.state()

    def _form(self, path: str, **fields: str) -> None:
        self._ask("POST", path, urllib.parse.urlencode(fields).encode(), _FORM)

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = _JSON) -> Any:  # noqa: ANN401 - JSON
        try:
            status, content = fetch(self.url + path, body, {"Content-Type": kind}, ANSWER_PATIENCE_S, method)
        except OSError as error:
            raise DoubleProcessError(f"{self.name} does not answer: {type(error).__name__}") from None
        if status >= 400:
            raise DoubleProcessError(f"{method} {path.partition('?')[0]}: {status} {content[:500]!r}")
        return json.loads(content) if content.startswith(b"{") else None
