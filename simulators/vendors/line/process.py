"""The double as a process of its own: started on a free port of 127.0.0.1, ordered about, and stopped by its id.

::

    with LineProcess() as line:
        user = line.friend("佐藤 花")
        line.order("faults", kind="error_after_accept")
        LineApi(line.token, line.url).push(user, …)
"""

import json
import time
import urllib.parse
from pathlib import Path
from typing import Any

from simulators.vendors.base.process import DoubleProcess, DoubleProcessError
from simulators.vendors.line.world import SECRET, TOKEN


class LineProcess(DoubleProcess):
    """LINE's double as a process.

    Args:
        port: to listen on; None: a free one.
        webhook: where events go; None until an order says so.
        clock: file with the time it shows (`simulators.vendors.base.clock`); None: the machine's.
        log_path: what its output is appended to; None discards it.

    Attributes:
        token, secret: of the channel.
    """

    name = "the LINE double"

    def __init__(
        self,
        port: int | None = None,
        webhook: str | None = None,
        clock: Path | None = None,
        log_path: Path | None = None,
    ) -> None:
        self.token, self.secret = TOKEN, SECRET
        arguments = ["--webhook", webhook] if webhook else []
        arguments += ["--clock", str(clock)] if clock else []
        super().__init__("simulators.vendors.line.double", arguments, port, log_path)

    # ---- the control endpoint ----

    def reset(self, webhook: str | None = None) -> None:
        """Forget everything; events go to ``webhook`` from now on."""
        query = "?" + urllib.parse.urlencode({"webhook": webhook}) if webhook else ""
        self._ask("POST", f"/control/reset{query}")

    def friend(self, name: str, user_id: str | None = None, *, follows: bool = True) -> str:
        """A user; gives the id."""
        order = {"name": name, "follows": follows} | ({"id": user_id} if user_id else {})
        return str(self._ask("POST", "/control/friends", order)["id"])

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

    def press(self, user_id: str, data: str) -> bool:
        """Press the newest button that sends ``data``; on return the product has taken it. False: there is none."""
        return bool(self._ask("POST", "/control/press", {"user_id": user_id, "data": data})["pressed"])

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
        """Wait until every event was answered; gives the state. Raises DoubleProcessError."""
        until_s = time.monotonic() + patience_s
        while time.monotonic() < until_s:
            state = self.state()
            if state["idle"]:
                return state
            time.sleep(0.05)
        raise DoubleProcessError("some webhook events were not answered in time")
