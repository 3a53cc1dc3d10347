"""The demo's phones: the folder of the ``outbox`` channel is read; a vendor's double shows its screen itself."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection, select

from alerts.channels.outbox.channel import Shown, read_outbox
from alerts.register import in_force
from dashboard.demo import screens
from dashboard.demo.screens import Templates
from dashboard.demo.speed import own_path
from dashboard.reading import queries
from dashboard.site.rendering import PagesOf, Site
from store.engine import reading
from store.schema import homes, relations

MOST_ON_A_PHONE: Final = 5
MOST_AT_A_GLANCE: Final = 1
"""Of a phone that has a screen of its own."""
MOST_PHONES: Final = 60
routes: Final = APIRouter(prefix="/phones")
"""Only a demo has them."""


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """One message as a phone shows it; ``path``: its link, on this site. None: nothing to answer."""

    delivery_id: str
    subject: str
    body: str
    language: str
    at_ms: int
    path: str | None


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
    messages: Sequence[ShownMessage]
    channels: Sequence[str] = ()
    rings: bool = False


def phones_of(
    shown: Sequence[Shown],
    names: Mapping[str, str],
    roles: Mapping[str, Sequence[str]],
    on_screens: Mapping[str, Sequence[str]] | None = None,
    ringing: Collection[str] = (),
) -> list[Phone]:
    """The phones that got a message: those that ring, then the newest message's first; on each the newest first."""
    by_person: dict[str, list[Shown]] = defaultdict(list)
    for item in reversed(shown):
        by_person[item.person_id].append(item)
    rings_first = sorted(by_person, key=lambda person_id: person_id not in ringing)
    return [
        Phone(
            person_id,
            names.get(person_id, person_id),
            roles.get(person_id, ()),
            _messages(by_person[person_id], on_screen=person_id in (on_screens or {})),
            (on_screens or {}).get(person_id, ()),
            person_id in ringing,
        )
        for person_id in rings_first[:MOST_PHONES]
    ]


def _messages(items: Sequence[Shown], *, on_screen: bool) -> list[ShownMessage]:
    return [_message(item) for item in items[: MOST_AT_A_GLANCE if on_screen else MOST_ON_A_PHONE]]


def _message(shown: Shown) -> ShownMessage:
    # The address in the link is the one a phone would use; here only its path matters.
    path = own_path(urlsplit(shown.link).path) if shown.link else None
    return ShownMessage(shown.delivery_id, shown.subject, shown.body, shown.language, shown.at_ms, path)


def _roles(connection: Connection, person_ids: Sequence[str], now_ms: int) -> dict[str, list[str]]:
    watching = select(relations.c.other_id, relations.c.role).where(
        relations.c.other_id.in_(person_ids), in_force(now_ms)
    )
    watched = select(homes.c.person_id).where(homes.c.person_id.in_(person_ids))
    roles: dict[str, list[str]] = {row.person_id: ["person"] for row in connection.execute(watched)}
    for row in connection.execute(watching.distinct().order_by(relations.c.role)):
        roles.setdefault(row.other_id, []).append(row.role)
    return roles


def _read_phones(site: Site, templates: Templates, now_ms: int) -> list[Phone]:
    folder = site.settings.phones
    in_folder = [] if folder is None else read_outbox(folder)
    with reading(site.db) as connection:
        shown = sorted([*in_folder, *screens.sent(connection, templates)], key=lambda item: item.at_ms)
        person_ids = sorted({item.person_id for item in shown})
        names, roles = queries.names_of(connection, person_ids), _roles(connection, person_ids, now_ms)
        on_screens = screens.channels_on_screens(connection, templates)
        return phones_of(shown, names, roles, on_screens, screens.ringing(connection, templates))


def add_screens(app: FastAPI, templates: Templates) -> None:
    """Let the phones of ``app`` show the screens of vendors' doubles, by channel."""
    app.state.screens = templates


def _screens_of(request: Request) -> Templates:
    templates: Templates = getattr(request.app.state, "screens", {})
    return templates


@routes.get("")
def phones_page(request: Request, pages: PagesOf) -> HTMLResponse:
    """Every phone that got a message."""
    now_ms = pages.site.clock.wall_ms()
    return pages.render(request, "phones.html", now_ms, phones=_read_phones(pages.site, _screens_of(request), now_ms))


@routes.get("/{person_id}")
def phone_page(request: Request, pages: PagesOf, person_id: str) -> HTMLResponse:
    """One person's phone: the screens of the vendors' doubles."""
    site, now_ms = pages.site, pages.site.clock.wall_ms()
    templates = _screens_of(request)
    with reading(site.db) as connection:
        found = screens.screens_of(connection, templates, person_id)
        name, roles = queries.names_of(connection, [person_id]), _roles(connection, [person_id], now_ms)
    if not found or person_id not in name:
        raise HTTPException(404, "no such phone")
    phones = [phone for phone in _read_phones(site, templates, now_ms) if phone.channels]
    of = {"person_id": person_id, "name": name[person_id], "roles": roles.get(person_id, ())}
    response = pages.render(request, "phone.html", now_ms, of=of, screens=found, phones=phones)
    response.headers["Content-Security-Policy"] = screens.allowing(templates)
    return response
