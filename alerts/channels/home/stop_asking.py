"""Ends the question in the home when its incident has ended otherwise: a chime that rings on would only frighten.

Read from the store at every look, so nothing is queued and nothing can be lost; to say it twice is harmless. What is
remembered, in memory alone, is whom it need not be said to again. A home that cannot be told lets the question lapse by
itself (`ask_s` of its agent).
"""

import logging
from typing import Final

from sqlalchemy import Engine, select

from alerts.channels.home.channel import HomeChannel
from alerts.decisions.model import TERMINAL, Purpose
from store.engine import reading
from store.schema import contact_methods, deliveries, incidents

log = logging.getLogger(__name__)

LATEST_MS: Final = 30 * 60_000
"""As long as a home waits for an answer; later nothing rings any more."""


class QuestionCanceller:
    """Tells homes that nothing is asked any more.

    Args:
        db: the relational store, which it only reads.
        channel: the way to the homes.
    """

    def __init__(self, db: Engine, channel: HomeChannel) -> None:
        self._db = db
        self._channel = channel
        self._cancelled: dict[str, int] = {}

    def run(self, now_ms: int) -> int:
        """Look once, at ``now_ms`` (ms UTC); how many homes were told and said that they did it."""
        self._cancelled = {key: at_ms for key, at_ms in self._cancelled.items() if at_ms > now_ms - 2 * LATEST_MS}
        done = 0
        for delivery_id, gateway in self._over(now_ms):
            if delivery_id not in self._cancelled and self._channel.stop_asking(gateway, delivery_id, now_ms):
                self._cancelled[delivery_id] = now_ms
                done += 1
        return done

    def _over(self, now_ms: int) -> list[tuple[str, str]]:
        """Questions to homes whose incident has just ended, with the gateway of each."""
        query = (
            select(deliveries.c.id, contact_methods.c.address)
            .join(incidents, incidents.c.id == deliveries.c.incident_id)
            .join(contact_methods, contact_methods.c.id == deliveries.c.contact_method_id)
            .where(deliveries.c.channel == HomeChannel.name, deliveries.c.purpose == Purpose.ASK)
            .where(incidents.c.state.in_(sorted(TERMINAL)), incidents.c.closed_ms > now_ms - LATEST_MS)
            .order_by(deliveries.c.created_ms, deliveries.c.id)
        )
        with reading(self._db) as connection:
            return [(row.id, row.address) for row in connection.execute(query)]
