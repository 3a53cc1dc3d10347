"""The arguments of ``mimamori people | contacts | policy | test-send``. Their work is imported when one is called."""

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_HOURS = "when they may be called: 'mon-fri 08:00-20:00; sat,sun 09:00-12:00', or 月-金 08:00-20:00"
_ROLES = ("neighbour", "family", "hub_volunteer", "staff")


def add_parsers(commands: "Commands") -> None:
    """Add the four commands."""
    _add_people(_group(commands, "people", "who is registered, and when they may be called"))
    _add_contacts(_group(commands, "contacts", "how people are reached"))
    _add_policy(_group(commands, "policy", "who is told what, by which channel, when"))
    send = _command(commands, "test-send", "contacts.test_send", "really send a marked test message with a code")
    send.add_argument("contact", metavar="CONTACT", help="id of the contact method (mimamori contacts list)")
    _add_json(send)


def _add_people(people: "Commands") -> None:
    add = _command(people, "add", "people.add", "register a person")
    add.add_argument("name", metavar="NAME", help="姓 名")
    add.add_argument("--id", help="id of the person; random when left out")
    add.add_argument("--kana", default="", help="how the name is read")
    add.add_argument("--language", default="ja", choices=["ja", "en"], help="of the messages (default ja)")
    add.add_argument("--zone", help="IANA time zone of their hours (default Asia/Tokyo)")
    add.add_argument("--hours", help=_HOURS)
    add.add_argument(
        "--watches", action="append", default=[], metavar="PERSON", help="whom they watch over; repeatable"
    )
    _add_role(add)
    _add_json(_command(people, "list", "people.show_all", "list everybody"))
    show = _command(people, "show", "people.show", "everything that matters for calling one person")
    _add_person(show)
    _add_json(show)
    _add_full(show)
    hours = _command(people, "hours", "people.hours", "set when a person may be called")
    _add_person(hours)
    hours.add_argument("hours", metavar="HOURS", help=_HOURS + ", or 'always'")
    hours.add_argument("--zone", help="IANA time zone of the hours")
    _add_away(_command(people, "leave", "away.leave", "a responder is away and is not called"))
    _add_away(_command(people, "absence", "away.absence", "a watched person is not at home: hospital, a journey"))
    _add_person(_command(people, "opt-out", "people.leave_off", "contact a person no more, from this moment on"))
    _add_person(_command(people, "opt-in", "people.come_back", "contact them again, because they wish it"))
    relate = _command(people, "relate", "people.relate", "let somebody watch over a person, by consent")
    relate.add_argument("subject", metavar="WATCHED")
    relate.add_argument("other", metavar="WATCHER")
    _add_role(relate)
    revoke = _command(people, "revoke", "people.revoke", "end a relation at once")
    revoke.add_argument("relation", metavar="RELATION")


def _add_contacts(contacts: "Commands") -> None:
    add = _command(contacts, "add", "contacts.add", "register a contact method")
    _add_person(add)
    add.add_argument("channel", metavar="CHANNEL", help="line, sms, voice, email, home, console or outbox")
    add.add_argument("address", metavar="ADDRESS", help="phone numbers as +81… or 090-…")
    add.add_argument("--rank", type=int, default=0, help="0 (tried first) to 99")
    add.add_argument("--id", help="id of the contact method; random when left out")
    show = _command(contacts, "list", "contacts.show_all", "list contact methods, in the order of use")
    show.add_argument("person", nargs="?", metavar="PERSON")
    _add_json(show)
    _add_full(show)
    verify = _command(contacts, "verify", "contacts.confirm", "the receiver gave the code of a test back")
    _add_contact(verify)
    verify.add_argument("code", metavar="CODE")
    disable = _command(contacts, "disable", "contacts.disable", "use a contact method no more")
    _add_contact(disable)
    disable.add_argument("reason", metavar="REASON", help="a word, such as wrong_number or blocked")
    _add_contact(_command(contacts, "enable", "contacts.enable", "use a disabled one again"))


def _add_policy(policy: "Commands") -> None:
    _add_json(_command(policy, "show", "policy.show", "the ladders as they are set"))
    explain = _command(
        policy, "explain", "policy.explain", "a dry run: who would be told what about a person, and when"
    )
    _add_person(explain)
    explain.add_argument("--at", metavar="WHEN", help="when they would be due (default now): 2026-08-12T23:00")
    explain.add_argument(
        "--kind", default="silence", choices=["silence", "help"], help="what happened (default silence)"
    )
    explain.add_argument(
        "--failing", action="append", default=[], metavar="CHANNEL", help="as if this channel failed; repeatable"
    )
    _add_json(explain)


def _group(commands: "Commands", name: str, what: str) -> "Commands":
    return commands.add_parser(name, help=what).add_subparsers(dest="verb", required=True, metavar="VERB")


def _command(commands: "Commands", name: str, work: str, what: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=what, description=what)
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="settings (TOML) of the server")
    parser.set_defaults(run=_later(work))
    return parser


def _later(work: str) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        module, _, function = work.partition(".")
        return int(getattr(import_module(f"mimamori.commands.{module}"), function)(options))

    return run


def _add_person(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("person", metavar="PERSON", help="id of the person")


def _add_contact(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("contact", metavar="CONTACT", help="id of the contact method")


def _add_away(parser: argparse.ArgumentParser) -> None:
    _add_person(parser)
    parser.add_argument("--from", dest="begins", metavar="WHEN", help="2026-08-12, or 2026-08-12T09:00 (default now)")
    parser.add_argument("--to", dest="ends", metavar="WHEN", help="until then, on their clock")
    parser.add_argument("--note", default="", help="for staff")
    parser.add_argument("--cancel", metavar="ID", help="of one that ends now: back earlier, or not going at all")


def _add_role(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--role", default="neighbour", choices=_ROLES, help="as what (default neighbour)")
    parser.add_argument("--purpose", default="", help="what the consent covers")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON; times in ms UTC")


def _add_full(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--full", action="store_true", help="show addresses and phone numbers in full")
