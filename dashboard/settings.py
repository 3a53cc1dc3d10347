"""What can be set about the pages, checked at start."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from contracts.health import PROOF_VALID_S
from store.settings import STRICT_KEYS, Count, Port, Positive, Zone
from store.trimming import KEEP_DAYS


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
class DashboardSettings:
    """How the pages behave.

    Attributes:
        host: where the pages listen: this machine alone, until there are staff accounts.
        port: where they listen, and where responders' links lead.
        zone: IANA zone of the header's clock and of lists over several homes. A home's own times use its own zone.
        proven_within_s: a home is proven alive while its last proof is not older than this, in seconds.
        poll_s: how often the shared watcher looks for changes, real seconds.
        calm_s: changes that concern no incident (a sign of life, a heartbeat) refresh the pages at most this often.
        refresh_s: polling interval of the pages when the live connection is not there, real seconds.
        behind_s: an alert timer overdue by more than this is shown as "the watching is behind", seconds.
        usual_days: how many days before today the usual day is made of.
        lapse_days: how many days of lapses and notes the person's page lists.
        phones: folder of the ``outbox`` channel; with it ``/phones`` shows what each phone would show. None: no page.
    """

    host: str = "127.0.0.1"
    port: Port = 8800
    zone: Zone = "Asia/Tokyo"
    proven_within_s: Positive = PROOF_VALID_S
    poll_s: Positive = 1.0
    calm_s: Positive = 5.0
    refresh_s: Positive = 30.0
    behind_s: Positive = 120.0
    usual_days: Annotated[int, Field(ge=1, le=KEEP_DAYS)] = 28
    lapse_days: Count = 28
    phones: Path | None = None

    @property
    def base_url(self) -> str:
        """What links begin with."""
        return f"http://{self.host}:{self.port}"
