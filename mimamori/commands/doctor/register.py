"""Who is in the store's register: is everybody watched by somebody, and can those be reached?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, exists, func, select

from alerts.channels.registry import ChannelSettings, how_to_set_up, names_on
from alerts.register import read_recipients
from edge_agent.clock import SystemClock
from mimamori.server.settings import BackendSettings
from store.engine import reading
from store.findings import Finding, typed
from store.schema import contact_methods, homes

_IN_USE: Final = contact_methods.c.disabled_reason.is_(None)


def look_at_register(db: Engine, settings: BackendSettings, config: Path) -> Iterator[Finding]:
    """The homes, who would be called, and how.

    Args:
        db: the relational store; only read.
        settings: of the server; channels are looked at where it plays the role of the alerts.
        config: the settings file, for commands.
    """
    with reading(db) as connection:
        yield from _look_at_homes(connection)
        if "alerts" in settings.server.roles:
            yield from look_at_contact_methods(connection, settings.channels, config)
        yield from _look_at_verified(connection, config)
        yield from _look_at_chimes(connection)


def _look_at_homes(connection: Connection) -> Iterator[Finding]:
    watched = connection.execute(select(homes.c.person_id, homes.c.organisation_id)).all()
    remedy = "" if watched else "name a register in [server] register = …, or nobody is watched"
    yield Finding("homes", str(len(watched)), remedy, grave=False)
    if not watched:
        return
    now_ms = SystemClock().wall_ms()
    reachable = [read_recipients(connection, home.person_id, home.organisation_id, now_ms) for home in watched]
    alone = sum(not (found.neighbours or found.staff) for found in reachable)
    remedy = "" if not alone else "register neighbours or staff with a contact method for each of them"
    yield Finding("homes that nobody can be called for", str(alone), remedy)


def look_at_contact_methods(
    connection: Connection, settings: ChannelSettings, config: Path | None = None
) -> Iterator[Finding]:
    """Contact methods of channels that are not set up: every message to one fails over, or reaches nobody.

    Args:
        connection: of the relational store; only read.
        settings: which channels are set up.
        config: the settings file, for commands; None: there are no commands for this store.
    """
    channel = contact_methods.c.channel
    query = select(channel, func.count(), func.min(contact_methods.c.id)).where(
        _IN_USE, channel.not_in(names_on(settings))
    )
    for name, count, first in connection.execute(query.group_by(channel).order_by(channel)):
        what, seen = f"contacts by {name}", f"{count}, but the channel is not set up: they reach nobody"
        remedy = f"set {how_to_set_up()[name]}, or "
        if config is None:
            yield Finding(what, seen, remedy + "take them out of the register")
        else:
            disable = typed("mimamori", "contacts", "disable", first, "no_channel", "--config", config)
            yield Finding(what, seen, remedy + "disable them, beginning with:", command=disable)


def _look_at_verified(connection: Connection, config: Path) -> Iterator[Finding]:
    query = select(contact_methods.c.id).where(_IN_USE, contact_methods.c.verified_ms.is_(None))
    unverified = connection.scalars(query.order_by(contact_methods.c.id)).all()
    if unverified:
        remedy = "nobody knows whether they reach anybody; begin with:"
        test = typed("mimamori", "test-send", unverified[0], "--config", config)
        yield Finding("contact methods not verified", str(len(unverified)), remedy, grave=False, command=test)


def _look_at_chimes(connection: Connection) -> Iterator[Finding]:
    """A question must not sound in somebody else's home."""
    own = exists().where(homes.c.person_id == contact_methods.c.person_id, homes.c.gateway == contact_methods.c.address)
    query = select(contact_methods.c.id).where(contact_methods.c.channel == "home", _IN_USE, ~own)
    wrong = connection.scalars(query.order_by(contact_methods.c.id)).all()
    if wrong:
        remedy = "give the gateway of the person's own home as the address, or disable: " + ", ".join(wrong)
        yield Finding("chimes in another home", str(len(wrong)), remedy)
