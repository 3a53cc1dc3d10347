"""A role that one process at a time may play, held as a row in the store.

What protects the data is no clock: every commit of the holder looks whether the row still names it (`Lease.check`), in
the same transaction. The times in the row only say when somebody else may try. So a holder that is slow, or that the
store was out of reach for, goes on as long as nobody took its place, and clocks that disagree can stop a server but not
let two of them write.
"""

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, delete, select, update

from contracts.clock import Clock
from store.engine import reading
from store.schema import leases
from store.upserts import add_once

_log = logging.getLogger(__name__)

INGEST: Final = "ingest"
"""The role that takes in events."""
LEASE_S: Final = 60.0
RENEW_S: Final = 10.0
"""A holder is late six times before anybody may try to take its place."""
LOOK_S: Final = 25.0
"""A lease that has run out is taken only if nobody renews it for so long: its holder's clock may be behind."""


class LeaseError(RuntimeError):
    """The role cannot be played here; the message names who plays it and the remedy."""


class LeaseTaken(LeaseError):
    """Another process plays the role already."""


class LeaseLost(LeaseError):
    """Another process took over the role while this one did not renew its lease."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process, so that another on the same machine can see whether it still runs.

    Attributes:
        host: name of the machine; pid: number of the process.
        boot: the boot of the machine and its process table; both empty where the system does not tell (no Linux).
        began: when it began, in ticks since that boot; a number is given out again, the two together are not.
    """

    host: str
    pid: int
    boot: str
    began: str

    @classmethod
    def this(cls) -> "Process":
        """The process that asks."""
        return cls(socket.gethostname(), os.getpid(), _boot(), _began(os.getpid()) or "")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease: ``owner`` is a random word for this one run, times are ms UTC."""

    owner: str
    process: Process
    since_ms: int
    until_ms: int

    def __str__(self) -> str:
        until = datetime.fromtimestamp(self.until_ms / 1000, UTC)
        return f"process {self.process.pid} on {self.process.host}, whose lease ends at {until:%Y-%m-%d %H:%M:%S} UTC"


class Lease:
    """One process's hold on a role.

    Args:
        engine: the store.
        name: the role.
        process: who asks.
    """

    def __init__(self, engine: Engine, name: str, process: Process) -> None:
        self._engine = engine
        self._name = name
        self._process = process
        self._owner = uuid.uuid4().hex

    def take(self, clock: Clock, pause: Callable[[float], None] = time.sleep) -> None:
        """Take the role, at once when it is free or its holder has ended on this machine.

        When a lease has run out whose holder cannot be seen from here, this looks for `LOOK_S` whether it is renewed.

        Args:
            clock: what "now" is.
            pause: waits for so many seconds.

        Raises:
            LeaseTaken: another process holds it.
            SQLAlchemyError: the store is out of reach.
        """
        found = self._try(clock.wall_ms())
        if found is not None and found.until_ms <= clock.wall_ms():
            _log.warning("%s is held by %s; looking for %.0f s whether it is renewed", self._name, found, LOOK_S)
            pause(LOOK_S)
            found = None if self._replace(found, clock.wall_ms()) else self.holder()
        if found is not None:
            raise LeaseTaken(
                f"the role {self._name!r} is played by {found} unless renewed; stop one of the two servers, or take "
                f"{self._name!r} out of server.roles of one"
            )

    def renew(self, now_ms: int) -> None:
        """Hold on to the role until `LEASE_S` from now. However late this comes, it is good if nobody took the role.

        Raises:
            LeaseLost: somebody did, or the store was put back from a copy.
            SQLAlchemyError: the store is out of reach; nothing is lost by trying later.
        """
        mine = (leases.c.name == self._name) & (leases.c.owner == self._owner)
        with self._engine.begin() as connection:
            renewed = connection.execute(update(leases).where(mine).values(until_ms=_until_ms(now_ms)))
        if renewed.rowcount != 1:  # also when nobody has it now: what is remembered here may be older than the store
            raise self._lost(self.holder())

    def check(self, connection: Connection) -> None:
        """Whether the role is ours, at the begin of a transaction that writes: nobody can take it before its end.

        Raises:
            LeaseLost: it is not.
        """
        query = select(leases.c.owner).where(leases.c.name == self._name).with_for_update(read=True)
        if connection.execute(query).scalar() != self._owner:
            raise self._lost(holder_of(connection, self._name))

    def release(self) -> None:
        """Give the role back, if it is still ours. Raises SQLAlchemyError; then the lease runs out by itself."""
        with self._engine.begin() as connection:
            connection.execute(delete(leases).where(leases.c.name == self._name, leases.c.owner == self._owner))

    def holder(self) -> Holder | None:
        """Who holds the role now."""
        with reading(self._engine) as connection:
            return holder_of(connection, self._name)

    def _try(self, now_ms: int) -> Holder | None:
        """Take the role if it is free or its holder has certainly ended; else its holder."""
        with self._engine.begin() as connection:
            if add_once(connection, leases, self._row(now_ms) | {"name": self._name}):
                return None
        found = self.holder()
        if found is None:  # released between the two
            return self._try(now_ms)
        if found.owner == self._owner:
            return None
        if has_ended(found.process, self._process, one_machine=self._engine.dialect.name == "sqlite"):
            _log.info("%s: %s has ended without giving it back", self._name, found)
            return None if self._replace(found, now_ms) else self.holder()
        return found

    def _replace(self, found: Holder, now_ms: int) -> bool:
        unchanged = (leases.c.owner == found.owner) & (leases.c.until_ms == found.until_ms)
        with self._engine.begin() as connection:
            taken = connection.execute(
                update(leases).where(leases.c.name == self._name, unchanged).values(self._row(now_ms))
            )
            return taken.rowcount == 1

    def _row(self, now_ms: int) -> dict[str, str | int]:
        times = {"since_ms": now_ms, "until_ms": _until_ms(now_ms)}
        return {"owner": self._owner, **asdict(self._process), **times}

    def _lost(self, holder: Holder | None) -> LeaseLost:
        if holder is None:
            return LeaseLost(
                f"the store does not name this process as the one that plays {self._name!r} any more; was it put back "
                "from a copy? Start the server again"
            )
        return LeaseLost(
            f"the role {self._name!r} was taken over by {holder}, because this process did not renew its lease in "
            "time; it changes nothing any more. Keep one of the two servers"
        )


def holder_of(connection: Connection, name: str) -> Holder | None:
    """Who holds a role; None: nobody."""
    row = connection.execute(select(leases).where(leases.c.name == name)).one_or_none()
    if row is None:
        return None
    return Holder(row.owner, Process(row.host, row.pid, row.boot, row.began), row.since_ms, row.until_ms)


def has_ended(other: Process, here: Process, *, one_machine: bool) -> bool:
    """Whether a process has certainly ended, as far as can be seen from here.

    Args:
        other: which.
        here: one whose process table is this one's.
        one_machine: all users of the store run on one machine, as with SQLite; then another boot is an earlier one.
    """
    if not other.boot or not here.boot:
        return False
    if other.boot == here.boot:
        return _began(other.pid) != other.began
    return one_machine and other.boot.split()[0] != here.boot.split()[0]


def _until_ms(now_ms: int) -> int:
    return now_ms + round(LEASE_S * 1000)


def _boot() -> str:
    """The boot of this machine, and the process table within it (containers have their own)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _began(pid: int) -> str | None:
    """When a process began, in ticks since the boot; None: there is none of this number."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = status.rpartition(")")[2].split()  # the name before may hold anything
    return None if fields[0] in "ZX" else fields[19]
