"""What the double sends to the product: signed as Twilio signs; a fault doubles it, turns it round or holds it back."""

import contextlib
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Final

from twilio.request_validator import RequestValidator

from simulators.vendors.base.callbacks import Callbacks
from simulators.vendors.base.world import part
from simulators.vendors.twilio.world import ACCOUNT_SID, TOKEN, TwilioWorld

PAUSE_S: Final = 0.3
_ACCOUNT: Final = {"AccountSid": ACCOUNT_SID, "ApiVersion": "2010-04-01"}
Reach = Mapping[str, str]


class Unanswered(Exception):
    """The product did not answer as it should; says how."""


class TwilioCallbacks(Callbacks):
    """Asks the product, and tells it what becomes of messages and calls.

    Args:
        world: which faults were set.
        incoming: where replies by SMS go; empty: nowhere.
        reach: outer address -> where it is really reached, as a TLS proxy would pass it on. The outer one is signed.
    """

    world: TwilioWorld

    def __init__(self, world: TwilioWorld, incoming: str = "", reach: Reach | None = None) -> None:
        super().__init__(world, incoming, threads=4)
        self._signer = RequestValidator(TOKEN)
        self._reach = dict(reach or {})

    def tell(self, url: str, statuses: Sequence[Mapping[str, str]]) -> None:
        """Several status callbacks of one thing, in order unless a fault says otherwise."""
        faults = self.world.callback_faults
        turned = list(reversed(statuses)) if "reverse" in faults else list(statuses)
        for fields in turned if url else ():
            for _ in range(2 if "duplicate" in faults else 1):
                if "hold" in faults:
                    self.hold(partial(self._try, url, fields))
                else:
                    self._try(url, fields)

    def ask(self, url: str, fields: Mapping[str, str]) -> str:
        """One signed webhook, again after a failure as often as the address asks for; gives the answer.

        Raises:
            Unanswered: it was refused, or nobody answered.
        """
        plain, _, wanted = url.partition("#")
        form = {**_ACCOUNT, **fields}
        headers = {
            "X-Twilio-Signature": self._signer.compute_signature(plain, form),
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "User-Agent": "TwilioProxy/1.1",
        }
        there = next((plain.replace(out, real, 1) for out, real in self._reach.items() if plain.startswith(out)), plain)
        tries = 1 + int(dict(urllib.parse.parse_qsl(wanted)).get("rc", "0"))
        for number in range(tries):
            time.sleep(PAUSE_S if number else 0)
            status, content = self.post(there, urllib.parse.urlencode(form).encode(), headers)
            if 200 <= status < 300:
                return content.decode()
            if 300 <= status < 500:
                break
        raise Unanswered(f"answered {status}" if status else "not answered")

    def _try(self, url: str, fields: Mapping[str, str]) -> None:
        with contextlib.suppress(Unanswered):  # counted; Twilio gives up too
            self.ask(url, fields)


CallbacksOf = Annotated[TwilioCallbacks, part("callbacks")]
