"""The double as a process of its own: started on a free port of 127.0.0.1, ordered about, and stopped by its id.

::

    with LineProcess() as line:
        user = line.friend("佐藤 花")
        line.order("faults", kind="error_after_accept")
        LineApi(line.token, line.url).push(user, …)
"""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from simulators.line_world import SECRET, TOKEN

START_PATIENCE_S: Final = 60.0
STOP_PATIENCE_S: Final = 10.0


class LineProcessError(RuntimeError):
    """It did not start, or an order was refused."""


class LineProcess:
    """Runs between `start` and `stop`, or as a context manager.

    Attributes:
        url: base address of the API and of the phones.
        token, secret: of the channel.
    """

    def __init__(self, port: int | None = None, webhook: str | None = None) -> None:
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token, self.secret = TOKEN, SECRET
        self._webhook = webhook
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "LineProcess":
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

    def start(self) -> None:
        """Start it and wait until it answers. Raises LineProcessError."""
        command = [sys.executable, "-m", "simulators.line_double", str(self.port)]
        command += ["--webhook", self._webhook] if self._webhook else []
        self._process = subprocess.Popen(command, cwd=Path(__file__).resolve().parents[1])  # noqa: S603 - our own module
        until_s = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < until_s:
            if self._process.poll() is not None:
                raise LineProcessError(f"the LINE double ended with {self._process.returncode}; is the port free?")
            try:
                self.state()
                return
            except LineProcessError:
                time.sleep(0.1)
        raise LineProcessError("the LINE double did not answer in time")

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    # ---- the control endpoint ----

    def state(self) -> dict[str, Any]:
        """What the double has seen."""
        seen: dict[str, Any] = self._ask("GET", "/control/state")
        return seen

    def reset(self, webhook: str | None = None) -> None:
        """Forget everything; events go to ``webhook`` from now on."""
        query = "?" + urllib.parse.urlencode({"webhook": webhook}) if webhook else ""
        self._ask("POST", f"/control/reset{query}")

    def friend(self, name: str, user_id: str | None = None, *, follows: bool = True) -> str:
        """A user; gives the id."""
        order = {"name": name, "follows": follows} | ({"id": user_id} if user_id else {})
        return str(self._ask("POST", "/control/friends", order)["id"])

    def order(self, what: str, **order: Any) -> None:  # noqa: ANN401 - JSON
        """An order to ``/control/{what}``, such as ``faults`` or ``quota``."""
        self._ask("POST", f"/control/{what}", order)

    def advance(self, by_ms: int) -> None:
        """Let the double's time pass."""
        self._ask("POST", f"/control/clock?advance_ms={by_ms}")

    def replay(self, number: int = -1) -> None:
        """Deliver an event once more."""
        self._ask("POST", f"/control/replay?number={number}")

    # ---- what a hand does on a phone ----

    def chat(self, user_id: str) -> list[dict[str, Any]]:
        """The bubbles of a phone, the oldest first."""
        return next(list(friend["chat"]) for friend in self.state()["friends"] if friend["id"] == user_id)

    def tap(self, user_id: str, label: str, bubble: str | None = None) -> None:
        """Press the button with this label on a bubble; None: on the newest one that has it."""
        found = bubble or next(
            item["id"]
            for item in reversed(self.chat(user_id))
            if item["by"] == "account" and f'"{label}"' in json.dumps(item["message"], ensure_ascii=False)
        )
        self._form(f"/phone/{user_id}/tap", bubble=found, label=label)

    def say(self, user_id: str, words: str) -> None:
        """Write a message."""
        self._form(f"/phone/{user_id}/say", words=words)

    def block(self, user_id: str) -> None:
        """Block the account."""
        self._form(f"/phone/{user_id}/block")

    def follow(self, user_id: str) -> None:
        """Add the account as a friend, or unblock it."""
        self._form(f"/phone/{user_id}/follow")

    def settle(self, patience_s: float = 20.0) -> dict[str, Any]:
        """Wait until every event was answered; gives the state. Raises LineProcessError."""
        until_s = time.monotonic() + patience_s
        while time.monotonic() < until_s:
            state = self.state()
            if state["idle"]:
                return state
            time.sleep(0.05)
        raise LineProcessError("some webhook events were not answered in time")

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
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
                content = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise LineProcessError(f"{method} {path.partition('?')[0]}: {error.code} {error.read(500)!r}") from None
        except OSError as error:
            raise LineProcessError(f"the LINE double does not answer: {type(error).__name__}") from None
        return json.loads(content) if content.startswith(b"{") else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
