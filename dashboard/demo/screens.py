"""The screens of the vendors' doubles: whose there are, where each is, and which messages went there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from sqlalchemy import Connection, exists, select

from alerts.channels.outbox.channel import Shown
from alerts.decisions.sending.delivery import MAY_HAVE_ARRIVED, DeliveryState
from alerts.ports import SendOutcome
from dashboard.site.access import HEADERS
from store.schema import attempts, contact_methods, deliveries, incidents, is_open, people

Templates = Mapping[str, str]
"""By channel, where the screen of an ``{address}`` is."""
MOST_MESSAGES: Final = 300
VOICE: Final = "voice"


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen; ``channels``: what comes to it, in the order in which this person's methods are tried."""

    url: str
    channels: Sequence[str]


def screens_of(connection: Connection, templates: Templates, person_id: str) -> list[Screen]:
    """A person's screens, the one that is tried first being the first; SMS and calls of one number are on one."""
    methods = connection.execute(
        select(contact_methods.c.channel, contact_methods.c.address)
        .where(contact_methods.c.person_id == person_id, contact_methods.c.channel.in_(sorted(templates)))
        .order_by(contact_methods.c.rank, contact_methods.c.channel)
    )
    by_url: dict[str, list[str]] = {}
    for channel, address in methods:
        by_url.setdefault(templates[channel].format(address=quote(address, safe="")), []).append(channel)
    return [Screen(url, channels) for url, channels in by_url.items()]


def channels_on_screens(connection: Connection, templates: Templates) -> dict[str, list[str]]:
    """By person id: the channels that come to a screen, in the order in which they are tried."""
    methods = connection.execute(
        select(contact_methods.c.person_id, contact_methods.c.channel)
        .where(contact_methods.c.channel.in_(sorted(templates)))
        .order_by(contact_methods.c.rank, contact_methods.c.channel)
    )
    found: dict[str, list[str]] = {}
    for person_id, channel in methods:
        found.setdefault(person_id, []).append(channel)
    return found


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
