"""A vendor's double as a process of its own: started on a free port of 127.0.0.1, ordered about, stopped by its id."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from simulators.processes import Child, Running, free_port, start_module, stop

START_PATIENCE_S: Final = 60.0
ORDER_PATIENCE_S: Final = 40.0
DIRECTLY: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""To this machine, whatever proxy the environment names."""


class DoubleProcessError(RuntimeError):
    """It did not start, or an order was refused."""


class DoubleProcess(Running):
    """Runs between `start` and `stop`, or as a context manager.

    Args:
        module: what to run; its first argument is the port.
        arguments: the others.
        port: to listen on; None: a free one.
        log_path: what its output is appended to; None discards it.

    Attributes:
        url: base address of its API and of its phones.
    """

    name = "the double"

    def __init__(
        self, module: str, arguments: Sequence[str] = (), port: int | None = None, log_path: Path | None = None
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = (module, str(self.port), *arguments)
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
        until_s = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < until_s:
            if self._process is None or self._process.poll() is not None:
                code = self._process.returncode if self._process else None
                raise DoubleProcessError(f"{self.name} ended with {code}; is the port {self.port} free?")
            try:
                self.state()
                return
            except DoubleProcessError:
                time.sleep(0.1)
        raise DoubleProcessError(f"{self.name} did not answer in time")

    def stop(self) -> None:
        """Stop it, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            stop(process, self.name)

    def state(self) -> dict[str, Any]:
        """What the double has seen."""
        seen: dict[str, Any] = self._ask("GET", "/control/state")
        return seen

    def order(self, what: str, **order: Any) -> None:  # noqa: ANN401 - JSON
        """An order to ``/control/{what}``, such as ``faults``."""
        self._ask("POST", f"/control/{what}", order)

    def _form(self, path: str, **fields: str) -> None:
        self._ask("POST", path, raw=urllib.parse.urlencode(fields).encode(), kind="application/x-www-form-urlencoded")

    def _ask(
        self,
        method: str,
        path: str,
        order: dict[str, Any] | None = None,
        *,
        raw: bytes | None = None,
        kind: str = "application/json",
    ) -> Any:  # noqa: ANN401 - JSON
        body = json.dumps(order).encode() if order is not None else raw
        request = urllib.request.Request(self.url + path, body, {"Content-Type": kind}, method=method)  # noqa: S310
        try:
            with DIRECTLY.open(request, timeout=ORDER_PATIENCE_S) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                what = f"{method} {path.partition('?')[0]}: {error.code} {error.read(500)!r}"
            raise DoubleProcessError(what) from None
        except OSError as error:
            raise DoubleProcessError(f"{self.name} does not answer: {type(error).__name__}") from None
        return json.loads(content) if content.startswith(b"{") else None
