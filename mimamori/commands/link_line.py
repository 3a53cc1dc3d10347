"""``mimamori link-line``: a one-time code by which a person's own LINE account becomes a contact method."""

import sys
from pathlib import Path

from alerts.channels.line import linking
from alerts.errors import UnusableInvitation
from edge_agent.clock import SystemClock
from mimamori import exits
from mimamori.server.settings import load_settings
from store.engine import open_store


def run(person: str, config: Path) -> int:
    """Make the code and print what to hand over; returns the exit code.

    Raises:
        UsageError: LINE is not set up, or the person is not in the register; nothing was made.
    """
    settings = load_settings(config)
    if not settings.channels.line.is_on:
        raise exits.UsageError(f"{config}: LINE is off; name token_file and secret_file in [channels.line] first")
    db = open_store(settings.store.url)
    try:
        with db.begin() as connection:
            code = linking.invite(connection, person, "command-line", SystemClock().wall_ms())
    except UnusableInvitation as error:
        raise exits.UsageError(str(error)) from None
    finally:
        db.dispose()
    sys.stdout.write(f"{code}\n")
    sys.stderr.write(
        "Hand this code to the person: they add the account as a friend in LINE and send the code there.\n"
        "It works once, within 24 hours; a newer one replaces it.\n"
    )
    return exits.DONE
