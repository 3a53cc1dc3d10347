"""Twilio's API as the double serves it: messages and calls are made, listed and looked up."""

import asyncio
from email.utils import formatdate
from typing import Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from simulators.vendors.base.world import Json
from simulators.vendors.twilio.callbacks import CallbacksOf, TwilioCallbacks
from simulators.vendors.twilio.calls import Calls, CallsOf
from simulators.vendors.twilio.checks import NOT_FOUND, Fields, FieldsOf, TwilioRefusal, check_answer, description
from simulators.vendors.twilio.world import ACCOUNT_SID, SMS_BEHAVIOURS, Call, TextMessage, TwilioWorld

BROKEN: Final = (500, 20500, "Internal Server Error")
_FAULTS: Final = {
    "look_up_error": BROKEN,
    "error_before": BROKEN,
    "rate": (429, 20429, "Too Many Requests"),
    "account": (401, 20003, "Authenticate"),
}
"""Requests that are refused before anything is done."""
FAULTS: Final = (*_FAULTS, "error_after_accept", "timeout_after_accept")
"""The last two: it was done, and is answered with an error or too late."""
routes: Final = APIRouter(prefix="/2010-04-01/Accounts/{account_sid}")


@routes.api_route("/{rest:path}", methods=["GET", "POST", "PUT", "DELETE"])
async def answer(request: Request, callbacks: CallbacksOf, calls: CallsOf, fields: FieldsOf, rest: str) -> Response:
    """Whatever the description knows; anything else is refused."""
    resource, _, sid = rest.removesuffix(".json").partition("/")
    fault = _fault(callbacks.world, request.method)
    if request.method == "GET":
        response = JSONResponse(_look_up(callbacks.world, request, resource, sid))
    else:
        make = _make_message if resource == "Messages" else _make_call
        response = JSONResponse(make(fields, callbacks, calls), 201)
    if fault == "error_after_accept":
        raise TwilioRefusal(*BROKEN)
    if fault == "timeout_after_accept":
        await asyncio.sleep(request.app.state.late_s)
    await run_in_threadpool(check_answer, request, response)
    return response


def _fault(world: TwilioWorld, method: str) -> str | None:
    """The fault that is met after the request was done. Raises Refused: one that is met before."""
    kinds = [kind for kind in FAULTS if (kind == "look_up_error") == (method == "GET")]
    fault = world.take_fault(*kinds)
    if fault in _FAULTS:
        raise TwilioRefusal(*_FAULTS[fault])
    return fault


def _look_up(world: TwilioWorld, request: Request, resource: str, sid: str) -> Json:
    found = [_shown(item) for item in world.of(resource, request.query_params) if sid in ("", item.sid)]
    if not sid:
        return _page(resource, found[: int(request.query_params.get("PageSize", "50"))], str(request.url))
    if not found:
        raise TwilioRefusal(*NOT_FOUND)
    return found[0]


def _make_message(fields: Fields, callbacks: TwilioCallbacks, _calls: Calls) -> Json:
    world, to = callbacks.world, fields["To"]
    code = SMS_BEHAVIOURS[world.sms.get(to, "delivered")]
    if code is not None and code < 30_000:
        raise TwilioRefusal(400, code, f"Message cannot be sent to {to}")
    sender = fields.get("From") or fields["MessagingServiceSid"]
    message = TextMessage(to, sender, fields["Body"], world.now_ms(), callback=fields.get("StatusCallback", ""))
    message.validity_s = int(fields.get("ValidityPeriod") or 0) or None
    with world.lock:
        world.messages.append(message)
    world.count("messages")
    made = _shown(message)
    callbacks.later(lambda: _deliver(callbacks, message, code))
    return made


def _deliver(callbacks: TwilioCallbacks, message: TextMessage, code: int | None) -> None:
    silent = callbacks.world.sms.get(message.to) == "silent"
    last = "sent" if silent else "undelivered" if code else "delivered"
    with callbacks.world.lock:
        message.status, message.error_code = last, code
    statuses = [message.fields | {"MessageStatus": word, "SmsStatus": word} for word in dict.fromkeys(("sent", last))]
    if code:
        statuses[-1]["ErrorCode"] = str(code)
    callbacks.tell(message.callback, statuses)


def _make_call(fields: Fields, callbacks: TwilioCallbacks, calls: Calls) -> Json:
    world = callbacks.world
    call = Call(
        fields["To"],
        fields["From"],
        fields.get("Url", ""),
        world.now_ms(),
        callback=fields.get("StatusCallback", ""),
        twiml=fields.get("Twiml", ""),
        ring_s=int(fields.get("Timeout") or 60),
        detects=bool(fields.get("MachineDetection")),
    )
    with world.lock:
        world.calls.append(call)
    world.count("calls")
    made = _shown(call)
    callbacks.later(lambda: calls.play(call))
    return made


def _shown(item: TextMessage | Call) -> Json:
    """A message or a call: every property that the vendor describes, null where the double knows nothing of it."""
    kind = "message" if isinstance(item, TextMessage) else "call"
    when = formatdate(item.at_ms / 1000, usegmt=False)
    described = description()["components"]["schemas"][f"api.v2010.account.{kind}"]["properties"]
    return dict.fromkeys(described) | {
        "account_sid": ACCOUNT_SID,
        "api_version": "2010-04-01",
        "date_created": when,
        "date_updated": when,
        "direction": "outbound-api",
        "price_unit": "USD",
        "sid": item.sid,
        "status": item.status,
        "subresource_uris": {},
        "to": item.to,
        "uri": f"/2010-04-01/Accounts/{ACCOUNT_SID}/{kind.title()}s/{item.sid}.json",
        **(_of_message(item, when) if isinstance(item, TextMessage) else _of_call(item, when)),
    }


def _of_message(message: TextMessage, when: str) -> Json:
    service = message.sender.startswith("MG")
    units = len(message.body.encode("utf-16-le")) // 2
    return {
        "body": message.body,
        "date_sent": None if message.status in ("queued", "accepted") else when,
        "direction": "inbound" if message.by_hand else "outbound-api",
        "error_code": message.error_code,
        "messaging_service_sid" if service else "from": message.sender,
        "num_media": "0",
        "num_segments": str(1 if units <= 70 else -(-units // 67)),  # a Japanese SMS: 70 UTF-16 units, or 67 a part
    }


def _of_call(call: Call, when: str) -> Json:
    over = {"duration": "0", "end_time": when} if call.over else {}
    return over | {
        "answered_by": call.answered_by,
        "from": call.sender,
        "from_formatted": call.sender,
        "queue_time": "0",
        "start_time": None if call.status == "queued" else when,
        "to_formatted": call.to,
    }


def _page(resource: str, found: list[Json], url: str) -> Json:
    last = max(len(found) - 1, 0)
    return {
        resource.lower(): found, "first_page_uri": url, "next_page_uri": None, "previous_page_uri": None,
        "uri": url, "page": 0, "page_size": last + 1, "start": 0, "end": last,
    }  # fmt: skip
