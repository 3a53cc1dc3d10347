"""The phones of the double: each shows its text messages, and the call that rings, with a keypad."""

from functools import cache
from pathlib import Path
from typing import Annotated, Final
from xml.etree import ElementTree

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from jinja2 import StrictUndefined

from simulators.vendors.twilio.callbacks import Callbacks, Unanswered
from simulators.vendors.twilio.parts import CallbacksOf, CallsOf, IncomingOf, WorldOf
from simulators.vendors.twilio.world import Call, Message, TwilioWorld, new_sid

TEMPLATES: Final = Path(__file__).resolve().parents[1] / "templates"
KEYS: Final = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#")
NOT_ARRIVED: Final = "（この返信は届きませんでした）"
routes: Final = APIRouter()


@cache
def _templates() -> Jinja2Templates:
    templates = Jinja2Templates(directory=TEMPLATES)
    templates.env.undefined = StrictUndefined
    return templates


@routes.get("/")
def phones(request: Request, world: WorldOf) -> HTMLResponse:
    """Every phone."""
    with world.lock:
        shown = [(number, _last(world, number), _present(world, number)) for number in world.numbers()]
    return _templates().TemplateResponse(request, "twilio_phones.html", {"phones": shown, "names": world.names})


@routes.get("/phone/{number}")
def phone(request: Request, world: WorldOf, number: str) -> HTMLResponse:
    """One phone: its call, and its messages."""
    with world.lock:
        thread = [item for item in world.messages if number in (item.to, item.sender)]
        history = [item for item in world.calls if item.to == number and item.over][-5:]
    shown = {"number": number, "thread": thread, "call": _present(world, number), "history": history, "keys": KEYS}
    shown["name"] = world.names.get(number, "")
    return _templates().TemplateResponse(request, "twilio_phone.html", shown)


@routes.post("/phone/{number}/reply")
def reply(
    world: WorldOf,
    callbacks: CallbacksOf,
    incoming: IncomingOf,
    number: str,
    words: Annotated[str, Form(max_length=1600)],
) -> RedirectResponse:
    """Write a message back."""
    with world.lock:
        written = [item for item in world.messages if item.to == number]
        sender = written[-1].sender if written else "+81000000000"
        message = Message(new_sid("SM"), sender, number, words, world.clock(), "received", by_hand=True)
        world.messages.append(message)
    _send_in(world, callbacks, message, incoming)
    return _back(number)


@routes.post("/phone/{number}/call/{sid}")
def act(
    world: WorldOf,
    calls: CallsOf,
    number: str,
    sid: str,
    do: Annotated[str, Form()],
    key: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """Do something with a call: take it, press a key, wait for the words to go on, hang up."""
    call = _call_of(world, number, sid)
    if do == "answer":
        calls.answer(call)
    elif do == "press" and key in KEYS:
        calls.press(call, key)
    elif do == "wait":
        calls.wait(call)
    elif do == "hang_up":
        calls.hang_up(call)
    else:
        raise HTTPException(422, "answer, press with a key, wait, or hang_up")
    return _back(number)


def _back(number: str) -> RedirectResponse:
    return RedirectResponse(f"/phone/{number}", status_code=303)


def _call_of(world: TwilioWorld, number: str, sid: str) -> Call:
    call = world.call(sid)
    if call is None or call.to != number:
        raise HTTPException(404, "no such call")
    return call


def _present(world: TwilioWorld, number: str) -> Call | None:
    return next((item for item in reversed(world.calls) if item.to == number and not item.over), None)


def _last(world: TwilioWorld, number: str) -> Message | None:
    return next((item for item in reversed(world.messages) if number in (item.to, item.sender)), None)


def _send_in(world: TwilioWorld, callbacks: Callbacks, message: Message, incoming: str) -> None:
    """A reply to the product, and what it says back."""
    fields = {
        "MessageSid": message.sid, "SmsSid": message.sid, "From": message.sender, "To": message.to,
        "Body": message.body, "NumMedia": "0", "NumSegments": "1", "SmsStatus": "received",
    }  # fmt: skip
    try:
        if not incoming:
            raise Unanswered("this number takes no replies")
        answer = ElementTree.fromstring(callbacks.post(incoming, fields))  # noqa: S314 - of the product
    except (Unanswered, ElementTree.ParseError) as error:
        world.refused.append(f"incoming: {error}")
        texts = [NOT_ARRIVED]
    else:
        texts = ["".join(item.itertext()) for item in answer if item.tag == "Message"]
    with world.lock:
        for text in texts:
            world.messages.append(Message(new_sid("SM"), message.sender, message.to, text, world.clock(), "delivered"))
