"""The relational schema. Each table names the one part that writes it (``info``); everybody may read.

``audit`` is written by every part, which appends a line in the transaction of its change and alters none.
``store.retention`` removes what is too old or to be forgotten, wherever it stands.

Times are whole milliseconds since 1970 UTC (``…_ms``). Names, addresses and phone numbers stand in ``people`` and
``contact_methods``, a name also in the text of a message that went out (``deliveries``) and in what a person wrote in a
``note``; every other column, the wire and the time-series store know pseudonymous ids.
"""

from store.schema.alerting import (
    DELIVERY_STATES,
    INCIDENT_STATES,
    TERMINAL_STATES,
    ask_budgets,
    attempts,
    audit,
    claims,
    deliveries,
    incidents,
    is_open,
    receipts,
    test_sends,
)
from store.schema.base import leases, metadata
from store.schema.duties import duties, duty_errors, trimmings
from store.schema.ledger import statements
from store.schema.register import absences, contact_methods, homes, leaves, organisations, people, relations
from store.schema.vendors import link_invitations, vendor_events
from store.schema.watching import (
    cursors,
    diaries,
    gateways,
    lapses,
    live_states,
    meters,
    notes,
    quarantine,
    rhythms,
    sensors,
)
