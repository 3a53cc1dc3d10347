"""Who is in the store's register: is everybody watched by somebody, and can those be reached?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, exists, select

from alerts.channels.registry import ChannelSettings, how_to_set_up, names_on
from alerts.register import read_recipients
from edge_agent.clock import SystemClock
from mimamori.server.settings import BackendSettings
from store.engine import reading
from store.findings import Finding, typed
from store.schema import contact_methods, homes

_IN_USE: Final = contact_methods.c.disabled_reason.is_(None)


def look_at_register(db: Engine, count: int, settings: BackendSettings, config: Path) -> Iterator[Finding]:
    """The homes, who would be called, and how.

    Args:
        db: the relational store; only read.
        count: how many homes there are.
        settings: of the server; channels are looked at where it plays the role of the alerts.
        config: the settings file, for commands.
    """
    yield from _look_at_homes(db, count)
    if "alerts" in settings.server.roles:
        yield from look_at_contact_methods(db, settings.channels, config)
    yield from _look_at_verified(db, config)
    yield from _look_at_chimes(db)


def _look_at_homes(db: Engine, count: int) -> Iterator[Finding]:
    remedy = "" if count else "name a register in [server] register = …, or nobody is watched"
    yield Finding("homes", str(count), remedy, grave=False)
    if not count:
        return
    now_ms = SystemClock().wall_ms()
    with reading(db) as connection:
        watched = connection.execute(select(homes.c.person_id, homes.c.organisation_id)).all()
        reachable = [read_recipients(connection, home.person_id, home.organisation_id, now_ms) for home in watched]
    alone = sum(not (found.neighbours or found.staff) for found in reachable)
    remedy = "" if not alone else "register neighbours or staff with a contact method for each of them"
    yield Finding("homes that nobody can be called for", str(alone), remedy)


def look_at_contact_methods(db: Engine, settings: ChannelSettings, config: Path | None = None) -> Iterator[Finding]:
    """Contact methods of channels that are not set up: every message to one fails over, or reaches nobody.

    Args:
        db: the relational store; only read.
        settings: which channels are set up.
        config: the settings file, for commands; None: there are no commands for this store.
    """
    query = select(contact_methods.c.channel, contact_methods.c.id).where(_IN_USE)
    with reading(db) as connection:
        rows = connection.execute(query.order_by(contact_methods.c.channel, contact_methods.c.id)).all()
    unused: dict[str, list[str]] = {}
    for row in rows:
        unused.setdefault(row.channel, []).append(row.id)
    for channel in sorted(unused.keys() - names_on(settings)):
        yield _not_set_up(channel, unused[channel], config)


def _not_set_up(channel: str, ids: list[str], config: Path | None) -> Finding:
    what, seen = f"contacts by {channel}", f"{len(ids)}, but the channel is not set up: they reach nobody"
    if config is None:
        return Finding(what, seen, f"set {how_to_set_up()[channel]}, or take them out of the register")
    disable = typed("mimamori", "contacts", "disable", ids[0], "no_channel", "--config", config)
    return Finding(what, seen, f"set {how_to_set_up()[channel]}, or disable them, beginning with:", command=disable)


def _look_at_verified(db: Engine, config: Path) -> Iterator[Finding]:
    query = select(contact_methods.c.id).where(_IN_USE, contact_methods.c.verified_ms.is_(None))
    with reading(db) as connection:
        unverified = list(connection.execute(query.order_by(contact_methods.c.id)).scalars())
    if unverified:
        yield Finding(
            "contact methods not verified",
            str(len(unverified)),
            "nobody knows whether they reach anybody; begin with:",
            grave=False,
            command=typed("mimamori", "test-send", unverified[0], "--config", config),
        )


def _look_at_chimes(db: Engine) -> Iterator[Finding]:
    """A question must not sound in somebody else's home."""
    own = exists().where(homes.c.person_id == contact_methods.c.person_id, homes.c.gateway == contact_methods.c.address)
    query = select(contact_methods.c.id).where(contact_methods.c.channel == "home", _IN_USE, ~own)
    with reading(db) as connection:
        wrong = list(connection.execute(query.order_by(contact_methods.c.id)).scalars())
    if wrong:
        remedy = "give the gateway of the person's own home as the address, or disable: " + ", ".join(wrong)
        yield Finding("chimes in another home", str(len(wrong)), remedy)
