"""What a double posts to the product by itself: after the answer to a request, late, or when it is told to."""

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Annotated, Final

from simulators.vendors.base.http import ask
from simulators.vendors.base.world import World, part

log = logging.getLogger(__name__)

PATIENCE_S: Final = 15.0
Act = Callable[[], object]


def after(delay_s: float, act: Act) -> None:
    """Do something once, in a thread of its own, after so many seconds."""
    timer = threading.Timer(delay_s, act)
    timer.daemon = True
    timer.start()


class Callbacks:
    """Does what comes later in threads of its own, and knows whether any of it is still to be done.

    Args:
        world: where it is counted how the product answers.
        url: where what no request names an address for goes to; None: nowhere.
        threads: how many; with one, things are done in the order in which they were asked for.
    """

    def __init__(self, world: World, url: str | None, threads: int) -> None:
        self.world, self.url = world, url
        self._threads = threads
        self._work: queue.SimpleQueue[tuple[int, Act] | None] = queue.SimpleQueue()
        self._held: list[Act] = []
        self._open = self._resets = 0
        for _ in range(threads):
            threading.Thread(target=self._run, name="callbacks of a double", daemon=True).start()

    def stop(self) -> None:
        """Begin nothing more."""
        for _ in range(self._threads):
            self._work.put(None)

    @property
    def idle(self) -> bool:
        """Whether nothing is to be done; what is held back does not count."""
        with self.world.lock:
            return self._open == 0

    def later(self, act: Act, delay_s: float = 0.0) -> None:
        """Do something in one of the threads."""
        with self.world.lock:
            self._open += 1
            work = (self._resets, act)
        if delay_s:
            after(delay_s, lambda: self._work.put(work))
        else:
            self._work.put(work)

    def hold(self, act: Act) -> None:
        """Do something at the next `release`."""
        with self.world.lock:
            self._held.append(act)

    def release(self, delay_s: float = 0.0) -> int:
        """Do what was held back; says how many."""
        with self.world.lock:
            held, self._held = self._held, []
        for act in held:
            self.later(act, delay_s)
        return len(held)

    def forget(self) -> None:
        """Drop what is held back or was not begun."""
        with self.world.lock:
            self._held.clear()
            self._open = 0
            self._resets += 1

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """The status and the content of the product's answer; status 0: there was none."""
        seen = self.world.seen  # of before the answer: after a reset, nobody asks for it
        try:
            answer = ask("POST", url, PATIENCE_S, data=body, headers=headers)
            status, content = answer.status_code, answer.content
        except OSError as error:
            log.warning("a callback was not answered: %s", type(error).__name__)
            status, content = 0, b""
        with self.world.lock:
            seen[f"webhook {status or 'unreachable'}"] += 1
        return status, content

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            resets, act = work
            try:
                if resets == self._resets:
                    act()
            except Exception:
                log.exception("a double failed")
                self.world.count("failure of the double")
            finally:
                with self.world.lock:
                    if resets == self._resets:
                        self._open -= 1


CallbacksOf = Annotated[Callbacks, part("callbacks")]
