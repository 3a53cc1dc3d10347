"""Twilio on this machine: Messages and Calls, the phones, and signed webhooks to the product.

``python -m simulators.vendors.twilio.double PORT --incoming http://127.0.0.1:8800/webhooks/twilio/incoming`` keeps one
running until Ctrl-C; its phones are at ``http://127.0.0.1:PORT/``. Requests are held against Twilio's own OpenAPI
description, callbacks are signed, and faults are ordered by ``POST /control/…``.
"""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from simulators.vendors.base.clock import reads
from simulators.vendors.twilio import control, phone
from simulators.vendors.twilio.callbacks import Callbacks, Reach
from simulators.vendors.twilio.calls import Calls
from simulators.vendors.twilio.checks import (
    ApiRequest,
    ApiResponse,
    Refused,
    check_account,
    check_answer,
    check_call,
    check_message,
    check_request,
    one,
    read_form,
)
from simulators.vendors.twilio.world import (
    ACCOUNT_SID,
    SMS_BEHAVIOURS,
    TOKEN,
    Call,
    Message,
    TwilioWorld,
    call_json,
    message_json,
    new_sid,
)

API: Final = "/2010-04-01/Accounts/{account_sid}"
LATE_S: Final = 30.0
"""How long an answer that comes too late is held back."""


def now_ms() -> int:
    """The machine's time, ms UTC."""
    return time.time_ns() // 1_000_000


