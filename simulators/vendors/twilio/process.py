"""Twilio's double as a process of its own, and what a hand does on its phones."""

import urllib.parse
from pathlib import Path

from simulators.vendors.base.process import DoubleProcess


class TwilioProcess(DoubleProcess):
    """Twilio's double as a process.

    Args:
        port: to listen on; None: a free one.
        incoming: where replies by SMS go; empty: nowhere.
        clock: file with the time it shows (`simulators.vendors.base.clock`); None: the machine's.
        ring_limit_s: a phone that nobody picks up rings this long, real seconds; None: as long as the caller asked.
        log_path: what its output is appended to; None discards it.
    """

    name = "the Twilio double"

    def __init__(
        self,
        port: int | None = None,
        incoming: str = "",
        clock: Path | None = None,
        ring_limit_s: float | None = None,
        log_path: Path | None = None,
    ) -> None:
        arguments = ["--incoming", incoming] if incoming else []
        arguments += ["--clock", str(clock)] if clock else []
        arguments += ["--ring-limit", f"{ring_limit_s:g}"] if ring_limit_s is not None else []
        super().__init__("simulators.vendors.twilio.double", arguments, port, log_path)

    def settle(self) -> bool:
        """Wait until the product has answered every callback; whether it has."""
        return bool(self._ask("POST", "/control/settle")["idle"])

    def reply(self, number: str, words: str) -> None:
        """Write a message back; on return the product has taken it."""
        self._form(f"/phone/{_quoted(number)}/reply", words=words)

    def pick_up(self, number: str, sid: str) -> None:
        """Take a call that rings."""
        self._form(f"/phone/{_quoted(number)}/call/{sid}", do="answer")

    def press(self, number: str, sid: str, key: str) -> None:
        """Press a key in a call; on return the product has taken it."""
        self._form(f"/phone/{_quoted(number)}/call/{sid}", do="press", key=key)

    def hang_up(self, number: str, sid: str) -> None:
        """End a call; one that has ended stays as it is."""
        self._form(f"/phone/{_quoted(number)}/call/{sid}", do="hang_up")

    def ring_out(self, sid: str) -> bool:
        """Nobody picked up in time; False when the call rings no more."""
        return bool(self._ask("POST", f"/control/ring_out/{sid}")["rang_out"])


def _quoted(number: str) -> str:
    return urllib.parse.quote(number, safe="")
