"""The double as a process of its own.

::

    with LineProcess() as line:
        user = line.friend("佐藤 花")
        line.control("faults", kind="error_after_accept")
        LineApi(line.token, line.url).push(user, …)
"""

from typing import Any

from simulators.vendors.base.process import DoubleProcess
from simulators.vendors.line.world import SECRET, TOKEN


class LineProcess(DoubleProcess):
    """LINE's double as a process.

    Options: ``webhook``, where events go; without it nowhere, until the control endpoint says so.

    Attributes:
        token, secret: of the channel.
    """

    name, module = "the LINE double", "simulators.vendors.line.double"
    token, secret = TOKEN, SECRET

    # ---- the control endpoint ----

    def reset(self, webhook: str | None = None) -> None:
        """Forget everything; events go to ``webhook`` from now on."""
        self.control("reset")
        self.control("webhook", url=webhook)

    def friend(self, name: str, user_id: str | None = None, *, follows: bool = True) -> str:
        """A user; gives the id."""
        return str(self.control("friends", name=name, follows=follows, id=user_id)["id"])

    def advance(self, by_ms: int) -> None:
        """Let the double's time pass."""
        self.control(f"clock?advance_ms={by_ms}")

    def replay(self, number: int = -1) -> None:
        """Deliver an event once more."""
        self.control(f"replay?number={number}")

    # ---- what a hand does on a phone ----

    def chat(self, user_id: str) -> list[dict[str, Any]]:
        """The bubbles of a phone, the oldest first."""
        return next(list(friend["chat"]) for friend in self.state()["friends"] if friend["id"] == user_id)

    def tap(self, user_id: str, label: str, bubble: str | None = None) -> None:
        """Press the button with this label on a bubble; None: on the newest one that has it."""
        self._form(f"/phone/{user_id}/tap", bubble=bubble, label=label)

    def press(self, user_id: str, data: str) -> bool:
        """Press the newest button that sends ``data``; on return the product has taken it. False: there is none."""
        return bool(self.control("press", user_id=user_id, data=data)["pressed"])

    def say(self, user_id: str, words: str) -> None:
        """Write a message."""
        self._form(f"/phone/{user_id}/say", words=words)

    def block(self, user_id: str) -> None:
        """Block the account."""
        self._form(f"/phone/{user_id}/block")

    def follow(self, user_id: str) -> None:
        """Add the account as a friend, or unblock it."""
        self._form(f"/phone/{user_id}/follow")
