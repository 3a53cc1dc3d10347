"""What the double sends to the product: signed as Twilio signs, doubled, turned round or held back where so ordered."""

import contextlib
import logging
import queue
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from twilio.request_validator import RequestValidator

from simulators.vendors.base.process import DIRECTLY
from simulators.vendors.twilio.world import TwilioWorld

log = logging.getLogger(__name__)

PATIENCE_S: Final = 15.0
PAUSE_S: Final = 0.3
Reach = Mapping[str, str]


class Unanswered(Exception):
    """The product did not answer as it should; says how."""


class Callbacks:
    """Posts to the product.

    Args:
        world: what was ordered.
        account_sid, token: of the account; the token signs.
        reach: outer address -> where it is really reached, as a TLS proxy would pass it on. The outer one is signed.
    """

    def __init__(self, world: TwilioWorld, account_sid: str, token: str, reach: Reach | None = None) -> None:
        self._world = world
        self._account_sid = account_sid
        self._signer = RequestValidator(token)
        self.reach = dict(reach or {})
        self._held: list[tuple[str, Mapping[str, str]]] = []
        self._work: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._open = 0
        self._workers = [threading.Thread(target=self._run, name="twilio double", daemon=True) for _ in range(4)]
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """End the workers."""
        for _ in self._workers:
            self._work.put(None)

    def later(self, act: Callable[[], None]) -> None:
        """Do something in a worker: what a request causes comes after its answer."""
        with self._world.lock:
            self._open += 1
        self._work.put(act)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        with self._world.lock:
            return self._open == 0

    def statuses(self, url: str, fields: Sequence[Mapping[str, str]]) -> None:
        """Several status callbacks of one thing, in order unless faults are ordered."""
        if not url:
            return
        faults = self._world.callback_faults
        ordered = list(reversed(fields)) if "reverse" in faults else list(fields)
        if "duplicate" in faults:
            ordered = [item for item in ordered for _ in range(2)]
        if "hold" in faults:
            with self._world.lock:
                self._held += [(url, item) for item in ordered]
            return
        for item in ordered:
            self._try_post(url, item)

    def forget(self) -> None:
        """Drop what is held back."""
        with self._world.lock:
            self._held.clear()

    def release(self) -> int:
        """Send what was held back; says how many."""
        with self._world.lock:
            held, self._held = self._held, []
        for url, item in held:
            self.later(lambda url=url, item=item: self._try_post(url, item))  # type: ignore[misc]
        return len(held)

    def post(self, url: str, fields: Mapping[str, str]) -> str:
        """One signed webhook, again after a failure as often as the address asks for; gives the answer.

        Raises:
            Unanswered: it was refused, or nobody answered.
        """
        plain, _, wanted = url.partition("#")
        tries = 1 + int(dict(urllib.parse.parse_qsl(wanted)).get("rc", "0"))
        for number in range(tries):
            try:
                return self._once(plain, fields)
            except urllib.error.HTTPError as error:
                with error:
                    self._world.seen[f"webhook {error.code}"] += 1
                    if error.code < 500 or number == tries - 1:
                        raise Unanswered(f"{error.code}") from None
            except OSError as error:
                self._world.seen["webhook unreachable"] += 1
                if number == tries - 1:
                    raise Unanswered(type(error).__name__) from None
            time.sleep(PAUSE_S)
        raise AssertionError("unreachable")

    def _once(self, url: str, fields: Mapping[str, str]) -> str:
        form = {"AccountSid": self._account_sid, "ApiVersion": "2010-04-01", **fields}
        headers = {
            "X-Twilio-Signature": self._signer.compute_signature(url, form),
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "User-Agent": "TwilioProxy/1.1",
        }
        there = next((url.replace(out, real, 1) for out, real in self.reach.items() if url.startswith(out)), url)
        request = urllib.request.Request(there, urllib.parse.urlencode(form).encode(), headers)  # noqa: S310 - ours
        with DIRECTLY.open(request, timeout=PATIENCE_S) as answer:
            self._world.seen[f"webhook {answer.status}"] += 1
            return str(answer.read().decode())

    def _try_post(self, url: str, fields: Mapping[str, str]) -> None:
        with contextlib.suppress(Unanswered):  # counted; Twilio gives up too
            self.post(url, fields)

    def _run(self) -> None:
        while (act := self._work.get()) is not None:
            try:
                act()
            except Exception:
                log.exception("the Twilio double failed")
                self._world.seen["failure of the double"] += 1
            finally:
                with self._world.lock:
                    self._open -= 1
