"""The work: what a backend does from a silence to its rest, while time jumps to what is due next."""

import time
from collections.abc import Callable

import sqlalchemy
from sqlalchemy import func

from alerts.decisions.sending.delivery import WAITING
from alerts.incidents.engine import Engine
from alerts.settings import AlertsSettings
from alerts.tools.next_moment import next_moment_ms
from crash.village import SILENT_MS, Village
from store.engine import reading
from store.schema import deliveries, incidents


class Clock:
    """Jumps to what is due next; in between it is real."""

    def __init__(self, at_ms: int) -> None:
        self._at_ms, self._since_s = at_ms, time.monotonic()

    def now_ms(self) -> int:
        """Ms UTC."""
        return self._at_ms + int(1000 * (time.monotonic() - self._since_s))

    def jump(self, to_ms: int) -> None:
        """Never backwards."""
        self._at_ms += max(to_ms - self.now_ms(), 0)


def backend(village: Village, begun_ms: int, say: Callable[[str], None]) -> None:
    """Works until the council was asked and nothing is left to send; says its time and how late each thing was."""
    clock = Clock(begun_ms)
    engine, sender = Engine(village.db, AlertsSettings()), village.sender()
    for _ in range(400):
        due_ms = next_moment_ms(engine, clock.now_ms())
        timer_ms, message_ms, council_ms = overdue(village.db)
        if council_ms is not None and due_ms == timer_ms:
            say("rest")
            return
        assert due_ms is not None, "nothing is due, and the council was not asked"
        clock.jump(due_ms)
        now_ms = clock.now_ms()
        say(f"clock {now_ms}")
        engine.tick(now_ms)
        if timer_ms <= now_ms:
            say(f"late step {clock.now_ms() - max(timer_ms, begun_ms)}")
        sender.run_due(clock.now_ms())
        if message_ms is not None and message_ms <= now_ms:
            say(f"late message {clock.now_ms() - max(message_ms, begun_ms)}")
    raise AssertionError("it never comes to rest")


def overdue(db: sqlalchemy.Engine) -> tuple[int, int | None, int | None]:
    """When the next step and the next message are due, and when the council was asked."""
    waiting = deliveries.c.state.in_(sorted(WAITING))
    with reading(db) as connection:
        case = connection.execute(sqlalchemy.select(incidents.c.next_due_ms, incidents.c.council_ms)).first()
        message_ms = connection.execute(sqlalchemy.select(func.min(deliveries.c.due_ms)).where(waiting)).scalar()
    return (case[0] if case else SILENT_MS), message_ms, (case[1] if case else None)
