"""Those who are asked in the demo: they see messages on their phones and answer on them, as people do.

LINE and SMS are answered by the phones of the doubles, so that an answer comes to the product as a signed webhook. A
call is picked up or rings out. Whoever has no button for what they want to say telephones the council, who record it.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, select

from alerts.channels.line.messages import postback_data
from alerts.decisions.model import Answer, Purpose
from alerts.incidents import answers as responses
from alerts.incidents.response_log import StatementSource
from alerts.ports import SendOutcome
from contracts.statements import StatementKind
from mimamori.demo.vendors import Phones
from mimamori.server.build import Backend
from simulators.fleet.client import FleetClient
from simulators.people.household import Condition
from simulators.people.responder import Act, ActKind, ReceivedMessage, decide
from simulators.people.visits import HOSPITAL_MS
from simulators.town.contacts import SMS, VOICE
from simulators.town.neighbourhood import Neighbourhood
from store.engine import reading
from store.register.registry import edit
from store.schema import attempts, contact_methods, deliveries, incidents, statements

_VISIT_MS: Final = 600_000
_PICK_UP_MS: Final = 15_000
_RING_MS: Final = 40_000
_TELEPHONE: Final = "telephone"
"""Channel of what somebody tells the council by telephone; a message of the folder is answered by its ``page``."""
_KEYS: Final = {
    Purpose.ASK: {ActKind.SAFE: "1", ActKind.CANNOT: "2"},
    Purpose.CALL: {ActKind.GOING: "1", ActKind.SAFE: "2", ActKind.CANNOT: "3"},
    Purpose.STAFF: {ActKind.GOING: "1", ActKind.SAFE: "2", ActKind.CANNOT: "3"},
}
_TEXTS_OF_119: Final = "119番通報しました"


Reached = Row[Any]
"""A message that a channel took, see `_taken`; ``vendor_id``: the channel's name for it, of a call that of the call."""


