"""Runs the sources, a thread each: holds back those that can wait, and notices when there is no more to come."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from contracts.errors import ContractError
from edge_agent.errors import EdgeError
from edge_agent.outbox.outbox import Outbox
from edge_agent.ports import Emit, Reading, Source, SourceStopped

log = logging.getLogger(__name__)

LOOK_S: Final = 0.5
"""How often something that waits looks whether the agent stops."""
Hold = Callable[[float], bool]
"""Waits at most so many seconds for something; whether it has come."""


class Feeder:
    """Runs sources from `start` to `stop`.

    Args:
        sources: each with a name of its own.
        outbox: knows how far each source has come.
        offer: takes a reading and the name of its source.
        settle: commits what is in memory and waits a while for the backend to have all; whether it has.
        holds: what a source that can wait waits for before each reading, in order.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        outbox: Outbox,
        offer: Callable[[Reading, str], None],
        settle: Hold,
        holds: Sequence[Hold],
    ) -> None:
        self._sources, self._outbox, self._offer = list(sources), outbox, offer
        self._settle, self._holds = settle, list(holds)
        self._stop = threading.Event()
        self._running: list[threading.Thread] = []
        self._ending = threading.Lock()
        self._unfinished = {source.name for source in sources if source.finite}
        self.done = threading.Event()
        """Every finite source came to its end and all it said is acknowledged; or one failed."""
        self.failures: list[str] = []
        """What made sources fail, in words."""
        self.refused = 0
        """Readings that broke the contract and were not taken."""

    def start(self, thread_name: str) -> None:
        """Start a thread for each source."""
        self._stop.clear()
        for source in self._sources:
            thread = threading.Thread(
                target=self._run, args=(source,), name=f"{source.name} {thread_name}", daemon=True
            )
            self._running.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop the sources and wait for them."""
        self._stop.set()
        for thread in self._running:
            thread.join()
        self._running.clear()

    def _run(self, source: Source) -> None:
        emit = self._patient(source.name) if source.paced else self._lenient(source.name)
        try:
            source.run(emit, self._outbox.position(source.name), self._stop)
        except SourceStopped:
            return
        except (EdgeError, ContractError) as error:
            self._fail(source, str(error))
        except Exception as error:  # one broken family of sensors must not take the others along
            log.exception("source %s broke", source.name)
            self._fail(source, f"{type(error).__name__}: {error}")
        else:
            self._finish(source)

    def _lenient(self, name: str) -> Emit:
        """For sensors of a real home: never blocked; a reading that breaks the contract is counted and passed over."""

        def emit(reading: Reading) -> None:
            try:
                self._offer(reading, name)
            except ContractError as error:
                self.refused += 1
                log.error("a reading of source %s was not taken: %s", name, error)

        return emit

    def _patient(self, name: str) -> Emit:
        """For a source that can wait: it does, while the backend is out of reach or behind."""

        def emit(reading: Reading) -> None:
            for hold in self._holds:
                while not hold(LOOK_S):
                    if self._stop.is_set():
                        raise SourceStopped
            if self._stop.is_set():
                raise SourceStopped
            self._offer(reading, name)

        return emit

    def _finish(self, source: Source) -> None:
        if self._stop.is_set() or not source.finite:
            return
        log.info("source %s came to its end", source.name)
        with self._ending:
            self._unfinished.discard(source.name)
            if self._unfinished:
                return
        while not self._settle(LOOK_S):
            if self._stop.is_set():
                return
        self.done.set()

    def _fail(self, source: Source, problem: str) -> None:
        log.error("source %s: %s", source.name, problem)
        self.failures.append(f"{source.name}: {problem}")
        if source.finite:
            self.done.set()
