"""What Twilio's double remembers: messages, calls, how each number behaves, and the faults that were ordered."""

import secrets
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Final

ACCOUNT_SID: Final = "AC" + "0123456789abcdef" * 2
TOKEN: Final = "token-of-the-twilio-double-00000"  # noqa: S105 - of a simulated vendor
SMS_BEHAVIOURS: Final = {
    "delivered": None,
    "silent": None,  # accepted, and never heard of again
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
FAULTS: Final = (
    "error_before",  # 500, nothing was taken
    "error_after_accept",  # 500, and it was taken
    "timeout_after_accept",  # taken, and the answer comes too late
    "rate",
    "account",
    "look_up_error",
)
CALLBACK_FAULTS: Final = ("duplicate", "reverse", "hold")


def new_sid(kind: str) -> str:
    """A name as Twilio gives: two letters and 32 hexadecimal digits."""
    return kind + secrets.token_hex(16)


@dataclass(slots=True)
class Message:
    """One text message; ``at_ms``: when it was made, ms UTC; ``by_hand``: written on the phone page."""

    sid: str
    to: str
    sender: str
    body: str
    at_ms: int
    status: str = "queued"
    error_code: int | None = None
    callback: str = ""
    by_hand: bool = False
    validity_s: int | None = None


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

    sid: str
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

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.status in ("completed", "busy", "no-answer", "failed", "canceled")


class TwilioWorld:
    """Everything the double knows. Hold ``lock`` while changing it.

    Args:
        clock: the present time, ms UTC.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.messages: list[Message] = []
        self.calls: list[Call] = []
        self.sms: dict[str, str] = {}
        self.voice: dict[str, str] = {}
        self.names: dict[str, str] = {}  # of whose phone it is, where a story says so
        self.faults: deque[str] = deque()
        self.callback_faults: set[str] = set()
        self.seen: Counter[str] = Counter()
        self.refused: list[str] = []

    def reset(self) -> None:
        """Forget everything."""
        with self.lock:
            for memory in (
                self.messages, self.calls, self.sms, self.voice, self.names, self.faults, self.refused,
            ):  # fmt: skip
                memory.clear()
            self.callback_faults.clear()
            self.seen.clear()

    def take_fault(self, *kinds: str) -> str | None:
        """The next ordered fault, if it is one of these."""
        with self.lock:
            if self.faults and self.faults[0] in kinds:
                return self.faults.popleft()
            return None

    def call(self, sid: str) -> Call | None:
        """A call by its name."""
        return next((call for call in self.calls if call.sid == sid), None)

    def numbers(self) -> list[str]:
        """Every number that was written to or called, the newest first."""
        seen = [(item.at_ms, item.sender if item.by_hand else item.to) for item in self.messages]
        seen += [(item.at_ms, item.to) for item in self.calls]
        newest = [number for _, number in sorted(seen, reverse=True)]
        return list(dict.fromkeys([*newest, *self.sms, *self.voice]))


def message_json(message: Message, account_sid: str) -> dict[str, Any]:
    """A message as the API shows it."""
    path = f"/2010-04-01/Accounts/{account_sid}/Messages/{message.sid}"
    when = _rfc2822(message.at_ms)
    return {
        "account_sid": account_sid,
        "api_version": "2010-04-01",
        "body": message.body,
        "date_created": when,
        "date_sent": None if message.status in ("queued", "accepted") else when,
        "date_updated": when,
        "direction": "inbound" if message.by_hand else "outbound-api",
        "error_code": message.error_code,
        "error_message": None,
        "from": None if message.sender.startswith("MG") else message.sender,
        "messaging_service_sid": message.sender if message.sender.startswith("MG") else None,
        "num_media": "0",
        "num_segments": str(segments(message.body)),
        "price": None,
        "price_unit": "USD",
        "sid": message.sid,
        "status": message.status,
        "subresource_uris": {"media": f"{path}/Media.json"},
        "to": message.to,
        "uri": f"{path}.json",
    }


def call_json(call: Call, account_sid: str) -> dict[str, Any]:
    """A call as the API shows it."""
    when = _rfc2822(call.at_ms)
    return {
        "account_sid": account_sid,
        "annotation": None,
        "answered_by": call.answered_by,
        "api_version": "2010-04-01",
        "caller_name": None,
        "date_created": when,
        "date_updated": when,
        "direction": "outbound-api",
        "duration": "0" if call.over else None,
        "end_time": when if call.over else None,
        "forwarded_from": None,
        "from": call.sender,
        "from_formatted": call.sender,
        "group_sid": None,
        "parent_call_sid": None,
        "phone_number_sid": None,
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "sid": call.sid,
        "start_time": None if call.status == "queued" else when,
        "status": call.status,
        "subresource_uris": {},
        "to": call.to,
        "to_formatted": call.to,
        "trunk_sid": None,
        "uri": f"/2010-04-01/Accounts/{account_sid}/Calls/{call.sid}.json",
    }


def segments(body: str) -> int:
    """How many SMS a Japanese text is: 70 UTF-16 units, or 67 a part."""
    units = len(body.encode("utf-16-le")) // 2
    return 1 if units <= 70 else -(-units // 67)


def _rfc2822(at_ms: int) -> str:
    return formatdate(at_ms / 1000, usegmt=False)
