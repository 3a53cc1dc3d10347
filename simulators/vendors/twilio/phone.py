"""The phones of the double: each shows its text messages, and the call that rings, with a keypad."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final
from xml.etree import ElementTree

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from simulators.vendors.base.phone import back_to, page
from simulators.vendors.twilio.callbacks import CallbacksOf, TwilioCallbacks, Unanswered
from simulators.vendors.twilio.calls import CallsOf
from simulators.vendors.twilio.world import Call, TextMessage, TwilioWorld, WorldOf

KEYS: Final = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#")
NOT_ARRIVED: Final = "（この返信は届きませんでした）"
routes: Final = APIRouter()


@routes.get("/")
def phones(request: Request, world: WorldOf) -> HTMLResponse:
    """Every phone."""
    with world.lock:
        shown = [(number, [None, *_thread(world, number)][-1], _present(world, number)) for number in world.numbers()]
    return page(request, "twilio_phones.html", phones=shown, names=world.names)


@routes.get("/phone/{number}")
def phone(request: Request, world: WorldOf, number: str) -> HTMLResponse:
    """One phone: its call, and its messages."""
    with world.lock:
        shown = {
            "thread": _thread(world, number),
            "history": [item for item in world.calls if item.to == number and item.over][-5:],
            "call": _present(world, number),
            "name": world.names.get(number, ""),
        }
    return page(request, "twilio_phone.html", number=number, keys=KEYS, **shown)


@routes.post("/phone/{number}/reply")
def reply(callbacks: CallbacksOf, number: str, words: Annotated[str, Form(max_length=1600)]) -> RedirectResponse:
    """Write a message back."""
    world = callbacks.world
    with world.lock:
        written = [item for item in world.messages if item.to == number]
        sender = written[-1].sender if written else "+81000000000"
        message = TextMessage(sender, number, words, world.now_ms(), "received", by_hand=True)
        world.messages.append(message)
    _send_in(callbacks, message)
    return back_to(number)


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
    call = world.call(sid)
    if call is None or call.to != number:
        raise HTTPException(404, "no such call")
    acts: dict[str, Callable[[Call], object]] = {"answer": calls.answer, "wait": calls.wait, "hang_up": calls.hang_up}
    if key in KEYS:
        acts["press"] = partial(calls.press, digit=key)
    if do not in acts:
        raise HTTPException(422, "answer, press with a key, wait, or hang_up")
    acts[do](call)
    return back_to(number)


def _thread(world: TwilioWorld, number: str) -> list[TextMessage]:
    return [item for item in world.messages if number in (item.to, item.sender)]


def _present(world: TwilioWorld, number: str) -> Call | None:
    return next((item for item in reversed(world.calls) if item.to == number and not item.over), None)


def _send_in(callbacks: TwilioCallbacks, message: TextMessage) -> None:
    """A reply to the product, and what it says back."""
    more = {"Body": message.body, "NumMedia": "0", "NumSegments": "1", "SmsStatus": "received"}
    try:
        if not callbacks.url:
            raise Unanswered("this number takes no replies")
        answer = ElementTree.fromstring(callbacks.ask(callbacks.url, message.fields | more))  # noqa: S314 - of the product
    except (Unanswered, ElementTree.ParseError) as error:
        callbacks.world.refused.append(f"incoming: {error}")
        texts = [NOT_ARRIVED]
    else:
        texts = ["".join(item.itertext()) for item in answer if item.tag == "Message"]
    with callbacks.world.lock:
        now_ms = callbacks.world.now_ms()
        callbacks.world.messages += [
            TextMessage(message.sender, message.to, text, now_ms, "delivered") for text in texts
        ]
