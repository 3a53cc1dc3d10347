"""LINE on this machine: the Messaging API, the friends' phones, and signed webhooks to the product.

``python -m simulators.vendors.line.double PORT --webhook http://127.0.0.1:8800/webhooks/line`` keeps one running
until Ctrl-C; its phones are at ``http://127.0.0.1:PORT/``. Requests are checked strictly (`checks`), keys are executed
once, and faults are set by ``POST /control/faults``. Token and secret are those of `world`.
"""

from collections.abc import Callable

from fastapi import FastAPI

from simulators.vendors.base.application import command_line, create_app, serve
from simulators.vendors.base.clock import now_ms
from simulators.vendors.line import api, control, phone
from simulators.vendors.line.webhooks import Webhooks
from simulators.vendors.line.world import SECRET, TOKEN, LineWorld


def create_double(webhook: str | None = None, clock: Callable[[], int] = now_ms) -> FastAPI:
    """The double as an ASGI application.

    Args:
        webhook: where events go; None until the control endpoint says so.
        clock: the present time, ms UTC.
    """
    world = LineWorld(clock)
    routers = (api.routes, phone.routes, control.routes)
    return create_app("LINE double", *routers, world=world, callbacks=Webhooks(world, webhook))


def main() -> None:
    """Run until Ctrl-C."""
    parser = command_line("LINE on this machine: Messaging API, phones and webhooks.")
    parser.add_argument("--webhook", metavar="URL", help="where events go")
    options = parser.parse_args()
    where = f'[channels.line] base_url = "http://127.0.0.1:{options.port}"'
    words = f"LINE is played on this machine: {where}\ntoken:  {TOKEN}\nsecret: {SECRET}"
    serve(create_double(options.webhook, options.clock), options.port, words)


if __name__ == "__main__":
    main()
