"""Twilio on this machine: Messages and Calls, the phones, and signed webhooks to the product.

``python -m simulators.vendors.twilio.double PORT --incoming http://127.0.0.1:8800/webhooks/twilio/incoming`` keeps one
running until Ctrl-C; its phones are at ``http://127.0.0.1:PORT/``. Requests are held against Twilio's own OpenAPI
description, callbacks are signed, and faults are set by ``POST /control/…``.
"""

from collections.abc import Callable
from typing import Final

from fastapi import FastAPI

from simulators.vendors.base.application import command_line, create_app, serve
from simulators.vendors.base.clock import now_ms
from simulators.vendors.twilio import api, control, phone
from simulators.vendors.twilio.callbacks import Reach, TwilioCallbacks
from simulators.vendors.twilio.calls import Calls
from simulators.vendors.twilio.world import ACCOUNT_SID, TOKEN, TwilioWorld

LATE_S: Final = 30.0
"""How long an answer that comes too late is held back."""


def create_double(
    incoming: str = "",
    reach: Reach | None = None,
    clock: Callable[[], int] = now_ms,
    ring_limit_s: float | None = None,
    late_s: float = LATE_S,
) -> FastAPI:
    """The double as an ASGI application.

    Args:
        incoming: where replies by SMS go, as set for a number in Twilio's console; empty: nowhere.
        reach: outer address -> where it is really reached, as a TLS proxy in front of the product.
        clock: the present time, ms UTC.
        ring_limit_s: a phone that nobody picks up rings at most this long; None: as long as the caller asked.
        late_s: how long an answer that comes too late is held back.
    """
    world = TwilioWorld(clock)
    callbacks = TwilioCallbacks(world, incoming, reach)
    calls = Calls(callbacks, ring_limit_s)
    routers = (api.routes, phone.routes, control.routes)
    return create_app("Twilio double", *routers, world=world, callbacks=callbacks, calls=calls, late_s=late_s)


def main() -> None:
    """Run one until Ctrl-C."""
    parser = command_line("Twilio on this machine: messages, calls, phones and callbacks.")
    parser.add_argument("--incoming", default="", help="where replies by SMS go")
    parser.add_argument("--ring-limit", type=float, metavar="S", help="a phone that nobody picks up rings this long")
    parser.add_argument("--reach", default="", help="OUTER=REAL: signs the outer address, calls the real one")
    options = parser.parse_args()
    outer, _, real = options.reach.partition("=")
    app = create_double(options.incoming, {outer: real} if real else None, options.clock, options.ring_limit)
    where = f'[channels.twilio] api_url = "http://127.0.0.1:{options.port}"'
    serve(app, options.port, f"Twilio is played on this machine: {where}\naccount: {ACCOUNT_SID}\ntoken:   {TOKEN}")


if __name__ == "__main__":
    main()
