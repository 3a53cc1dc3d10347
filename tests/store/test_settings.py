"""One reader checks every table of the settings; these are its own tables."""

from dataclasses import field
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from store.duties import Duty
from store.settings import STRICT_KEYS, Count, Positive, SettingsError, Zone, read_settings


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
class Door:
    token_file: Path | None = None
    secret: str = ""
    width_cm: Annotated[int, Field(ge=60, le=120)] = 80

    def __post_init__(self) -> None:
        if bool(self.secret) != (self.token_file is not None):
            raise ValueError("secret and token_file: give both or neither")


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
class House:
    rooms: Count = 3
    height_m: Positive = 2.5
    is_warm: bool = True
    duties: tuple[Duty, ...] = tuple(Duty)
    zone: Zone = "Asia/Tokyo"
    door: Door = field(default_factory=Door)
    back_door: Door | None = None


def test_an_empty_table_gives_the_defaults():
    assert read_settings(House, {}) == House()


def test_values_are_taken_as_toml_gives_them_and_paths_start_at_the_folder(tmp_path):
    values = {
        "height_m": 3,
        "duties": ["engine"],
        "zone": "Europe/Vienna",
        "door": {"token_file": "token", "secret": "s"},
        "back_door": {"token_file": "/etc/token", "secret": "s"},
    }
    house = read_settings(House, values, folder=tmp_path)
    assert (house.rooms, house.height_m, house.duties, house.zone) == (3, 3.0, (Duty.ENGINE,), "Europe/Vienna")
    assert house.door.token_file == tmp_path / "token"
    assert house.back_door == Door(Path("/etc/token"), "s")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"room": 3}, "house.room is not a setting; did you mean 'rooms'?"),
        ({"door": {"secrte": "x"}}, "house.door.secrte is not a setting; did you mean 'secret'?"),
        ({"back_door": {"zzz": 1}}, "house.back_door.zzz is not a setting; known: secret, token_file, width_cm"),
        ({"door": 3}, "house.door must be a table, written [house.door], not a whole number"),
        ({"rooms": "3"}, "house.rooms must be a whole number, not a text"),
        ({"rooms": True}, "house.rooms must be a whole number, not true or false"),
        ({"rooms": 3.0}, "house.rooms must be a whole number, not a number"),
        ({"rooms": 0}, "house.rooms must be at least 1, not 0"),
        ({"rooms": None}, "house.rooms must be a whole number, not nothing"),
        ({"height_m": 0}, "house.height_m must be a number above 0, not 0"),
        ({"height_m": float("nan")}, "house.height_m must be a finite number, not a number"),
        ({"height_m": [1]}, "house.height_m must be a number, not a list"),
        ({"is_warm": 1}, "house.is_warm must be true or false, not a whole number"),
        ({"duties": "engine"}, "house.duties must be a list, not a text"),
        ({"duties": ["engin"]}, "house.duties: 'engin' is not known; did you mean 'engine'?"),
        ({"zone": "Asia/Tokio"}, "house.zone 'Asia/Tokio' is no IANA time zone; did you mean 'Asia/Tokyo'?"),
        ({"door": {"width_cm": 121}}, "house.door.width_cm must be at most 120, not 121"),
        ({"door": {"secret": "s"}}, "house.door.secret and token_file: give both or neither"),
        ({"door": {"token_file": 5}}, "house.door.token_file must be a text, not a whole number"),
    ],
)
def test_a_mistake_names_the_key_what_is_expected_and_the_kind_of_value(values, said):
    with pytest.raises(SettingsError) as caught:
        read_settings(House, values, "house")
    assert str(caught.value) == said


def test_every_mistake_is_told_at_once():
    with pytest.raises(SettingsError) as caught:
        read_settings(House, {"rooms": 0, "door": {"width_cm": "wide", "secrte": "x"}})
    assert str(caught.value).splitlines() == [
        "rooms must be at least 1, not 0",
        "door.width_cm must be a whole number, not a text",
        "door.secrte is not a setting; did you mean 'secret'?",
    ]


@pytest.mark.parametrize("values", [{"secret": "hunter2"}, {"secret": ["hunter2"]}, {"width_cm": "hunter2"}])
def test_what_was_written_is_not_repeated_nor_kept_in_the_error(values):
    with pytest.raises(SettingsError) as caught:
        read_settings(Door, values, "door")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
