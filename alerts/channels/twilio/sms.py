"""Text messages by Twilio, which has no key that tells a resend: after a try of unknown outcome it is asked first."""

import datetime
from typing import Any, Final

from alerts.channels.twilio.api import TwilioChannel
from alerts.channels.twilio.codes import failure_kind
from alerts.channels.twilio.texts import About, sms_text
from alerts.decisions.model import Purpose
from alerts.ports import OutgoingMessage, ReceiptKind, SendOutcome, SendResult
from contracts.signals import SignalKind

SHORTEST_VALIDITY_S: Final = 60
LONGEST_VALIDITY_S: Final = 36_000
CLOCKS_APART_MS: Final = 120_000
"""How far Twilio's clock and ours may be apart when a message is looked for."""
MOST_LOOKED_AT: Final = 200
_NEVER_CAME: Final = ("failed", "undelivered", "canceled")


class TwilioSms(TwilioChannel):
    """The channel ``sms``."""

    name = "sms"

    def _text(self, message: OutgoingMessage) -> str:
        about = None
        if message.kind:
            about = About(message.name, message.area, SignalKind(message.kind), message.caller)
        text = sms_text(
            Purpose(message.purpose), about, message.language, message.body, replies=self._settings.sms_replies
        )
        return f"{text}\n{message.link}" if self._settings.sms_link and message.link else text

    def _create(self, message: OutgoingMessage) -> str | None:
        options: dict[str, Any] = {"body": self._text(message), "validity_period": validity_s(message)}
        if self._settings.sms_from.startswith("MG"):
            options["messaging_service_sid"] = self._settings.sms_from
        else:
            options["from_"] = self._settings.sms_from
        if self._settings.public_url and message.purpose != Purpose.TEST:  # receipts are of incidents
            options["status_callback"] = self._settings.webhook(f"sms/{message.delivery_id}")
        sid: str | None = self._client.messages.create(to=message.address, **options).sid
        return sid

    def _look_up(self, message: OutgoingMessage, since_ms: int) -> SendResult | None:
        """By its text, and not by the date sent: a queued one has none."""
        text = self._text(message)
        for found in self._client.messages.list(to=message.address, limit=MOST_LOOKED_AT, page_size=MOST_LOOKED_AT):
            if found.sid in message.not_this or not is_since(found.date_created, since_ms):
                continue
            if not str(found.direction).startswith("outbound") or not _same_text(found.body, text):
                continue
            if found.status not in _NEVER_CAME:
                return SendResult(SendOutcome.OK, found.sid, "found by look-up")
            if failure_kind(found.error_code) is ReceiptKind.FAILED:
                return SendResult(
                    SendOutcome.PERMANENT, found.sid, f"found {found.status} {found.error_code or ''}".strip()
                )
        return None


def validity_s(message: OutgoingMessage) -> int:
    """How long Twilio may try to deliver it, in seconds: a call for help that arrives ten hours late helps nobody."""
    return min(max((message.expires_ms - message.at_ms) // 1000, SHORTEST_VALIDITY_S), LONGEST_VALIDITY_S)


def is_since(created: datetime.datetime | None, since_ms: int) -> bool:
    """Whether something of Twilio's was made since a moment of ours; what has no date may have been."""
    return created is None or created.timestamp() * 1000 >= since_ms - CLOCKS_APART_MS


def _same_text(one: str | None, other: str) -> bool:
    return (one or "").split() == other.split()
