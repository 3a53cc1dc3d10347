"""The double's webhooks: signed as LINE signs them, delivered one after the other, late, twice or in the wrong order.

A delivery that is not answered with 2xx is tried again with ``isRedelivery``, as LINE does where redelivery is switched
on. The order of first deliveries is that of the events, unless a fault says otherwise.
"""

import base64
import hashlib
import hmac
import json
import logging
import queue
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from linebot.v3.webhooks import CallbackRequest

from simulators.vendors.base.process import DIRECTLY
from simulators.vendors.line.world import LineWorld

Json = dict[str, Any]

log = logging.getLogger(__name__)

BOT_USER: Final = "U" + "b" * 32
FAULTS: Final = ("duplicate", "late", "reorder")
PATIENCE_S: Final = 10.0
_AGAIN_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(slots=True)
class WebhookFault:
    """What happens to the next ``left`` events; ``delay_s``: how late, in seconds."""

    kind: str
    left: int
    delay_s: float


@dataclass(order=True, slots=True)
class _Due:
    at_s: float
    number: int
    event: Json = field(compare=False)
    tries: int = field(compare=False, default=0)


def sign(secret: str, body: bytes) -> str:
    """``X-Line-Signature`` of a body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


class Webhooks:
    """Delivers events to one address, between `start` and `stop`.

    Args:
        world: gives times and reply tokens.
        secret: the channel secret.
        url: where to; may be set later; None: events are only kept.
    """

    def __init__(self, world: LineWorld, secret: str, url: str | None = None) -> None:
        self._world = world
        self._secret = secret
        self.url = url
        self.sent: list[Json] = []  # every event made, in order
        self.answers: Counter[str] = Counter()
        self._queue: queue.PriorityQueue[_Due] = queue.PriorityQueue()
        self._faults: list[WebhookFault] = []
        self._held: Json | None = None
        self._number = 0
        self._open = 0  # events not yet answered
        self._lock = threading.RLock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._deliver_all, name="line webhooks", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """Deliver nothing more."""
        self._done.set()
        self._thread.join(PATIENCE_S + 1)

    def reset(self, url: str | None) -> None:
        """Forget events and faults."""
        with self._lock:
            self.url = url
            self.sent.clear()
            self.answers.clear()
            self._faults.clear()
            self._held = None
            self._open = 0
            self._queue = queue.PriorityQueue()

    def add_fault(self, kind: str, times: int = 1, delay_s: float = 1.0) -> None:
        """The next events meet this. Raises ValueError."""
        if kind not in FAULTS:
            raise ValueError(f"no such fault of webhooks: {kind[:40]}; known: {', '.join(FAULTS)}")
        with self._lock:
            self._faults.append(WebhookFault(kind, times, delay_s))

    @property
    def idle(self) -> bool:
        """Whether every event has been answered, or given up."""
        with self._lock:
            return self._open == 0 and self._held is None

    def emit(self, kind: str, user_id: str, *, replies: bool = True, **content: Any) -> Json:  # noqa: ANN401 - JSON
        """Make an event and send it on its way."""
        event: Json = {
            "type": kind,
            "mode": "active",
            "timestamp": self._world.now_ms(),
            "source": {"type": "user", "userId": user_id},
            "webhookEventId": _ulid(self._world.now_ms()),
            "deliveryContext": {"isRedelivery": False},
            **content,
        }
        if replies:
            event["replyToken"] = self._world.reply_token(user_id)
        CallbackRequest.from_dict(
            {"destination": BOT_USER, "events": [event]}
        )  # as the vendor describes it, or it raises
        with self._lock:
            self.sent.append(event)
            self._route(event)
        return event

    def repeat(self, number: int) -> None:
        """Deliver an event of `sent` once more."""
        with self._lock:
            self._put(self.sent[number], 0.0)

    def _route(self, event: Json) -> None:
        fault = next((item for item in self._faults if item.left > 0), None)
        if fault is not None:
            fault.left -= 1
        kind = fault.kind if fault else ""
        delay_s = fault.delay_s if fault and kind == "late" else 0.0
        if kind == "reorder":
            self._held = event  # goes out after the next one
            return
        self._put(event, delay_s)
        if kind == "duplicate":
            again = event | {"deliveryContext": {"isRedelivery": True}}
            self._put(again, 0.05)
        if self._held is not None:
            held, self._held = self._held, None
            self._put(held, 0.05)

    def _put(self, event: Json, delay_s: float, tries: int = 0) -> None:
        self._number += 1
        self._open += 1
        self._queue.put(_Due(time.monotonic() + delay_s, self._number, event, tries))

    def _deliver_all(self) -> None:
        while not self._done.is_set():
            waiting = self._queue
            try:
                due = waiting.get(timeout=0.1)
            except queue.Empty:
                continue
            left_s = due.at_s - time.monotonic()
            if left_s > 0:  # something earlier may come meanwhile
                waiting.put(due)
                self._done.wait(min(left_s, 0.02))
                continue
            self._deliver(due, waiting)

    def _deliver(self, due: _Due, waiting: "queue.PriorityQueue[_Due]") -> None:
        status = self._post(due.event)
        with self._lock:
            if waiting is not self._queue:
                return  # forgotten meanwhile
            self.answers[str(status)] += 1
            self._open -= 1
            if status is not None and not 200 <= status < 300 and due.tries < len(_AGAIN_S):
                again = due.event | {"deliveryContext": {"isRedelivery": True}}
                self._put(again, _AGAIN_S[due.tries], due.tries + 1)

    def _post(self, event: Json) -> int | None:
        """The status; 0 without an answer; None: nowhere to send to."""
        if self.url is None:
            return None
        body = json.dumps({"destination": BOT_USER, "events": [event]}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "LineBotWebhook/2.0"}
        headers["X-Line-Signature"] = sign(self._secret, body)
        request = urllib.request.Request(self.url, body, headers, method="POST")  # noqa: S310 - our own address
        try:
            with DIRECTLY.open(request, timeout=PATIENCE_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError as error:
            log.warning("the webhook was not answered: %s", type(error).__name__)
            return 0


def _ulid(now_ms: int) -> str:
    time_part = "".join(_CROCKFORD[(now_ms >> shift) & 31] for shift in range(45, -1, -5))
    return time_part + "".join(secrets.choice(_CROCKFORD) for _ in range(16))
