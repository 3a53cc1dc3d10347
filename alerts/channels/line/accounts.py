"""Who is at the other end of a LINE chat: friends come and go, link their account, and have a question open or not."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, or_, select

from alerts.channels.line import linking
from alerts.channels.line.texts import Say
from alerts.channels.line.webhook_events import LineEvent
from alerts.decisions.model import Purpose
from alerts.decisions.sending.delivery import ACCEPTED, WAITING, DeliveryState
from alerts.delivery import vendor_events
from alerts.delivery.failover import did_not_arrive
from alerts.delivery.vendor_events import VendorEvent
from alerts.errors import Failure, InvalidLink, UnusableInvitation
from alerts.register import AnyRow, subject_of
from contracts.statements import ANSWERS
from store.register.checks import RegistryError
from store.register.registry import Registry
from store.schema import contact_methods, deliveries, incidents, is_open, people, statements

CHANNEL: Final = "line"
UNFOLLOWED: Final = "unfollowed"
"""Why a contact method is disabled whose reader blocked the account; a ``follow`` enables it again."""
FOLLOWS: Final = ("followed", "unfollowed", "linked")
"""Outcomes of events that say whether somebody is a friend: what happened last holds, not what came last."""
_ACTOR: Final = "alerts-line"
_MAY_HAVE_COME: Final = ACCEPTED | WAITING | {DeliveryState.SENDING}


@dataclass(frozen=True, slots=True)
class ChatUser:
    """Who has a LINE user id.

    Attributes:
        user_id: the address; never logged.
        methods: contact methods with it, of one person or of several who share a phone; disabled ones too.
        language: ``ja`` unless the register says otherwise.
    """

    user_id: str
    methods: tuple[AnyRow, ...]
    language: str

    @property
    def about(self) -> str | None:
        """The id under which this reader's events are recorded; None: nobody in the register."""
        return min((str(method.id) for method in self.methods), default=None)


def chat_user_of(connection: Connection, user_id: str) -> ChatUser:
    """Whom the register knows under a user id."""
    mine = (contact_methods.c.channel == CHANNEL) & (contact_methods.c.address == user_id)
    found = select(contact_methods, people.c.language).join(people, people.c.id == contact_methods.c.person_id)
    methods = tuple(connection.execute(found.where(mine).order_by(contact_methods.c.id)))
    return ChatUser(user_id, methods, str(methods[0].language) if methods else "ja")


def event_of(event: LineEvent, user: ChatUser | None) -> VendorEvent:
    """The event as it is recorded."""
    return VendorEvent(CHANNEL, event.id, event.kind, event.at_ms, user.about if user else None)


def check_chat_user(connection: Connection, delivery_id: str, user: ChatUser) -> None:
    """A button works for whom the message went to, on whichever of their accounts, and for nobody else.

    Raises:
        InvalidLink: nobody knows the message, or it is somebody else's.
    """
    to = connection.execute(select(deliveries.c.person_id).where(deliveries.c.id == delivery_id)).scalar()
    if to is None or to not in {method.person_id for method in user.methods}:
        raise InvalidLink("the button belongs to somebody else's message, or to one that is not known any more")


def on_follow(connection: Connection, event: LineEvent, user: ChatUser, now_ms: int) -> tuple[str, Say | None]:
    """A new friend, or one who is back. Gives the outcome, and what to say."""
    if not user.methods:
        return "stranger_followed", Say.WELCOME
    if vendor_events.is_overtaken(connection, event_of(event, user), FOLLOWS):
        return "overtaken", None
    registry = Registry(connection, _ACTOR, now_ms)
    usable = [method for method in user.methods if method.disabled_reason in (None, UNFOLLOWED)]
    for method in usable:
        if method.disabled_reason == UNFOLLOWED:
            registry.enable_contact_method(method.id)
    return "followed", Say.WELCOME_BACK if usable else Say.WELCOME


def on_unfollow(connection: Connection, event: LineEvent, user: ChatUser, now_ms: int) -> tuple[str, Say | None]:
    """The reader blocked the account: LINE accepts what nobody sees from now on, so open questions fail here."""
    if not user.methods:
        return "stranger_unfollowed", None
    if vendor_events.is_overtaken(connection, event_of(event, user), FOLLOWS):
        return "overtaken", None
    registry = Registry(connection, _ACTOR, now_ms)
    for method in user.methods:
        if method.disabled_reason is None:
            registry.disable_contact_method(method.id, UNFOLLOWED)
    for method in user.methods:
        for delivery_id in _unanswered(connection, method.id):
            did_not_arrive(connection, delivery_id, Failure.BLOCKED, now_ms, _ACTOR)
    return "unfollowed", None


def link_by_code(connection: Connection, code: str, user: ChatUser, now_ms: int) -> tuple[str, Say | None]:
    """The reader wrote a code."""
    try:
        linking.link_by_code(connection, CHANNEL, code, user.user_id, now_ms)
    except (UnusableInvitation, RegistryError):
        return "bad_code", Say.BAD_CODE
    return "linked", Say.LINKED


def newest_question(connection: Connection, user: ChatUser) -> AnyRow | None:
    """The newest message to the reader that still waits for an answer; None: there is none."""
    persons = {method.person_id for method in user.methods}
    found = (
        select(deliveries.c.id, deliveries.c.created_ms, deliveries.c.purpose, incidents.c.kind)
        .join(incidents, incidents.c.id == deliveries.c.incident_id)
        .where(deliveries.c.person_id.in_(persons), deliveries.c.state.in_(sorted(_MAY_HAVE_COME)))
        .where(deliveries.c.purpose != Purpose.NEWS, is_open())
        .order_by(deliveries.c.created_ms.desc(), deliveries.c.id.desc())
    )
    return connection.execute(found).first()


def _unanswered(connection: Connection, method: str) -> list[str]:
    """Unanswered questions by this contact method at the present step of open incidents."""
    answered = (
        select(statements.c.n)
        .where(statements.c.incident_id == deliveries.c.incident_id, statements.c.said_by == deliveries.c.person_id)
        .where(statements.c.epoch >= deliveries.c.epoch, statements.c.kind.in_(ANSWERS))
        .exists()
    )
    present = (incidents.c.step == deliveries.c.step) & (incidents.c.repeat == deliveries.c.repeat)
    unsent = deliveries.c.state.in_(sorted(WAITING))
    found: Any = (
        select(deliveries.c.id)
        .join(incidents, incidents.c.id == deliveries.c.incident_id)
        .where(deliveries.c.contact_method_id == method)
        .where(deliveries.c.state.in_(sorted(_MAY_HAVE_COME | {DeliveryState.BUNDLED})))
        .where(deliveries.c.purpose != Purpose.NEWS, is_open())
        .where(~answered, or_(present, unsent))
        .order_by(deliveries.c.created_ms, deliveries.c.id)
    )
    return list(connection.execute(found).scalars())


def name_of_incident(connection: Connection, incident_id: str) -> tuple[str, str | None]:
    """The name of whom an incident is about, and their id; of an area, no name and None."""
    person_id = connection.execute(select(incidents.c.person_id).where(incidents.c.id == incident_id)).scalar_one()
    return "" if person_id is None else subject_of(connection, incident_id).name, person_id
