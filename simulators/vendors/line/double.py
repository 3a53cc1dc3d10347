"""LINE on this machine: the Messaging API, the friends' phones, and signed webhooks to the product.

``python -m simulators.vendors.line.double PORT --webhook http://127.0.0.1:8800/webhooks/line`` keeps one running
until Ctrl-C; its phones are at ``http://127.0.0.1:PORT/``. Requests are checked strictly (`checks`), keys are executed
once, and faults are ordered by ``POST /control/faults``. Token and secret are those of `world` unless given.
"""

import argparse
import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from simulators.vendors.base.clock import reads
from simulators.vendors.line import control, phone
from simulators.vendors.line.checks import Refused, check_key, read_push, read_reply
from simulators.vendors.line.webhooks import Webhooks
from simulators.vendors.line.world import SECRET, TOKEN, Acceptance, LineWorld

RATE_WORDS: Final = "The API rate limit has been exceeded. Try again later."
QUOTA_WORDS: Final = "You have reached your monthly limit."
Json = dict[str, Any]


def now_ms() -> int:
    """The machine's time, ms UTC."""
    return time.time_ns() // 1_000_000


def create_double(
    token: str = TOKEN,
    secret: str = SECRET,
    webhook: str | None = None,
    clock: Callable[[], int] = now_ms,
) -> FastAPI:
    """The double as an ASGI application.

    Args:
        token: channel access token that requests must carry.
        secret: channel secret that signs webhooks.
        webhook: where events go; None until the control endpoint says so.
        clock: the present time, ms UTC.
    """
    world = LineWorld(clock)
    webhooks = Webhooks(world, secret, webhook)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        webhooks.start()
        yield
        await asyncio.to_thread(webhooks.stop)

    app = FastAPI(title="LINE double", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.world, app.state.webhooks = world, webhooks
    app.include_router(phone.routes)
    app.include_router(control.routes)
    _add_messaging(app, world, token)
    _add_account(app, world, webhooks, token)

    @app.exception_handler(Refused)
    def refuse(request: Request, error: Refused) -> Response:
        world.count(f"{request.url.path.rsplit('/', 1)[1]} 400")
        return _error(400, str(error), list(error.details))

    return app


def _add_messaging(app: FastAPI, world: LineWorld, token: str) -> None:
    @app.post("/v2/bot/message/push")
    async def push(request: Request) -> Response:
        refusal = _unusable(request, token)
        if refusal is not None:
            world.count(f"push {refusal.status_code}")
            return refusal
        key = request.headers.get("x-line-retry-key")
        check_key(key)
        body = read_push(await request.body())
        response = await _push(world, body, key)
        world.count(f"push {response.status_code}")
        return response

    @app.post("/v2/bot/message/reply")
    async def reply(request: Request) -> Response:
        refusal = _unusable(request, token)
        if refusal is not None:
            return refusal
        if "x-line-retry-key" in request.headers:
            raise Refused("The X-Line-Retry-Key header is not supported by this endpoint")
        body = read_reply(await request.body())
        ids = world.reply(body["replyToken"], body["messages"])
        if ids is None:
            raise Refused("Invalid reply token")
        world.count("reply 200")
        return JSONResponse({"sentMessages": [{"id": key} for key in ids]}, headers=_named(str(uuid.uuid4())))


async def _push(world: LineWorld, body: Json, key: str | None) -> Response:
    to = body["to"]
    if to not in world.friends:
        raise Refused("Failed to send messages")
    before = world.known_key(key)
    if before is not None:
        return _conflict(before)
    kind, hold_s = world.fault_for(to) or ("", 0.0)
    if kind == "rate":
        return _error(429, RATE_WORDS)
    if world.none_left():
        return _error(429, QUOTA_WORDS)
    if kind == "timeout_before_accept":
        await asyncio.sleep(hold_s)
    if kind in ("error_before_accept", "timeout_before_accept"):
        return _error(500, "Internal Server Error")
    accepted = world.accept(key, to, body["messages"])
    if kind == "timeout_after_accept":
        await asyncio.sleep(hold_s)
    if kind in ("error_after_accept", "timeout_after_accept"):
        return _error(500, "Internal Server Error")
    if kind == "drip_after_accept":
        return StreamingResponse(_dripping(hold_s), media_type="application/json")
    sent = {"sentMessages": [{"id": item} for item in accepted.message_ids]}
    return JSONResponse(sent, headers=_named(accepted.request_id))


async def _dripping(hold_s: float) -> AsyncIterator[bytes]:
    """An answer that never ends: a limit on the silence between two bytes does not see it."""
    until_s = time.monotonic() + hold_s
    while time.monotonic() < until_s:
        yield b" "
        await asyncio.sleep(0.2)
    yield b"{}"


def _add_account(app: FastAPI, world: LineWorld, webhooks: Webhooks, token: str) -> None:
    @app.get("/v2/bot/message/quota")
    def quota(request: Request) -> Response:
        limit = world.quota_limit
        return _unusable(request, token) or JSONResponse(
            {"type": "none"} if limit is None else {"type": "limited", "value": limit}
        )

    @app.get("/v2/bot/message/quota/consumption")
    def consumption(request: Request) -> Response:
        return _unusable(request, token) or JSONResponse({"totalUsage": world.used})

    @app.post("/v2/bot/user/{user_id}/linkToken")
    def link_token(request: Request, user_id: str) -> Response:
        if user_id not in world.friends:
            raise Refused("Not found")
        return _unusable(request, token) or JSONResponse({"linkToken": world.link_token(user_id)})

    @app.get("/dialog/bot/accountLink")  # of access.line.me: what the user's browser opens
    def account_link(linkToken: str, nonce: str) -> Response:  # noqa: N803 - the vendor's name of the parameter
        user_id = world.use_link_token(linkToken)
        if user_id is None or not 10 <= len(nonce) <= 255:
            return _error(400, "Invalid link token or nonce")
        webhooks.emit("accountLink", user_id, link={"result": "ok", "nonce": nonce})
        return RedirectResponse(f"/phone/{user_id}", 303)


def _unusable(request: Request, token: str) -> JSONResponse | None:
    """The refusal of a request that is not the channel's, or not JSON."""
    if request.headers.get("authorization") != f"Bearer {token}":
        return _error(401, "Authentication failed. Confirm that the access token in the authorization header is valid.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if request.method == "POST" and "/message/" in request.url.path and kind != "application/json":
        return _error(415, "Unsupported Media Type")
    return None


def _conflict(before: Acceptance) -> JSONResponse:
    content = {
        "message": "The retry key is already accepted",
        "sentMessages": [{"id": item} for item in before.message_ids],
    }
    headers = _named(str(uuid.uuid4())) | {"X-Line-Accepted-Request-Id": before.request_id}
    return JSONResponse(content, 409, headers=headers)


def _error(status: int, message: str, details: list[str] | None = None) -> JSONResponse:
    content: Json = {"message": message}
    if details:
        content["details"] = [{"message": item} for item in details]
    return JSONResponse(content, status, headers=_named(str(uuid.uuid4())))


def _named(request_id: str) -> dict[str, str]:
    return {"X-Line-Request-Id": request_id}


def main() -> None:
    """Run until Ctrl-C."""
    parser = argparse.ArgumentParser(description="LINE on this machine: Messaging API, phones and webhooks.")
    parser.add_argument("port", type=int)
    parser.add_argument("--webhook", metavar="URL", help="where events go")
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--secret", default=SECRET)
    parser.add_argument("--clock", type=Path, metavar="FILE", help="the time to show, as a story sets it")
    options = parser.parse_args()
    clock = reads(options.clock) if options.clock else now_ms
    app = create_double(options.token, options.secret, options.webhook, clock)
    where = f"http://127.0.0.1:{options.port}"
    keys = f"token:  {options.token}\nsecret: {options.secret}\nphones: {where}/"
    print(f'LINE is played on this machine: [channels.line] base_url = "{where}"\n{keys}', flush=True)  # noqa: T201
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
