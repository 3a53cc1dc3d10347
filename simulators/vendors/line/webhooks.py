"""The double's webhooks: signed as LINE signs them, delivered one after the other, late, twice or in the wrong order.

A delivery that is not answered with 2xx is tried again with ``isRedelivery``, as LINE does where redelivery is switched
on. The order of first deliveries is that of the events, unless a fault says otherwise.
"""

import base64
import hashlib
import hmac
import json
import secrets
from functools import partial
from typing import Annotated, Any, Final

from linebot.v3.webhooks import CallbackRequest

from simulators.vendors.base.callbacks import Callbacks
from simulators.vendors.base.world import Json, part
from simulators.vendors.line.world import SECRET, WEBHOOK_FAULTS, LineWorld

BOT_USER: Final = "U" + "b" * 32
_AGAIN_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
_SOON_S: Final = 0.05
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def sign(secret: str, body: bytes) -> str:
    """``X-Line-Signature`` of a body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


class Webhooks(Callbacks):
    """Delivers events to one address.

    Args:
        world: gives times, reply tokens and faults.
        url: where to; may be set later; None: events are only kept.
    """

    world: LineWorld

    def __init__(self, world: LineWorld, url: str | None = None) -> None:
        super().__init__(world, url, threads=1)

    @property
    def idle(self) -> bool:
        """Whether every event has been answered, or given up."""
        return super().idle and not self._held

    def emit(self, kind: str, user_id: str, *, replies: bool = True, **content: Any) -> Json:  # noqa: ANN401 - JSON
        """Make an event and send it on its way."""
        now_ms = self.world.now_ms()
        event: Json = {
            "type": kind,
            "mode": "active",
            "timestamp": now_ms,
            "source": {"type": "user", "userId": user_id},
            "webhookEventId": _ulid(now_ms),
            "deliveryContext": {"isRedelivery": False},
            **content,
        }
        if replies:
            event["replyToken"] = self.world.new_token(user_id)
        CallbackRequest.from_dict(_body(event))  # as the vendor describes it, or it raises
        with self.world.lock:
            self.world.events.append(event)
            self._send(event)
        return event

    def repeat(self, number: int) -> None:
        """Deliver an event once more."""
        self.later(partial(self._deliver, self.world.events[number]))

    def _send(self, event: Json) -> None:
        fault = self.world.take_fault(WEBHOOK_FAULTS)
        kind = fault.kind if fault else ""
        deliver = partial(self._deliver, event)
        if kind == "reorder":
            self.hold(deliver)  # goes out after the next one
            return
        self.later(deliver, fault.delay_s if fault and kind == "late" else 0.0)
        if kind == "duplicate":
            self.later(partial(self._deliver, _again(event)), _SOON_S)
        self.release(_SOON_S)

    def _deliver(self, event: Json, tries: int = 0) -> None:
        if self.url is None:
            return
        seen = self.world.seen
        body = json.dumps(_body(event), ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "LineBotWebhook/2.0",
            "X-Line-Signature": sign(SECRET, body),
        }
        status, _ = self.post(self.url, body, headers)
        with self.world.lock:
            forgotten = seen is not self.world.seen
            if not 200 <= status < 300 and tries < len(_AGAIN_S) and not forgotten:
                self.later(partial(self._deliver, _again(event), tries + 1), _AGAIN_S[tries])


WebhooksOf = Annotated[Webhooks, part("callbacks")]


def _body(event: Json) -> Json:
    return {"destination": BOT_USER, "events": [event]}


def _again(event: Json) -> Json:
    return event | {"deliveryContext": {"isRedelivery": True}}


def _ulid(now_ms: int) -> str:
    time_part = "".join(_CROCKFORD[(now_ms >> shift) & 31] for shift in range(45, -1, -5))
    return time_part + "".join(secrets.choice(_CROCKFORD) for _ in range(16))
