"""The arguments of every command. Its work is imported when it is called, and not before."""

import argparse
import importlib.metadata
import pkgutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

Parser = argparse.ArgumentParser
if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Parser]

_DESCRIPTION: Final = (
    "Watches over people who live alone: learns each rhythm, asks first, then calls neighbours, then the council."
)
_HOURS: Final = "when they may be called: 'mon-fri 08:00-20:00; sat,sun 09:00-12:00', or 月-金 08:00-20:00"


def _shared(*names: str, **meaning: Any) -> Parser:  # noqa: ANN401 - as argparse takes them
    """An argument that several commands have."""
    parser = Parser(add_help=False)
    parser.add_argument(*names, **meaning)
    return parser


_CONFIG: Final = _shared("--config", type=Path, required=True, metavar="FILE", help="settings (TOML) of the server")
_PERSON: Final = _shared("person", metavar="PERSON", help="id of the person in the register")
_CONTACT: Final = _shared("contact", metavar="CONTACT", help="id of the contact method (mimamori contacts list)")
_JSON: Final = _shared("--json", action="store_true", help="as JSON; times in ms UTC")
_FULL: Final = _shared("--full", action="store_true", help="show addresses and phone numbers in full")
_STORE: Final = (
    _shared("--store", metavar="STORE", help="time series: sqlite, influx, or an address (influx+http://…)"),
    _shared("--token-file", type=Path, metavar="FILE", help="holds InfluxDB's token on one line"),
)
_ROLES: Final = ("neighbour", "family", "hub_volunteer", "staff")
_CONSENT: Final = (
    _shared("--role", default="neighbour", choices=_ROLES, help="as what (default neighbour)"),
    _shared("--purpose", default="", help="what the consent covers"),
)
_AWAY: Final = (
    _PERSON,
    _shared("--from", dest="begins", metavar="WHEN", help="2026-08-12, or 2026-08-12T09:00 (default now)"),
    _shared("--to", dest="ends", metavar="WHEN", help="until then, on their clock"),
    _shared("--note", default="", help="for staff"),
    _shared("--cancel", metavar="ID", help="of one that ends now: back earlier, or not going at all"),
)


def build_parser() -> Parser:
    """The parser of the whole command; ``run`` of what it parses takes that and gives the exit code."""
    parser = Parser(prog="mimamori", description=_DESCRIPTION)
    version = importlib.metadata.version("mimamori")
    parser.add_argument("--version", action="version", version=f"mimamori {version}")
    parser.add_argument("--log-level", default="warning", choices=["debug", "info", "warning", "error"])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_server(commands)
    _add_evaluation(commands)
    what = "forget a person: events, state, incidents, relations and addresses"
    erase = _command(commands, "erase", "commands.erase:run", what, _PERSON)
    erase.add_argument("--yes", action="store_true", help="erase; without it the command only says what would go")
    what = "make a one-time code by which a person links their LINE account"
    _command(commands, "link-line", "commands.contacts:link_line", what, _PERSON)
    doctor = _plain(commands, "doctor", "commands.doctor:run", "say what is missing or misconfigured, and what to do")
    doctor.add_argument("--config", type=Path, metavar="FILE", help="also check these settings")
    _add_people(_group(commands, "people", "who is registered, and when they may be called"))
    _add_contacts(_group(commands, "contacts", "how people are reached"))
    _add_policy(_group(commands, "policy", "who is told what, by which channel, when"))
    what = "really send a marked test message with a code"
    _command(commands, "test-send", "commands.contacts:test_send", what, _CONTACT, _JSON)
    return parser


def _add_server(commands: "Commands") -> None:
    demo = _plain(commands, "demo", "commands.demo:run", "twelve simulated homes on this machine, time running fast")
    demo.add_argument("--homes", type=int, default=12, metavar="N", help="how many homes (2 to 200; default 12)")
    demo.add_argument("--seed", type=int, default=7, help="the same seed plays the same lives (default 7)")
    demo.add_argument("--port", type=int, default=8800, help="port of the page on 127.0.0.1 (default 8800)")
    demo.add_argument("--no-browser", action="store_true", help="do not open the page in a browser")
    demo.add_argument("--headless", action="store_true", help="no page: play --days as fast as possible and report")
    demo.add_argument("--days", type=float, default=2.0, help="with --headless: simulated days (default 2)")
    demo.add_argument("--report", type=Path, metavar="FILE", help="with --headless: write the report as JSON")
    _command(commands, "serve", "server.run:run", "the backend: ingest, alerts and the page", *_STORE)
    what = "look whether the watching works, and ping a dead-man switch if it does"
    audit = _command(commands, "audit", "commands.audit:run", what)
    audit.add_argument("--once", action="store_true", help="look once, say what is wrong, ping nobody")
    what = "run recorded homes through agent, broker, ingest, store and watch"
    replay = _plain(commands, "replay", "commands.replay:run", what, *_STORE)
    replay.add_argument("recordings", type=Path, nargs="+", metavar="FILE", help="ts_iso_local,sensor,kind,value")
    replay.add_argument("--zone", default="Asia/Tokyo", help="IANA zone of its wall clock")
    replay.add_argument("--report", type=Path, metavar="FILE", help="write the report as JSON")


