"""What a fleet of simulated homes needs to know, as a JSON file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from simulators.town.scenario import Plot, ScenarioError, scenario_from_json, scenario_to_json


class FleetError(RuntimeError):
    """The fleet cannot do what was asked; the message says what and what to do."""


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """A fleet.

    Attributes:
        seed, homes, hub: draw the town, as in `simulators.town.neighbourhood.draw_neighbourhood`.
        broker_url: ``mqtt://host:port`` of an MQTT 5 broker.
        folder: where the homes' outboxes lie; it must exist.
        scenario: what goes wrong, plots by home id.
        ack_timeout_s: how long `advance` waits for the backend's acks, s of real time.
    """

    seed: int
    homes: int
    broker_url: str
    folder: Path
    hub: bool = True
    scenario: Mapping[str, Sequence[Plot]] = field(default_factory=dict)
    ack_timeout_s: float = 30.0

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        values: dict[str, Any] = {name.name: getattr(self, name.name) for name in fields(self)}
        values |= {"folder": str(self.folder), "scenario": scenario_to_json(self.scenario)}
        path.write_text(json.dumps(values, indent=1), encoding="utf-8")


def load_config(path: Path) -> FleetConfig:
    """Read what `FleetConfig.save` wrote.

    Raises:
        FleetError: the file cannot be read or does not hold a fleet; names the file and the field.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        known = {name.name for name in fields(FleetConfig)}
        if unknown := sorted(set(values) - known):
            raise FleetError(f"{path}: '{unknown[0]}' is not known; known: {', '.join(sorted(known))}")
        scenario = scenario_from_json(values.pop("scenario", {}))
        return FleetConfig(**{**values, "folder": Path(values["folder"]), "scenario": scenario})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        remedy = "write it with FleetConfig.save"
        detail = str(error) if isinstance(error, ScenarioError | OSError) else type(error).__name__
        raise FleetError(f"{path}: does not hold a fleet ({detail}); {remedy}") from None
