"""The screens of the vendors' doubles: whose there are, where each is, and which messages went there."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlsplit

from sqlalchemy import Connection, exists, select
from sqlalchemy.engine import RowMapping

from alerts.channels.outbox.channel import Shown
from alerts.decisions.sending.delivery import MAY_HAVE_ARRIVED, DeliveryState
from alerts.ports import SendOutcome
from dashboard.reading.queries import grouped
from dashboard.site.access import HEADERS
from store.schema import attempts, contact_methods, deliveries, incidents, is_open, people

Templates = Mapping[str, str]
"""By channel, where the screen of an ``{address}`` is."""
MOST_MESSAGES: Final = 300
VOICE: Final = "voice"


def methods_on_screens(connection: Connection, templates: Templates) -> dict[str, list[RowMapping]]:
    """By person id: the contact methods that come to a screen, in the order in which they are tried."""
    query = select(*contact_methods.c["person_id", "channel", "address"])
    mine = query.where(contact_methods.c.channel.in_(sorted(templates)))
    return grouped(connection, mine.order_by(contact_methods.c.rank, contact_methods.c.channel), "person_id")


def screens_of(methods: Iterable[RowMapping], templates: Templates) -> Mapping[str, Sequence[str]]:
    """A person's screens, with what comes to each, the one that is tried first being the first.

    SMS and calls of one number are on one.
    """
    by_url: dict[str, list[str]] = defaultdict(list)
    for method in methods:
        url = templates[method["channel"]].format(address=quote(method["address"], safe=""))
        by_url[url].append(method["channel"])
    return by_url


def sent(connection: Connection, templates: Templates) -> list[Shown]:
    """The newest messages that went to screens, in no order; ``at_ms``: when each was made."""
    # A call that nobody took waits for its next try; the phone shows it as missed.
    taken = exists().where(attempts.c.delivery_id == deliveries.c.id, attempts.c.outcome == SendOutcome.OK)
    rows = connection.execute(
        select(deliveries, people.c.language)
        .join(people, people.c.id == deliveries.c.person_id)
        .where(deliveries.c.channel.in_(sorted(templates)), taken | deliveries.c.state.in_(sorted(MAY_HAVE_ARRIVED)))
        .order_by(deliveries.c.created_ms.desc())
        .limit(MOST_MESSAGES)
    )
    return [
        Shown(row.id, row.person_id, "", row.subject, row.body, None, row.purpose, row.language, row.created_ms)
        for row in rows
    ]


def ringing(connection: Connection, templates: Templates) -> set[str]:
    """Person ids of those whose telephone rings, or who talk on it, about an incident that is open."""
    if VOICE not in templates:
        return set()
    called = (
        select(deliveries.c.person_id)
        .join(incidents, incidents.c.id == deliveries.c.incident_id)
        .where(deliveries.c.channel == VOICE, deliveries.c.state == DeliveryState.ACCEPTED)
        .where(is_open())
    )
    return set(connection.execute(called).scalars())


def allowing(templates: Templates) -> str:
    """The pages' security policy, and that these screens may be shown within the page."""
    origins = sorted({f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, templates.values())})
    return f"{HEADERS['Content-Security-Policy']}; frame-src {' '.join(origins)}"