def _add_evaluation(commands: "Commands") -> None:
    from evaluation.cli import add_parser
    from evaluation.notes.cli import add_notes_parser
    from evaluation.power.cli import add_power_parser

    add_parser(commands, partial(_call, "commands.simulated_homes:simulated_home"))
    add_notes_parser(commands, partial(_call, "commands.simulated_homes:simulated_life"))
    add_power_parser(commands)


def _add_people(people: "Commands") -> None:
    add = _command(people, "add", "commands.people:add", "register a person", *_CONSENT)
    add.add_argument("name", metavar="NAME", help="姓 名")
    add.add_argument("--id", help="id of the person; random when left out")
    add.add_argument("--kana", default="", help="how the name is read")
    add.add_argument("--language", default="ja", choices=["ja", "en"], help="of the messages (default ja)")
    add.add_argument("--zone", help="IANA time zone of their hours (default Asia/Tokyo)")
    add.add_argument("--hours", help=_HOURS)
    whom = "whom they watch over; repeatable"
    add.add_argument("--watches", action="append", default=[], metavar="PERSON", help=whom)
    _command(people, "list", "commands.people:show_all", "list everybody", _JSON)
    what = "everything that matters for calling one person"
    _command(people, "show", "commands.people:show", what, _PERSON, _JSON, _FULL)
    hours = _command(people, "hours", "commands.people:hours", "set when a person may be called", _PERSON)
    hours.add_argument("hours", metavar="HOURS", help=_HOURS + ", or 'always'")
    hours.add_argument("--zone", help="IANA time zone of the hours")
    _command(people, "leave", "commands.away:leave", "a responder is away and is not called", *_AWAY)
    _command(people, "absence", "commands.away:absence", "a watched person is not at home: hospital, a journey", *_AWAY)
    _command(people, "opt-out", "commands.people:leave_off", "contact a person no more, from this moment on", _PERSON)
    _command(people, "opt-in", "commands.people:come_back", "contact them again, because they wish it", _PERSON)
    what = "let somebody watch over a person, by consent"
    relate = _command(people, "relate", "commands.people:relate", what, *_CONSENT)
    relate.add_argument("subject", metavar="WATCHED")
    relate.add_argument("other", metavar="WATCHER")
    revoke = _command(people, "revoke", "commands.people:revoke", "end a relation at once")
    revoke.add_argument("relation", metavar="RELATION")


def _add_contacts(contacts: "Commands") -> None:
    add = _command(contacts, "add", "commands.contacts:add", "register a contact method", _PERSON)
    add.add_argument("channel", metavar="CHANNEL", help="line, sms, voice, email, home, console or outbox")
    add.add_argument("address", metavar="ADDRESS", help="phone numbers as +81… or 090-…")
    add.add_argument("--rank", type=int, default=0, help="0 (tried first) to 99")
    add.add_argument("--id", help="id of the contact method; random when left out")
    what = "list contact methods, in the order of use"
    show = _command(contacts, "list", "commands.contacts:show_all", what, _JSON, _FULL)
    show.add_argument("person", nargs="?", metavar="PERSON")
    what = "the receiver gave the code of a test back"
    verify = _command(contacts, "verify", "commands.contacts:confirm", what, _CONTACT)
    verify.add_argument("code", metavar="CODE")
    disable = _command(contacts, "disable", "commands.contacts:disable", "use a contact method no more", _CONTACT)
    disable.add_argument("reason", metavar="REASON", help="a word, such as wrong_number or blocked")
    _command(contacts, "enable", "commands.contacts:enable", "use a disabled one again", _CONTACT)


def _add_policy(policy: "Commands") -> None:
    _command(policy, "show", "commands.policy:show", "the ladders as they are set", _JSON)
    what = "a dry run: who would be told what about a person, and when"
    explain = _command(policy, "explain", "commands.policy:explain", what, _PERSON, _JSON)
    explain.add_argument("--at", metavar="WHEN", help="when they would be due (default now): 2026-08-12T23:00")
    what = "what happened (default silence)"
    explain.add_argument("--kind", default="silence", choices=["silence", "help"], help=what)
    what = "as if this channel failed; repeatable"
    explain.add_argument("--failing", action="append", default=[], metavar="CHANNEL", help=what)


def _group(commands: "Commands", name: str, what: str) -> "Commands":
    return commands.add_parser(name, help=what).add_subparsers(dest="verb", required=True, metavar="VERB")


def _command(commands: "Commands", name: str, work: str, what: str, *shared: Parser) -> Parser:
    """A command of a server, which its settings file names."""
    return _plain(commands, name, work, what, _CONFIG, *shared)


def _plain(commands: "Commands", name: str, work: str, what: str, *shared: Parser) -> Parser:
    parser = commands.add_parser(name, help=what, description=what, parents=shared)
    parser.set_defaults(run=partial(_call, work))
    return parser


def _call(work: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever it gives
    return pkgutil.resolve_name(f"mimamori.{work}")(*arguments)