class Players:
    """Plays everybody who is asked.

    Args:
        backend: the real one.
        fleet: the homes.
        town: who lives there.
        phones: on which messages come and answers go.
        played_by_visitor: person ids; whoever is called about them does not answer by themself.
    """

    def __init__(
        self,
        backend: Backend,
        fleet: FleetClient,
        town: Neighbourhood,
        phones: Phones,
        played_by_visitor: Collection[str] = (),
    ) -> None:
        self._backend = backend
        self._fleet = fleet
        self._town = town
        self._phones = phones
        self._played_by_visitor = played_by_visitor
        self._acts: list[tuple[int, int, Callable[[int], object]]] = []  # at_ms, order, what
        self._order = itertools.count()
        self._visits: Counter[str] = Counter()  # by home: who is on the way there
        self._seen_messages: set[tuple[str, int]] = set()
        self._last_answer = 0  # number of the statement
        self._occasions: dict[str, int] = {}
        self._incidents_of: Counter[str] = Counter()
        self._messages: Counter[tuple[str, str]] = Counter()

    @property
    def next_ms(self) -> int | None:
        """When somebody does something next, ms UTC; None: nobody will by themself."""
        return self._acts[0][0] if self._acts else None

    def play(self, now_ms: int) -> None:
        """Do what was planned up to ``now_ms``."""
        while self._acts and self._acts[0][0] <= now_ms:
            heapq.heappop(self._acts)[2](now_ms)

    def listen(self, now_ms: int) -> None:
        """See which messages reached somebody, and who said that they are going."""
        with reading(self._backend.db) as connection:
            new = [item for item in _taken(connection) if (item.delivery_id, item.n) not in self._seen_messages]
        if any(item.channel in (SMS, VOICE) for item in new):
            self._phones.twilio.settle()  # no receipt may come at a later moment of the story
        for reached in new:
            self._seen_messages.add((reached.delivery_id, reached.n))
            self._reach(reached, now_ms)
        with reading(self._backend.db) as connection:
            going = select(statements.c.n, statements.c.home_id).where(statements.c.kind == StatementKind.GOING)
            answers = connection.execute(going.where(statements.c.n > self._last_answer).order_by(statements.c.n)).all()
        for answer in answers:
            self._last_answer = answer.n
            self._someone_goes(answer.home_id, now_ms)

    def _reach(self, reached: Reached, now_ms: int) -> None:
        occasion = self._occasion_of(reached)
        nth = self._messages[reached.incident_id, reached.responder]
        self._messages[reached.incident_id, reached.responder] += 1
        if reached.subject in self._played_by_visitor and reached.purpose != Purpose.ASK:
            return
        message = ReceivedMessage(reached.subject, reached.responder, reached.purpose, now_ms, occasion, nth)
        condition = self._condition(reached.subject) or (lambda _at_ms: Condition.WELL)
        acts = decide(self._town.seed, message, condition, self._condition(reached.responder))
        if reached.channel == VOICE:
            self._phone_rings(reached, acts, now_ms)
        else:
            self._plan_acts(reached, acts, now_ms)

    def _occasion_of(self, reached: Reached) -> int:
        if reached.incident_id not in self._occasions:
            self._occasions[reached.incident_id] = self._incidents_of[reached.subject]
            self._incidents_of[reached.subject] += 1
        return self._occasions[reached.incident_id]

    def _phone_rings(self, reached: Reached, acts: list[Act], now_ms: int) -> None:
        """A call is answered while it rings, or not at all; news are listened to."""
        if acts:
            self._plan(now_ms + _PICK_UP_MS, partial(self._take_call, reached, acts[0].kind))
            self._plan_acts(reached, acts[1:], now_ms + _PICK_UP_MS - acts[0].delay_ms)
        elif reached.purpose == Purpose.NEWS:
            self._plan(now_ms + _PICK_UP_MS, partial(self._take_call, reached, None))
        else:
            self._plan(now_ms + _RING_MS, lambda _now_ms: self._phones.twilio.ring_out(reached.vendor_id))

    def _plan_acts(self, reached: Reached, acts: list[Act], now_ms: int) -> None:
        for act in acts:
            at_ms = now_ms + act.delay_ms
            if act.kind is ActKind.ENTERS:
                self._plan_visit(reached.home_id, at_ms)
            else:
                self._plan(at_ms, partial(self._answer, reached, act.kind))

    def _plan_visit(self, home_id: str, at_ms: int) -> None:
        self._visits[home_id] += 1
        self._plan(at_ms, partial(self._enter, home_id))

    def _plan(self, at_ms: int, act: Callable[[int], object]) -> None:
        heapq.heappush(self._acts, (at_ms, next(self._order), act))

    # ---- what they do ----

    def _someone_goes(self, home_id: str, now_ms: int) -> None:
        """Whoever goes gets there, as the sensors see; of those who are played that is planned already."""
        if not self._visits[home_id]:
            self._plan_visit(home_id, now_ms + _VISIT_MS)

    def _enter(self, home_id: str, now_ms: int) -> None:
        self._visits[home_id] -= 1
        self._fleet.visit(home_id, now_ms)

    def _answer(self, reached: Reached, kind: ActKind, now_ms: int) -> None:
        token = self._backend.links.sign(reached.delivery_id, reached.created_ms)
        match reached.channel:
            case "line":
                done = self._phones.line.press(reached.address, postback_data(Answer(kind), token))
            case "sms":
                key = _KEYS[Purpose(reached.purpose)].get(kind, _TEXTS_OF_119)
                self._phones.twilio.reply(reached.address, key)
                done = True
            case "voice":
                done = False  # the call is over
            case _:
                source = StatementSource(now_ms, "page")
                responses.answer(self._backend.db, self._backend.links, token, kind, source)
                done = True
        if not done:
            self._telephone(reached, kind, now_ms)
        self._afterwards(reached, kind, now_ms)

    def _telephone(self, reached: Reached, kind: ActKind, now_ms: int) -> None:
        responses.answer_for(self._backend.db, reached.incident_id, reached.responder, kind, now_ms, _TELEPHONE)

    def _take_call(self, reached: Reached, kind: ActKind | None, now_ms: int) -> None:
        """Listen, and press the key that says it; None: there is nothing to say."""
        key = _KEYS[Purpose(reached.purpose)].get(kind) if kind else None
        call = (reached.address, reached.vendor_id)
        self._phones.twilio.pick_up(*call)
        if key:
            self._phones.twilio.press(*call, key)
        self._phones.twilio.hang_up(*call)
        if kind and not key:
            self._telephone(reached, kind, now_ms)
        if kind:
            self._afterwards(reached, kind, now_ms)

    def _afterwards(self, reached: Reached, kind: ActKind, now_ms: int) -> None:
        """What staff would do: somebody in hospital is not missed at home."""
        if kind is not ActKind.CALLED_119:
            return
        with edit(self._backend.db, actor="story", now_ms=now_ms) as registry:
            registry.register_absence(reached.home_id, now_ms, now_ms + HOSPITAL_MS, note="入院")

    def _condition(self, person_id: str) -> Callable[[int], Condition] | None:
        """How somebody is at a moment; None: nobody's home is theirs, and nothing happens to them."""
        home = self._town.home_of(person_id)
        return None if home is None else lambda at_ms: self._fleet.condition(home.id, at_ms)


def _taken(connection: Connection) -> Sequence[Reached]:
    """Every message that a channel took, each try by itself, in an order that does not depend on ids drawn anew."""
    sent = deliveries.c
    query: Select[Any] = (
        select(
            sent.id.label("delivery_id"), attempts.c.n, sent.created_ms, sent.incident_id, sent.purpose, sent.channel,
            contact_methods.c.address, attempts.c.vendor_id, sent.person_id.label("responder"),
            incidents.c.person_id.label("subject"), incidents.c.home_id,
        )
        .join_from(attempts, deliveries, attempts.c.delivery_id == sent.id)
        .join(incidents, incidents.c.id == sent.incident_id)
        .join(contact_methods, contact_methods.c.id == sent.contact_method_id)
        .where(attempts.c.outcome == SendOutcome.OK)
        .order_by(sent.created_ms, sent.person_id, sent.purpose, sent.channel, incidents.c.home_id, attempts.c.n)
    )  # fmt: skip
    return connection.execute(query).all()
