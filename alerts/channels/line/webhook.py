"""Where LINE delivers its events: ``POST /webhooks/line``. Signed, or nothing happens.

The answer is 200 only when every event's effect is committed; else LINE delivers again (with redelivery switched on for
the channel), and what had its effect before has it no second time. What the account says back goes out afterwards.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse, Response
from sqlalchemy import Engine
from starlette.background import BackgroundTask

from alerts.channels.bounded import limited
from alerts.channels.line.accounts import CHANNEL
from alerts.channels.line.inbox import EventResult, LineInbox
from alerts.channels.line.messages import ChatMessage
from alerts.channels.line.webhook_events import LARGEST_BODY, LineEvent, UnreadableWebhook, is_signed, read_events
from alerts.counters import count_webhook
from alerts.wording.links import Links
from contracts.clock import Clock

log = logging.getLogger(__name__)

PATH: Final = "/webhooks/line"

Reply: TypeAlias = Callable[[str, Sequence[ChatMessage]], bool]
"""Answers an event in its chat, given its reply token; whether LINE took it."""


def line_routes(db: Engine, links: Links, clock: Clock, secrets: Sequence[str], reply: Reply) -> APIRouter:
    """``/webhooks/line``. Any of the channel's ``secrets`` may have signed: there are two while they are changed."""
    routes = APIRouter()
    inbox = LineInbox(db, links)

    @routes.post(PATH)
    async def take(request: Request) -> Response:
        body = await limited(request.stream(), LARGEST_BODY)
        if body is None:
            return _refused("too_large", 413)
        if not is_signed(body, request.headers.get("x-line-signature", ""), secrets):
            return _refused("bad_signature", 403)
        try:
            events = read_events(body)
        except UnreadableWebhook as error:
            log.warning("a signed webhook of LINE is not readable: %s", error)
            return _refused("unreadable", 400)
        now_ms = clock.wall_ms()
        taken = await run_in_threadpool(lambda: [_take(inbox, event, now_ms) for event in events])
        background = BackgroundTask(_say_all, reply, events, taken)
        if None in taken:
            return PlainTextResponse("try again\n", 500, background=background)
        return PlainTextResponse("", background=background)

    return routes


def _refused(outcome: str, status: int) -> Response:
    count_webhook(CHANNEL, outcome)
    return PlainTextResponse(f"{outcome}\n", status)


def _take(inbox: LineInbox, event: LineEvent, now_ms: int) -> EventResult | None:
    """What became of an event; None: it cannot be taken now, which must not hold back the others."""
    try:
        return inbox.take(event, now_ms)
    except Exception as error:  # noqa: BLE001 - answered with 500, so that LINE delivers it again
        # The text of a database's error repeats the row, which may hold an address or somebody's words.
        log.error("an event of LINE (%s) could not be taken: %s", event.kind, type(error).__name__)
        count_webhook(CHANNEL, "failed")
        return None


def _say_all(reply: Reply, events: Sequence[LineEvent], taken: Sequence[EventResult | None]) -> None:
    for event, result in zip(events, taken, strict=True):
        if event.reply_token is not None and result is not None and result.reply:
            reply(event.reply_token, result.reply)
