"""The Messaging API as the double serves it: pushes, replies and the quota."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from simulators.vendors.base.world import Json
from simulators.vendors.line.checks import LineRefusal, check_key, new_request_id, read_push, read_reply
from simulators.vendors.line.world import PUSH_FAULTS, TOKEN, Fault, LineWorld, WorldOf

RATE_WORDS: Final = "The API rate limit has been exceeded. Try again later."
QUOTA_WORDS: Final = "You have reached your monthly limit."


async def _authorised(request: Request) -> None:
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        words = "Authentication failed. Confirm that the access token in the authorization header is valid."
        raise LineRefusal(words, status=401)


async def _json_alone(request: Request) -> None:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise LineRefusal("Unsupported Media Type", status=415)


routes: Final = APIRouter(prefix="/v2/bot", dependencies=[Depends(_authorised)])


@routes.post("/message/push", dependencies=[Depends(_json_alone)])
async def push(request: Request, world: WorldOf) -> Response:
    """Send messages to a user; what was accepted under the same key is not sent again."""
    key = request.headers.get("x-line-retry-key")
    check_key(key)
    body = read_push(await request.body())
    if body["to"] not in world.friends:
        raise LineRefusal("Failed to send messages")
    before = world.known_key(key)
    if before is not None:
        world.count("push 409")
        headers = new_request_id() | {"X-Line-Accepted-Request-Id": before.request_id}
        known = {"message": "The retry key is already accepted", **_sent(before.message_ids)}
        return JSONResponse(known, 409, headers)
    response = await _accept(world, body, key)
    world.count("push 200")
    return response


@routes.post("/message/reply", dependencies=[Depends(_json_alone)])
async def reply(request: Request, world: WorldOf) -> Response:
    """Answer an event by its token."""
    if "x-line-retry-key" in request.headers:
        raise LineRefusal("The X-Line-Retry-Key header is not supported by this endpoint")
    body = read_reply(await request.body())
    ids = world.reply(body["replyToken"], body["messages"])
    if ids is None:
        raise LineRefusal("Invalid reply token")
    world.count("reply 200")
    return JSONResponse(_sent(ids), headers=new_request_id())


@routes.get("/message/quota")
def quota(world: WorldOf) -> Json:
    """How many messages this month may have."""
    return {"type": "none"} if world.quota_limit is None else {"type": "limited", "value": world.quota_limit}


@routes.get("/message/quota/consumption")
def consumption(world: WorldOf) -> Json:
    """How many messages this month has had."""
    return {"totalUsage": world.used}


async def _accept(world: LineWorld, body: Json, key: str | None) -> Response:
    """Take a push, or meet the fault that was set. Raises Refused."""
    fault = world.take_fault(PUSH_FAULTS, body["to"])
    if fault and fault.kind == "rate":
        raise LineRefusal(RATE_WORDS, status=429)
    if world.quota_limit is not None and world.used >= world.quota_limit:
        raise LineRefusal(QUOTA_WORDS, status=429)
    if fault and fault.kind.endswith("before_accept"):
        await _fail(fault)
    accepted = world.accept(key, body["to"], body["messages"])
    if fault and fault.kind == "drip_after_accept":
        return StreamingResponse(_dripping(fault.hold_s), media_type="application/json")
    if fault:
        await _fail(fault)
    return JSONResponse(_sent(accepted.message_ids), headers=new_request_id(accepted.request_id))


async def _fail(fault: Fault) -> None:
    if fault.kind.startswith("timeout"):
        await asyncio.sleep(fault.hold_s)
    raise LineRefusal("Internal Server Error", status=500)


async def _dripping(hold_s: float) -> AsyncIterator[bytes]:
    """An answer that never ends: a limit on the silence between two bytes does not see it."""
    until_s = time.monotonic() + hold_s
    while time.monotonic() < until_s:
        yield b" "
        await asyncio.sleep(0.2)
    yield b"{}"


def _sent(ids: Sequence[str]) -> Json:
    return {"sentMessages": [{"id": item} for item in ids]}
