"""Twilio's webhooks: what became of a message or a call, what a call says, the key that was pressed, replies by SMS.

Nothing is believed without Twilio's signature, and the same thing said twice is done once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from sqlalchemy import Engine

from alerts.channels.twilio import inbound as phone_answers
from alerts.channels.twilio import twiml
from alerts.channels.twilio.codes import MACHINES, failure_kind
from alerts.channels.twilio.inbound import PhoneReplyOutcome
from alerts.channels.twilio.settings import TwilioSettings
from alerts.channels.twilio.signature import Fields, SignedForms, refused
from alerts.counters import count_webhook
from alerts.delivery import receipts
from alerts.delivery.receipts import Receipt, ReceiptResult
from alerts.ports import ReceiptKind
from alerts.settings import AlertsSettings
from contracts.clock import Clock

PREFIX: Final = "/webhooks/twilio"
_SMS_KINDS: Final = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending", "sent"), ReceiptKind.SENT),
    "delivered": ReceiptKind.DELIVERED,
    "read": ReceiptKind.READ,
}
_CALL_KINDS: Final = {
    **dict.fromkeys(("queued", "initiated", "ringing", "answered", "in-progress"), ReceiptKind.SENT),
    **dict.fromkeys(("busy", "no-answer", "canceled"), ReceiptKind.AGAIN),
    "failed": ReceiptKind.FAILED,
}


def sms_receipt(status: str, error_code: str) -> ReceiptKind | None:
    """What a status of a message means; None: not one that Twilio documents."""
    if status in ("undelivered", "failed", "canceled"):
        return failure_kind(error_code)
    return _SMS_KINDS.get(status)


def call_receipt(status: str, answered_by: str) -> ReceiptKind | None:
    """What a status of a call means; None: not one that Twilio documents.

    A completed call reached somebody only if Twilio heard a human: an answering machine is no answer. Whoever pressed a
    key has proved it in another way.
    """
    if status == "completed":
        return ReceiptKind.DELIVERED if answered_by == "human" else ReceiptKind.AGAIN
    return _CALL_KINDS.get(status)


def twilio_routes(
    db: Engine, clock: Clock, settings: TwilioSettings, tokens: Sequence[str], alerts: AlertsSettings
) -> APIRouter:
    """``/webhooks/twilio/…``: POST only.

    Args:
        db: the relational store.
        clock: what "now" is.
        settings: of the channel.
        tokens: the auth token, and the former one while it is rotated. Never logged.
        alerts: retry times, and how long a message can be answered.
    """
    taker, forms = _Taker(db, clock, settings, alerts), SignedForms(settings, tokens)
    routes = APIRouter(prefix=PREFIX)

    def of_a_message(path: str, channel: str, take: Callable[[str, Fields], Response]) -> None:
        @routes.post(f"/{path}/{{delivery_id}}", name=path)
        async def _(request: Request, delivery_id: str) -> Response:
            form = await forms.read(request, channel)
            return await run_in_threadpool(take, delivery_id, form)

    of_a_message("sms", "sms", taker.sms_status)
    of_a_message("call", "voice", taker.call_status)
    of_a_message("voice", "voice", taker.say)
    of_a_message("key", "voice", taker.key)

    @routes.post("/incoming")
    async def incoming(request: Request) -> Response:
        form = await forms.read(request, "sms")
        return await run_in_threadpool(taker.incoming, form)

    return routes


@dataclass(frozen=True, slots=True)
class _Taker:
    """What is done with a webhook that is surely Twilio's."""

    db: Engine
    clock: Clock
    settings: TwilioSettings
    alerts: AlertsSettings

    def sms_status(self, delivery_id: str, form: Fields) -> Response:
        status, code = form.get("MessageStatus", ""), form.get("ErrorCode", "")
        detail = f"{status[:20]} {code[:10]}".strip()
        return self._take("sms", delivery_id, form.get("MessageSid", ""), sms_receipt(status, code), detail)

    def call_status(self, delivery_id: str, form: Fields) -> Response:
        status, by = form.get("CallStatus", ""), form.get("AnsweredBy", "")
        detail = f"{status[:20]} {by[:30]}".strip()
        return self._take("voice", delivery_id, form.get("CallSid", ""), call_receipt(status, by), detail)

    def _take(self, channel: str, delivery_id: str, vendor_id: str, kind: ReceiptKind | None, detail: str) -> Response:
        if kind is None or not 0 < len(vendor_id) <= receipts.LONGEST_ID:
            raise refused(channel, "unknown_status", 400)
        receipt = Receipt(delivery_id, vendor_id, kind, detail)
        taken = receipts.record_receipt(self.db, receipt, self.clock.wall_ms(), self.alerts)
        count_webhook(channel, f"receipt_{taken}")
        if taken is ReceiptResult.UNKNOWN:
            raise HTTPException(404, "no such message")
        return Response(status_code=204)

    def say(self, delivery_id: str, form: Fields) -> Response:
        message = phone_answers.read_message(self.db, delivery_id)
        if message is None or form.get("AnsweredBy", "").startswith(MACHINES):
            count_webhook("voice", "machine" if message else "unknown")
            return _xml(twiml.hang_up())
        count_webhook("voice", "spoken")
        return _xml(twiml.spoken(message, self.settings.webhook(f"key/{delivery_id}")))

    def key(self, delivery_id: str, form: Fields) -> Response:
        sid = form.get("CallSid", "")
        if not 0 < len(sid) <= receipts.LONGEST_ID:
            raise refused("voice", "incomplete", 400)
        now_ms = self.clock.wall_ms()
        back = phone_answers.press(self.db, delivery_id, sid, form.get("Digits", ""), now_ms, self.alerts)
        count_webhook("voice", back.outcome)
        if back.outcome is PhoneReplyOutcome.UNKNOWN:
            return _xml(twiml.hang_up())
        return _xml(twiml.pressed(back, self.settings.webhook(f"voice/{delivery_id}")))

    def incoming(self, form: Fields) -> Response:
        number, sid = form.get("From", ""), form.get("MessageSid", "")
        if not number or not 0 < len(sid) <= receipts.LONGEST_ID:
            raise refused("sms", "incomplete", 400)
        now_ms = self.clock.wall_ms()
        back = phone_answers.reply(self.db, number, form.get("Body", ""), sid, now_ms, self.alerts)
        count_webhook("sms", back.outcome)
        return _xml(twiml.replied(back))


def _xml(text: str) -> Response:
    return Response(text, media_type="application/xml")
