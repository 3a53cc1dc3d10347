"""``mimamori contacts``, ``test-send`` and ``link-line``: how people are reached, and whether that works."""

import argparse
import contextlib
import sys
from dataclasses import asdict
from typing import Any

from sqlalchemy import select

from alerts.channels.line import linking
from alerts.ports import SendOutcome
from alerts.tools.test_message import CODE_VALID_MS, send_test, verify
from alerts.wording.catalogue import catalogue
from mimamori import exits
from mimamori.commands import console
from mimamori.server.build import every_channel
from mimamori.server.settings import load_settings
from mimamori.server.stores import opened_store
from store.engine import reading
from store.schema import contact_methods, people


def add(options: argparse.Namespace) -> int:
    """Register a contact method."""
    with console.register_of(options.config) as registry:
        key = registry.add_contact_method(options.person, options.channel, options.address, options.rank, id=options.id)
    return console.print_line(
        f"added contact method '{key}'. It is tried last until it is verified: "
        f"mimamori test-send {key} --config {options.config}"
    )


def show_all(options: argparse.Namespace) -> int:
    """List the contact methods of one person, or of everybody."""
    query = select(contact_methods, people.c.name, people.c.zone).join(people)
    if options.person is not None:
        query = query.where(contact_methods.c.person_id == options.person)
    order = (contact_methods.c.person_id, contact_methods.c.verified_ms.is_(None), contact_methods.c.rank)
    with console.store_of(options.config) as (_settings, db), reading(db) as connection:
        found = console.contacts(connection, query.order_by(*order, contact_methods.c.id), full=options.full)
    if options.json:
        return console.print_json(found)
    columns = ("id", "person", "name", "channel", "address", "rank", "verified", "last accepted", "disabled")
    return console.print_table(columns, map(_line, found))


def disable(options: argparse.Namespace) -> int:
    """Use a contact method no more."""
    with console.register_of(options.config) as registry:
        registry.disable_contact_method(options.contact, options.reason)
    return console.print_line(f"contact method '{options.contact}' is not used any more")


def enable(options: argparse.Namespace) -> int:
    """Use a disabled contact method again."""
    with console.register_of(options.config) as registry:
        registry.enable_contact_method(options.contact)
    return console.print_line(f"contact method '{options.contact}' is used again")


def confirm(options: argparse.Namespace) -> int:
    """The receiver gave the code back."""
    with console.store_of(options.config) as (_settings, db):
        verify(db, options.contact, options.code, console.ACTOR, console.now_ms())
    return console.print_line(f"contact method '{options.contact}' is verified")


def test_send(options: argparse.Namespace) -> int:
    """Really send a test message; exits with 1 when the channel did not take it."""
    with console.store_of(options.config) as (settings, db):
        # The console channel writes where the JSON goes.
        with contextlib.redirect_stdout(sys.stderr) if options.json else contextlib.nullcontext():
            channels = every_channel(settings)
        sent = send_test(db, channels, options.contact, console.now_ms())
    if options.json:
        console.print_json(asdict(sent))
    else:
        words = catalogue("en")
        why = [words.failure(sent.failure)] if sent.failure else []
        why += [sent.detail] if sent.detail else []
        detail = f" ({', '.join(why)})" if why else ""
        console.print_line(f"test {sent.id} to '{options.contact}' {words(f'test_send.{sent.outcome}')}{detail}.")
        if sent.outcome in (SendOutcome.OK, SendOutcome.AMBIGUOUS):
            hours = CODE_VALID_MS // 3_600_000
            console.print_line(
                f"It holds a code, good for {hours} h. Then: "
                f"mimamori contacts verify {options.contact} CODE --config {options.config}"
            )
    return exits.DONE if sent.outcome is SendOutcome.OK else exits.FAILED


def link_line(options: argparse.Namespace) -> int:
    """Make a one-time code by which a person's own LINE account becomes a contact method, and say what to do with it.

    Raises:
        UsageError: LINE is not set up.
        UnusableInvitation: the person is not in the register; nothing was made.
    """
    settings = load_settings(options.config)
    if not settings.channels.line.is_on:
        raise exits.UsageError(
            f"{options.config}: LINE is off; name token_file and secret_file in [channels.line] first"
        )
    with opened_store(settings.store.url) as db, db.begin() as connection:
        code = linking.invite(connection, options.person, "command-line", console.now_ms())
    console.print_line(code)
    sys.stderr.write(
        "Hand this code to the person: they add the account as a friend in LINE and send the code there.\n"
        "It works once, within 24 hours; a newer one replaces it.\n"
    )
    return exits.DONE


def _line(item: dict[str, Any]) -> tuple[object, ...]:
    zone = item["zone"]
    verified = console.moment(item["verified_ms"], zone) or "no"
    names = ("id", "person_id", "name", "channel", "address", "rank")
    last, disabled = console.moment(item["last_ok_ms"], zone), item["disabled_reason"]
    return (*(item[name] for name in names), verified, last, disabled)
