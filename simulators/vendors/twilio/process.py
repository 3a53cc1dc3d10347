"""Twilio's double as a process of its own, and what a hand does on its phones."""

from simulators.vendors.base.process import DoubleProcess


class TwilioProcess(DoubleProcess):
    """Twilio's double as a process.

    Options: ``incoming``, where replies by SMS go; ``ring_limit``, for how long a phone rings that nobody picks up,
    in real seconds; ``reach``, as ``OUTER=REAL``, to sign the outer address and call the real one.
    """

    name, module = "the Twilio double", "simulators.vendors.twilio.double"

    def reply(self, number: str, words: str) -> None:
        """Write a message back; on return the product has taken it."""
        self._form(f"/phone/{number}/reply", words=words)

    def pick_up(self, number: str, sid: str) -> None:
        """Take a call that rings."""
        self._form(f"/phone/{number}/call/{sid}", do="answer")

    def press(self, number: str, sid: str, key: str) -> None:
        """Press a key in a call; on return the product has taken it."""
        self._form(f"/phone/{number}/call/{sid}", do="press", key=key)

    def hang_up(self, number: str, sid: str) -> None:
        """End a call; one that has ended stays as it is."""
        self._form(f"/phone/{number}/call/{sid}", do="hang_up")

    def ring_out(self, sid: str) -> bool:
        """Nobody picked up in time; False when the call rings no more."""
        return bool(self.control(f"ring_out/{sid}")["rang_out"])