def create_double(
    account_sid: str = ACCOUNT_SID,
    token: str = TOKEN,
    incoming: str = "",
    reach: Reach | None = None,
    clock: Callable[[], int] = now_ms,
    ring_limit_s: float | None = None,
    late_s: float = LATE_S,
) -> FastAPI:
    """The double as an ASGI application.

    Args:
        account_sid: of the account.
        token: what requests must carry; it signs webhooks.
        incoming: where replies by SMS go, as set for a number in Twilio's console; empty: nowhere.
        reach: outer address -> where it is really reached, as a TLS proxy in front of the product.
        clock: the present time, ms UTC.
        late_s: how long an answer that comes too late is held back.
        ring_limit_s: a phone that nobody picks up rings at most this long; None: as long as the caller asked.
    """
    world = TwilioWorld(clock)
    callbacks = Callbacks(world, account_sid, token, reach)
    calls = Calls(world, callbacks, ring_limit_s)
    api = _Api(world, callbacks, calls, (account_sid, token), late_s)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        api.closing.set()
        callbacks.stop()

    app = FastAPI(title="Twilio double", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.world, app.state.callbacks, app.state.calls, app.state.incoming = world, callbacks, calls, incoming
    app.include_router(control.routes)
    app.include_router(phone.routes)

    @app.api_route(API + "/{rest:path}", methods=["GET", "POST", "PUT", "DELETE"])
    async def resource(request: Request, rest: str) -> Response:
        return await api.answer(request, rest)

    return app


class _Api:
    """``/2010-04-01/…``."""

    def __init__(
        self, world: TwilioWorld, callbacks: Callbacks, calls: Calls, account: tuple[str, str], late_s: float
    ) -> None:
        self._world, self._callbacks, self._calls = world, callbacks, calls
        self._account_sid, self._token = account
        self._late_s = late_s
        self.closing = asyncio.Event()

    async def answer(self, request: Request, rest: str) -> Response:
        body = await request.body()
        read = ApiRequest(request.method, request.url.path, request.url.query, request.headers, body)
        try:
            check_account(request.headers, request.url.path, self._account_sid, self._token)
            await run_in_threadpool(check_request, read)
            fault = self._fault(request.method)
            status, content = self._serve(request, rest, body)
        except Refused as error:
            self._world.refused.append(f"{error.status} {error.code} {error}")
            return _error(error)
        if fault == "error_after_accept":
            return _error(Refused(500, 20500, "Internal Server Error"))
        if fault == "timeout_after_accept":
            await _sleep_unless(self.closing, self._late_s)
        text = json.dumps(content, ensure_ascii=False).encode()
        await run_in_threadpool(check_answer, read, ApiResponse(status, text))
        return Response(text, status, media_type="application/json")

    def _fault(self, method: str) -> str | None:
        if method == "GET":
            if self._world.take_fault("look_up_error"):
                raise Refused(500, 20500, "Internal Server Error")
            return None
        fault = self._world.take_fault("error_before", "error_after_accept", "timeout_after_accept", "rate", "account")
        if fault == "error_before":
            raise Refused(500, 20500, "Internal Server Error")
        if fault == "rate":
            raise Refused(429, 20429, "Too Many Requests")
        if fault == "account":
            raise Refused(401, 20003, "Authenticate")
        return fault

    def _serve(self, request: Request, rest: str, body: bytes) -> tuple[int, dict[str, Any]]:
        resource, _, sid = rest.removesuffix(".json").partition("/")
        if request.method == "POST" and not sid:
            fields = read_form(body, resource)
            return 201, self._make_message(fields) if resource == "Messages" else self._make_call(fields)
        query = request.query_params
        found = self._messages(query) if resource == "Messages" else self._found_calls(query)
        if sid:
            match = [item for item in found if item["sid"] == sid]
            if not match:
                raise Refused(404, 20404, "The requested resource was not found")
            return 200, match[0]
        return 200, self._page(resource, found[: int(query.get("PageSize", "50"))], str(request.url))

    def _make_message(self, fields: dict[str, list[str]]) -> dict[str, Any]:
        check_message(fields)
        to, code = one(fields, "To"), SMS_BEHAVIOURS[self._world.sms.get(one(fields, "To"), "delivered")]
        if code is not None and code < 30_000:
            raise Refused(400, code, f"Message cannot be sent to {to}")
        sender = one(fields, "From") or one(fields, "MessagingServiceSid")
        message = Message(new_sid("SM"), to, sender, one(fields, "Body"), self._world.clock())
        message.callback = one(fields, "StatusCallback")
        message.validity_s = int(one(fields, "ValidityPeriod") or 0) or None
        with self._world.lock:
            self._world.messages.append(message)
            self._world.seen["messages"] += 1
        answer = message_json(message, self._account_sid)
        self._callbacks.later(lambda: self._deliver(message, code))
        return answer

    def _deliver(self, message: Message, code: int | None) -> None:
        silent = self._world.sms.get(message.to) == "silent"
        last = "undelivered" if code else "delivered"
        with self._world.lock:
            message.status, message.error_code = ("sent", None) if silent else (last, code)
        fields = {
            "MessageSid": message.sid, "SmsSid": message.sid, "From": message.sender, "To": message.to,
        }  # fmt: skip
        statuses = [{**fields, "MessageStatus": "sent", "SmsStatus": "sent"}]
        if not silent:
            error = {"ErrorCode": str(code)} if code else {}
            statuses.append({**fields, "MessageStatus": last, "SmsStatus": last, **error})
        self._callbacks.statuses(message.callback, statuses)

    def _make_call(self, fields: dict[str, list[str]]) -> dict[str, Any]:
        check_call(fields)
        call = Call(new_sid("CA"), one(fields, "To"), one(fields, "From"), one(fields, "Url"), self._world.clock())
        call.twiml = one(fields, "Twiml")
        call.callback, call.ring_s = one(fields, "StatusCallback"), int(one(fields, "Timeout") or 60)
        call.detects = bool(one(fields, "MachineDetection"))
        with self._world.lock:
            self._world.calls.append(call)
            self._world.seen["calls"] += 1
        answer = call_json(call, self._account_sid)
        self._callbacks.later(lambda: self._calls.play(call))
        return answer

    def _messages(self, query: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - query parameters
        with self._world.lock:
            found = [item for item in reversed(self._world.messages) if query.get("To") in (None, item.to)]
            return [message_json(item, self._account_sid) for item in found if query.get("From") in (None, item.sender)]

    def _found_calls(self, query: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - query parameters
        with self._world.lock:
            found = [item for item in reversed(self._world.calls) if query.get("To") in (None, item.to)]
            return [call_json(item, self._account_sid) for item in found if query.get("From") in (None, item.sender)]

    def _page(self, resource: str, found: list[dict[str, Any]], url: str) -> dict[str, Any]:
        return {
            resource.lower(): found, "first_page_uri": url, "next_page_uri": None, "previous_page_uri": None,
            "uri": url, "page": 0, "page_size": max(len(found), 1), "start": 0, "end": max(len(found) - 1, 0),
        }  # fmt: skip


def _error(error: Refused) -> JSONResponse:
    more = f"https://www.twilio.com/docs/errors/{error.code}"
    content = {"code": error.code, "message": str(error), "more_info": more, "status": error.status}
    return JSONResponse(content, error.status)


async def _sleep_unless(closing: asyncio.Event, time_s: float) -> None:
    try:
        await asyncio.wait_for(closing.wait(), time_s)
    except TimeoutError:
        return


def main() -> None:
    """Run one until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.vendors.twilio.double", description="Twilio on this machine"
    )
    parser.add_argument("port", type=int)
    parser.add_argument("--incoming", default="", help="where replies by SMS go")
    parser.add_argument("--clock", type=Path, metavar="FILE", help="the time to show, as a story sets it")
    parser.add_argument("--ring-limit", type=float, metavar="S", help="a phone that nobody picks up rings this long")
    parser.add_argument("--reach", default="", help="OUTER=REAL: signs the outer address, calls the real one")
    options = parser.parse_args()
    outer, _, real = options.reach.partition("=")
    reach = {outer: real} if real else None
    clock = reads(options.clock) if options.clock else now_ms
    app = create_double(incoming=options.incoming, reach=reach, clock=clock, ring_limit_s=options.ring_limit)
    print(f'Twilio is played on this machine: [channels.twilio] api_url = "http://127.0.0.1:{options.port}"')  # noqa: T201
    print(f"account: {ACCOUNT_SID}\ntoken:   {TOKEN}\nphones:  http://127.0.0.1:{options.port}/", flush=True)  # noqa: T201
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
