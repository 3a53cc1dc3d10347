"""Runs the sources, a thread each: holds back those that can wait, and notices when there is no more to come."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from contracts.errors import ContractError
from edge_agent.errors import EdgeError
from edge_agent.link.link import Link
from edge_agent.outbox.commit import GroupCommit
from edge_agent.outbox.outbox import Outbox
from edge_agent.ports import Emit, EmitAt, Reading, Recording, Source, SourceStopped

log = logging.getLogger(__name__)

LOOK_S: Final = 0.5
"""How often something that waits looks whether the agent stops."""


class SourceRunner:
    """Runs sources from `start` to `stop`.

    Args:
        sources: each with a name of its own.
        outbox: knows how far each recording has come.
        commits: takes readings into it.
        link: a recording waits for its connection.
        paced_backlog: a recording waits while more rows than this are not acknowledged.
        submit: takes a reading, the name of its recording and the place in it; '' and None for sensors.
    """

    def __init__(
        self,
        sources: Sequence[Source | Recording],
        outbox: Outbox,
        commits: GroupCommit,
        link: Link,
        paced_backlog: int,
        submit: Callable[[Reading, str, int | None], None],
    ) -> None:
        self._sources, self._outbox, self._commits, self._link = list(sources), outbox, commits, link
        self._paced_backlog, self._submit = paced_backlog, submit
        self._stop = threading.Event()
        self._running: list[threading.Thread] = []
        self._ending = threading.Lock()
        self._unfinished = {source.name for source in sources if _ends_the_agent(source)}
        self.done = threading.Event()
        """Every recording that ends the agent came to its end and all it said is acknowledged; or one failed."""
        self.failures: list[str] = []
        """What made sources fail, in words."""

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

    def _run(self, source: Source | Recording) -> None:
        try:
            if isinstance(source, Recording):
                source.play(self._patient(source.name), self._outbox.position(source.name), self._stop)
            else:
                source.run(self._lenient(source.name), self._stop)
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
        """For sensors of a real home: never blocked; a reading that breaks the contract is logged and passed over."""

        def emit(reading: Reading) -> None:
            try:
                self._submit(reading, "", None)
            except ContractError as error:
                log.error("a reading of source %s was not taken: %s", name, error)

        return emit

    def _patient(self, name: str) -> EmitAt:
        """For a recording, which can wait: it does, while the backend is out of reach or behind."""

        def emit(reading: Reading, position: int) -> None:
            self._wait_for(self._link.wait_until_connected)
            self._wait_for(lambda timeout_s: self._outbox.wait_until_below(self._paced_backlog, timeout_s))
            self._wait_for(self._commits.wait_for_room)
            self._submit(reading, name, position)

        return emit

    def _wait_for(self, hold: Callable[[float], bool]) -> None:
        """``hold`` waits at most so many seconds and says whether what it waits for has come."""
        while not hold(LOOK_S):
            if self._stop.is_set():
                raise SourceStopped
        if self._stop.is_set():
            raise SourceStopped

    def _finish(self, source: Source | Recording) -> None:
        if self._stop.is_set() or not _ends_the_agent(source):
            return
        log.info("source %s came to its end", source.name)
        with self._ending:
            self._unfinished.discard(source.name)
            if self._unfinished:
                return
        while not self._is_all_acknowledged():
            if self._stop.is_set():
                return
        self.done.set()

    def _is_all_acknowledged(self) -> bool:
        self._commits.try_flush()
        return self._outbox.wait_until_below(1, LOOK_S) and self._commits.waiting == 0

    def _fail(self, source: Source | Recording, problem: str) -> None:
        log.error("source %s: %s", source.name, problem)
        self.failures.append(f"{source.name}: {problem}")
        if _ends_the_agent(source):
            self.done.set()


def _ends_the_agent(source: Source | Recording) -> bool:
    return isinstance(source, Recording) and source.exit_when_done
