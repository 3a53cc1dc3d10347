"""The counting: what the vendors took and what the store says, when a life has come to rest."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy

from alerts.decisions.sending.delivery import FAILED, DeliveryState
from alerts.errors import Failure
from crash.killing import Seen
from crash.village import Village
from store.engine import reading
from store.schema import attempts, deliveries


@dataclass
class Figures:
    """Of all lives."""

    incidents: int = 0
    kills: int = 0
    lost: int = 0
    unsettled: int = 0
    line_messages: int = 0
    line_most: int = 0
    twilio_messages: int = 0
    twilio_duplicates: int = 0
    twilio_duplicates_unexplained: int = 0
    twilio_ambiguous: int = 0
    step_latest_ms: int = 0
    message_latest_ms: int = 0
    killed_at: Counter[str] = field(default_factory=Counter)

    @property
    def are_good(self) -> bool:
        """Whether every promise held."""
        held = self.lost == self.unsettled == self.twilio_duplicates_unexplained == 0
        return held and self.line_most <= 1 and self.step_latest_ms <= 5_000

    def add(self, village: Village) -> None:
        """Look at the vendors and at the store when a life has come to rest."""
        line = village.line.state()["acceptances"]
        twilio = village.twilio.state()
        with reading(village.db) as connection:
            rows = connection.execute(sqlalchemy.select(deliveries)).all()
            tries = connection.execute(sqlalchemy.select(attempts)).all()
        self.incidents += 1
        got = {item["to"] for item in line} | {item["to"] for item in twilio["messages"] + twilio["calls"]}
        missed = [who for who, ways in village.addresses.items() if not got & set(ways.values())]
        self.lost += bool(missed)
        ends = {DeliveryState.ACCEPTED, DeliveryState.CANCELLED, *FAILED}
        self.unsettled += sum(row.state not in ends for row in rows)
        keys = Counter(item["key"] for item in line)
        self.line_messages += len(keys)
        self.line_most = max(self.line_most, *keys.values(), 0)
        for channel, taken in (("sms", twilio["messages"]), ("voice", twilio["calls"])):
            self._add_twilio(village, channel, Counter(item["to"] for item in taken), rows, tries)

    def _add_twilio(
        self, village: Village, channel: str, taken: Counter[str], rows: Sequence[Any], tries: Sequence[Any]
    ) -> None:
        for who, ways in village.addresses.items():
            mine = {row.id for row in rows if (row.person_id, row.channel) == (who, channel)}
            unknown = [row for row in tries if row.delivery_id in mine and row.outcome in ("ambiguous", None)]
            unclear = sum(row.failure != Failure.NOT_LOOKED_UP for row in unknown)
            twice = max(taken[ways[channel]] - len(mine), 0)
            self.twilio_messages += taken[ways[channel]]
            self.twilio_ambiguous += unclear
            self.twilio_duplicates += twice
            self.twilio_duplicates_unexplained += max(twice - unclear, 0)

    def add_seen(self, seen: Seen) -> None:
        """How late a backend was, and where it died."""
        self.step_latest_ms = max(self.step_latest_ms, *seen.late_ms["step"], 0)
        self.message_latest_ms = max(self.message_latest_ms, *seen.late_ms["message"], 0)
        if seen.killed:
            self.kills += 1
            self.killed_at[seen.points[-1]] += 1
