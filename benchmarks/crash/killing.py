"""The killing: every point that the work passes has a name, and at one of them the process ends as at a power cut."""

import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, TypeVar

import sqlalchemy
import urllib3.connectionpool
from sqlalchemy import event

from alerts.incidents import transitions
from crash.backend import backend
from crash.village import Village

T = TypeVar("T")
_WORK = {
    "_lease": "a lease",
    "_record": "a record",
    "_step": "a step",
    "_open_if_it_holds": "an opening",
    "record_receipt_in": "a receipt",
}
"""What a transaction is for, by the function that works in it."""


@dataclass
class Points:
    """Names every point that the work passes; at the one numbered ``kill_at`` the process ends as at a power cut."""

    say: Callable[[str], None]
    kill_at: int | None
    passed: int = 0
    work: list[str] = field(default_factory=list)

    def reached(self, name: str) -> None:
        """One more point."""
        self.say(f"point {name}")
        if self.passed == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed += 1

    def watch(self, db: sqlalchemy.Engine) -> None:
        """Put the points into this process: around each commit of a transition, and each request over HTTP."""
        in_transaction = transitions.in_transaction

        def committed(db: sqlalchemy.Engine, work: Callable[..., T], *args: Any, **more: Any) -> T:  # noqa: ANN401 - the work's
            self.work.append(_WORK.get(work.__name__, "another"))
            try:
                result = in_transaction(db, work, *args, **more)
                self.reached(f"after the commit of {self.work[-1]}")
                return result
            finally:
                self.work.pop()

        transitions.in_transaction = committed
        event.listen(db, "commit", self._committing)
        request = urllib3.connectionpool.HTTPConnectionPool.urlopen

        def asked(pool: Any, method: str, url: str, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - the library's
            what = f"{method} {'LINE' if 'bot' in url else url.partition('?')[0].rpartition('/')[2].partition('.')[0]}"
            self.reached(f"before {what}")
            answer = request(pool, method, url, *args, **more)
            self.reached(f"after {what}")
            return answer

        urllib3.connectionpool.HTTPConnectionPool.urlopen = asked  # type: ignore[assignment, method-assign]

    def _committing(self, _connection: sqlalchemy.Connection) -> None:
        if self.work:
            self.reached(f"before the commit of {self.work[-1]}")


@dataclass
class Seen:
    """What a child said before it ended."""

    points: list[str]
    clock_ms: int
    late_ms: dict[str, list[int]]
    killed: bool


def child(village: Village, begun_ms: int, kill_at: int | None) -> Seen:
    """A backend in a process of its own, to its rest or to its death."""
    village.db.dispose()  # no connection is shared with the child
    ear, mouth = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(ear)
            points = Points(lambda words: _say(mouth, words), kill_at)
            points.watch(village.db)
            backend(village, begun_ms, points.say)
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - told by the exit; the child must not run on as the parent
            sys.stderr.write(f"the backend failed: {type(error).__name__} {error}\n")
            os._exit(1)
    os.close(mouth)
    lines = _read_lines(ear)
    status = os.waitpid(pid, 0)[1]
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status:
        raise RuntimeError("a backend failed; see above")
    late: dict[str, list[int]] = {"step": [], "message": []}
    for words in (line.split() for line in lines if line.startswith("late ")):
        late[words[1]].append(int(words[2]))
    clocks = [int(line.split()[1]) for line in lines if line.startswith("clock ")]
    return Seen([line[6:] for line in lines if line.startswith("point ")], max(clocks, default=begun_ms), late, killed)


def _say(mouth: int, words: str) -> None:
    os.write(mouth, f"{words}\n".encode())


def _read_lines(ear: int) -> list[str]:
    said = b""
    with closing(os.fdopen(ear, "rb", 0)) as pipe:
        while select.select([pipe], [], [], 300)[0]:
            more = pipe.read(65_536)
            if not more:
                return said.decode().splitlines()
            said += more
    raise RuntimeError("a backend said nothing for five minutes")
