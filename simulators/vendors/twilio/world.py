"""What Twilio's double remembers: messages, calls, how each number behaves, and the faults that were set."""

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final

from simulators.vendors.base.world import Json, World, part

ACCOUNT_SID: Final = "AC" + "0123456789abcdef" * 2
TOKEN: Final = "token-of-the-twilio-double-00000"  # noqa: S105 - of a simulated vendor
SMS_BEHAVIOURS: Final = {
    "delivered": None,
    "silent": None,  # accepted, and never seen again
    "off": 30003,
    "congested": 30001,
    "unknown": 30005,
    "filtered": 30007,
    "not_capable": 21614,
    "opted_out": 21610,
    "invalid": 21211,
}
"""How a number takes messages; the number is the error code, of the request where it begins with 21."""
VOICE_BEHAVIOURS: Final = ("rings", "busy", "no_answer", "voicemail", "listens", "1", "2", "3", "9")
"""How a number takes calls: a hand on the phone page decides, or it is busy …, or answers and presses this key."""
CALLBACK_FAULTS: Final = ("duplicate", "reverse", "hold")


def _new_sid(kind: str) -> str:
    """A name as Twilio gives: two letters and 32 hexadecimal digits."""
    return kind + secrets.token_hex(16)


@dataclass(slots=True)
class TextMessage:
    """One text message; ``at_ms``: when it was made, ms UTC; ``by_hand``: written on the phone page."""

    to: str
    sender: str
    body: str
    at_ms: int
    status: str = "queued"
    error_code: int | None = None
    callback: str = ""
    by_hand: bool = False
    validity_s: int | None = None
    sid: str = field(default_factory=lambda: _new_sid("SM"))

    SHOWN: ClassVar = ("sid", "to", "body", "status", "by_hand")

    @property
    def fields(self) -> dict[str, str]:
        """What every webhook about it says."""
        return {"MessageSid": self.sid, "SmsSid": self.sid, "From": self.sender, "To": self.to}


@dataclass(slots=True)
class Call:
    """One call.

    Attributes:
        said: what the callee heard.
        twiml: what is to be said, where the call brought it along instead of an address.
        gather: address that the next key goes to; None: no key is waited for.
        rest: verbs that follow when no key is pressed.
        answered_by: human or machine_start, where the caller wanted to know.
    """

    to: str
    sender: str
    url: str
    at_ms: int
    callback: str = ""
    twiml: str = ""
    ring_s: int = 60
    detects: bool = False
    status: str = "queued"
    answered_by: str | None = None
    said: list[str] = field(default_factory=list)
    gather: str | None = None
    rest: list[Any] = field(default_factory=list)
    sid: str = field(default_factory=lambda: _new_sid("CA"))

    SHOWN: ClassVar = ("sid", "to", "status", "said")

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.status in ("completed", "busy", "no-answer", "failed", "canceled")

    @property
    def fields(self) -> dict[str, str]:
        """What every webhook about it says."""
        fields = {"CallSid": self.sid, "From": self.sender, "To": self.to, "Direction": "outbound-api"}
        fields["CallStatus"] = self.status
        return fields | ({"AnsweredBy": self.answered_by} if self.answered_by else {})


class TwilioWorld(World):
    """Everything that Twilio remembers."""

    def reset(self) -> None:
        """Forget everything."""
        with self.lock:
            super().reset()
            self.messages: list[TextMessage] = []
            self.calls: list[Call] = []
            self.sms: dict[str, str] = {}
            self.voice: dict[str, str] = {}
            self.names: dict[str, str] = {}  # of whose phone it is, where a story says so
            self.faults: deque[str] = deque()
            self.callback_faults: set[str] = set()

    def take_fault(self, *kinds: str) -> str | None:
        """The next fault, if it is one of these."""
        with self.lock:
            return self.faults.popleft() if self.faults and self.faults[0] in kinds else None

    def call(self, sid: str) -> Call | None:
        """A call by its name."""
        return next((call for call in self.calls if call.sid == sid), None)

    def numbers(self) -> list[str]:
        """Every number that was written to or called, the newest first."""
        seen = [(item.at_ms, item.sender if item.by_hand else item.to) for item in self.messages]
        seen += [(item.at_ms, item.to) for item in self.calls]
        newest = [number for _, number in sorted(seen, reverse=True)]
        return list(dict.fromkeys([*newest, *self.sms, *self.voice]))

    def of(self, resource: str, query: Mapping[str, str]) -> list[TextMessage] | list[Call]:
        """The ``Messages`` or ``Calls`` that a query asks for, the newest first."""
        to, sender = query.get("To"), query.get("From")
        items: list[Any] = self.messages if resource == "Messages" else self.calls
        with self.lock:
            return [item for item in reversed(items) if to in (None, item.to) and sender in (None, item.sender)]

    def state(self) -> Json:
        """Everything that a test or a story asks for."""
        return super().state() | {
            name: [{key: getattr(item, key) for key in item.SHOWN} for item in items]
            for name, items in (("messages", self.messages), ("calls", self.calls))
        }


WorldOf = Annotated[TwilioWorld, part("world")]
