"""The demo's phones: the folder of the ``outbox`` channel is read; a vendor's double shows its screen itself."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection, select

from alerts.channels.outbox.channel import Shown, read_outbox
from dashboard.demo import screens
from dashboard.demo.screens import Templates
from dashboard.demo.speed import own_path
from dashboard.reading import queries
from dashboard.site.rendering import Page, PageOf
from store.engine import reading
from store.schema import homes, relations

MOST_ON_A_PHONE: Final = 5
MOST_AT_A_GLANCE: Final = 1
"""Of a phone that has a screen of its own."""
MOST_PHONES: Final = 60
routes: Final = APIRouter(prefix="/phones")
"""Only a demo has them."""


@dataclass(frozen=True, slots=True)
class Phone:
    """One person's phone.

    Attributes:
        roles: person, neighbour, staff …, as the watched may watch others; empty: none known.
        messages: the newest first.
        channels: what comes to a screen of a double, to answer on; empty: it has none.
        rings: whether a call waits to be picked up, or is under way.
    """

    person_id: str
    name: str
    roles: Sequence[str]
    messages: Sequence[Shown]
    channels: Sequence[str]
    rings: bool


def _read_phones(page: Page, templates: Templates) -> list[Phone]:
    """The phones that got a message: those that ring, then the newest message's first; on each the newest first."""
    folder = page.site.settings.phones
    shown = [] if folder is None else read_outbox(folder)
    with reading(page.site.db) as connection:
        shown = sorted([*shown, *screens.sent(connection, templates)], key=lambda item: item.at_ms)
        by_person: dict[str, list[Shown]] = defaultdict(list)
        for item in reversed(shown):
            by_person[item.person_id].append(item)
        names, roles = queries.names_of(connection, by_person), _roles(connection, by_person, page.now_ms)
        on_screens = screens.methods_on_screens(connection, templates)
        ringing = screens.ringing(connection, templates)
    return [
        Phone(
            person_id,
            names.get(person_id, person_id),
            roles[person_id],
            by_person[person_id][: MOST_AT_A_GLANCE if on_screens[person_id] else MOST_ON_A_PHONE],
            [method["channel"] for method in on_screens[person_id]],
            person_id in ringing,
        )
        for person_id in sorted(by_person, key=lambda person_id: person_id not in ringing)[:MOST_PHONES]
    ]


def _roles(connection: Connection, person_ids: Collection[str], now_ms: int) -> Mapping[str, Sequence[str]]:
    watching = queries.roles_of(connection, relations.c.other_id.in_(person_ids), now_ms)
    watched = set(connection.execute(select(homes.c.person_id).where(homes.c.person_id.in_(person_ids))).scalars())
    own = {person_id: ["person"] if person_id in watched else [] for person_id in person_ids}
    return {person_id: [*own[person_id], *watching.get(person_id, ())] for person_id in person_ids}


def path_of(link: str) -> str:
    """Where a link leads on this site: its address is the one a phone would use, and here only its path matters."""
    return own_path(urlsplit(link).path)


def add_screens(app: FastAPI, templates: Templates) -> None:
    """Let the phones of ``app`` show the screens of vendors' doubles, by channel."""
    app.state.screens = templates


def _screens_of(page: Page) -> Templates:
    templates: Templates = getattr(page.request.app.state, "screens", {})
    return templates


@routes.get("")
def phones_page(page: PageOf) -> HTMLResponse:
    """Every phone that got a message."""
    return page.render("phones.html", phones=_read_phones(page, _screens_of(page)), path_of=path_of)


@routes.get("/{person_id}")
def phone_page(page: PageOf, person_id: str) -> HTMLResponse:
    """One person's phone: the screens of the vendors' doubles."""
    templates = _screens_of(page)
    with reading(page.site.db) as connection:
        found = screens.screens_of(screens.methods_on_screens(connection, templates)[person_id], templates)
        name, roles = queries.names_of(connection, [person_id]), _roles(connection, [person_id], page.now_ms)
    if not found or person_id not in name:
        raise HTTPException(404, "no such phone")
    phones = [phone for phone in _read_phones(page, templates) if phone.channels]
    of = {"person_id": person_id, "name": name[person_id], "roles": roles[person_id]}
    response = page.render("phone.html", of=of, screens=found, phones=phones)
    response.headers["Content-Security-Policy"] = screens.allowing(templates)
    return response
