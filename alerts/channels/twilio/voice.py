"""Calls by Twilio. What is said and which key was pressed goes through our webhook; a call rings here, no more.

A test (`alerts.tools.test_message`) carries its words with it: it belongs to no incident, so the webhook would not know
it.
"""

import re
from typing import Any, Final

from twilio.twiml.voice_response import VoiceResponse

from alerts.channels.twilio.api import TwilioChannel
from alerts.channels.twilio.codes import MACHINES
from alerts.channels.twilio.sms import is_since
from alerts.channels.twilio.texts import words_of
from alerts.decisions.model import Purpose
from alerts.ports import OutgoingMessage, SendOutcome, SendResult

LONGEST_CALL_S: Final = 180
MOST_LOOKED_AT: Final = 50
_NOBODY: Final = ("busy", "no-answer", "failed", "canceled")


class TwilioVoice(TwilioChannel):
    """The channel ``voice``; its settings have a ``public_url``."""

    name = "voice"

    def _create(self, message: OutgoingMessage) -> str | None:
        options: dict[str, Any] = {"machine_detection": "Enable"} if self._settings.machine_detection else {}
        options |= {"twiml": _spoken(message)} if message.purpose == Purpose.TEST else self._webhooks(message)
        sid: str | None = self._client.calls.create(
            to=message.address,
            from_=self._settings.voice_from,
            timeout=self._settings.ring_s,
            time_limit=LONGEST_CALL_S,
            **options,
        ).sid
        return sid

    def _webhooks(self, message: OutgoingMessage) -> dict[str, Any]:
        return {
            "url": self._settings.webhook(f"voice/{message.delivery_id}"),
            "method": "POST",
            "status_callback": self._settings.webhook(f"call/{message.delivery_id}"),
            "status_callback_method": "POST",
            "status_callback_event": ["initiated", "ringing", "answered", "completed"],
        }

    def _look_up(self, message: OutgoingMessage, since_ms: int) -> SendResult | None:
        """The call of an earlier try that rings, rang or was answered; a machine's is none."""
        for found in self._client.calls.list(
            to=message.address, from_=self._settings.voice_from, limit=MOST_LOOKED_AT, page_size=MOST_LOOKED_AT
        ):
            if found.sid in message.not_this or found.status in _NOBODY:
                continue
            if is_since(found.date_created, since_ms) and not str(found.answered_by or "").startswith(MACHINES):
                return SendResult(SendOutcome.OK, found.sid, "found by look-up")
        return None


def _spoken(message: OutgoingMessage) -> str:
    """The words of a test, twice; a code digit by digit, or it would be read as one large number."""
    words = re.sub("[0-9]{2,}", lambda code: "、".join(code[0]), message.body)
    response = VoiceResponse()
    for _ in range(2):
        response.say(words, language=words_of(message.language)("speech.language"))
    return str(response)
