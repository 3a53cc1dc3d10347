"""LINE: a message is pushed under a key that LINE executes once, so a repetition is never a second message.

What LINE's answer means (https://developers.line.biz/en/docs/messaging-api/retrying-api-request/):

- 2xx: accepted, also for a user who blocked the account: that is told by an ``unfollow`` event alone.
- 409: a request with this key was accepted before.
- 5xx, no answer: nobody knows. The same key again, for 24 hours.
- 429: too fast (later again), or no messages left this month (another channel now): the quota tells which.
- other 4xx: never, whoever tries.
"""

import logging
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from alerts.channels.line.api import ApiReply, LineApi, LineUnreachable, NotALineMessage
from alerts.channels.line.messages import ChatMessage, chat_messages
from alerts.ports import OutgoingMessage, Quota, SendOutcome, SendResult

log = logging.getLogger(__name__)

KEY_VALID_MS: Final = 24 * 3_600_000 - 10 * 60_000
"""How long LINE is trusted to know a key: a little less than the day that it says, as clocks differ."""


class LineChannel:
    """Pushes messages to LINE user ids.

    Args:
        api: the vendor's endpoints.
        timeout_s: how long `send` may take, with the look at the quota; less than half of the sender's lease.
    """

    name = "line"

    def __init__(self, api: LineApi, timeout_s: float = 10.0) -> None:
        self._api = api
        self._timeout_s = timeout_s

    def send(self, message: OutgoingMessage) -> SendResult:
        """Push it under its delivery id."""
        if _key_is_forgotten(message):
            return SendResult(SendOutcome.PERMANENT, detail="tried a day ago, and LINE has forgotten the key by now")
        began_s = time.monotonic()
        try:
            reply = self._api.push(message.address, chat_messages(message), message.delivery_id)
        except NotALineMessage as error:
            log.error("delivery %s cannot be written for LINE: %s", message.delivery_id, error)
            return SendResult(SendOutcome.PERMANENT, detail="cannot be written for LINE")
        except LineUnreachable as error:
            return SendResult(SendOutcome.AMBIGUOUS if error.sent else SendOutcome.RETRY, detail=str(error))
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            return self._too_many(reply, self._timeout_s - (time.monotonic() - began_s))
        return _classify_reply(reply)

    def quota(self) -> Quota:
        """Messages of this month. Raises LineUnreachable."""
        return self._api.quota()

    def answer(self, reply_token: str, messages: Sequence[ChatMessage]) -> bool:
        """Answer a webhook event in its chat; whether LINE took it. A courtesy: nothing depends on it."""
        try:
            status = self._api.reply(reply_token, messages).status
        except (NotALineMessage, LineUnreachable) as error:
            log.warning("a reply by LINE was not sent: %s", error)
            return False
        if status >= 300:
            log.warning("a reply by LINE was refused: %d", status)
        return status < 300

    def _too_many(self, reply: ApiReply, left_s: float) -> SendResult:
        """Too fast, or none left? Consumption is counted with delay, so the vendor's own words count as well."""
        none_left = "monthly limit" in reply.says.lower()
        if not none_left and left_s > 0:
            try:
                none_left = self._api.quota(left_s).left == 0
            except LineUnreachable as error:
                log.warning("LINE's quota cannot be asked: %s", error)
        if none_left:
            log.error("LINE: no messages left this month")
            return SendResult(SendOutcome.QUOTA, detail="429 no messages left this month")
        return SendResult(SendOutcome.RETRY, detail="429 too many requests")


def _key_is_forgotten(message: OutgoingMessage) -> bool:
    """Whether a repetition could be a second message: then another way is better, a day after it was to be said."""
    since_ms = message.ambiguous_since_ms
    return since_ms is not None and message.at_ms - since_ms >= KEY_VALID_MS


def _classify_reply(reply: ApiReply) -> SendResult:
    detail = f"{reply.status} {reply.request_id}".strip()
    if reply.status < 300 or reply.status == HTTPStatus.CONFLICT:
        return SendResult(SendOutcome.OK, reply.message_id, detail)
    if reply.status >= 500 or reply.status == HTTPStatus.REQUEST_TIMEOUT:
        return SendResult(SendOutcome.AMBIGUOUS, detail=detail)
    if reply.status < 400:  # LINE redirects nobody: something between us answered
        return SendResult(SendOutcome.RETRY, detail=detail)
    if reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        log.error("LINE refuses the channel access token (%d); check channels.line.token_file", reply.status)
    return SendResult(SendOutcome.PERMANENT, detail=detail)
