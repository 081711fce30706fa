from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from libs.process.settings import Secret, Settings, SettingsError, load, read_config


class Sample(Settings):
    nats_url: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8080
    debug: bool = False
    origins: list[str] = msgspec.field(default_factory=list)
    orchestrators: dict[str, str] = msgspec.field(default_factory=dict)
    jwt_secret: Secret | None = None
    lease_seconds: float = 10.0


def test_fields_are_read_from_upper_case_names_and_typed() -> None:
    found = load(
        Sample,
        {
            "NATS_URL": "nats://x",
            "PORT": "9",
            "DEBUG": "on",
            "ORIGINS": "a, b",
            "ORCHESTRATORS": "build=pkg.m:f,x=y:z",
            "JWT_SECRET": "s3",
            "LEASE_SECONDS": "2.5",
        },
    )
    assert found == Sample(
        nats_url="nats://x",
        port=9,
        debug=True,
        origins=["a", "b"],
        orchestrators={"build": "pkg.m:f", "x": "y:z"},
        jwt_secret=Secret("s3"),
        lease_seconds=2.5,
    )


def test_defaults_stand_where_nothing_or_an_empty_text_is_given() -> None:
    assert load(Sample, {"NATS_URL": "nats://x", "PORT": ""}) == Sample(nats_url="nats://x")


def test_all_mistakes_are_listed_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load(Sample, {"PORT": "eighty", "DEBUG": "maybe", "ORCHESTRATORS": "build"})
    assert caught.value.problems == [
        "NATS_URL is not set; expected text",
        "PORT is 'eighty'; expected a whole number",
        "DEBUG is 'maybe'; expected true or false",
        "ORCHESTRATORS is 'build'; expected name=value pairs separated by commas",
    ]


def test_a_value_out_of_range_is_explained() -> None:
    with pytest.raises(SettingsError, match=r"PORT is '70000'; expected `int` <= 65535"):
        load(Sample, {"NATS_URL": "x", "PORT": "70000"})


def test_a_secret_is_never_shown() -> None:
    secret = Secret("hush")
    assert "hush" not in f"{secret!r} {secret} {load(Sample, {'NATS_URL': 'x', 'JWT_SECRET': 'hush'})!r}"
    assert secret.reveal() == "hush"


def test_a_wrong_secret_is_named_without_its_value() -> None:
    class Strict(Settings):
        keys: list[Secret]
        pins: dict[str, Secret]

    with pytest.raises(SettingsError) as caught:
        load(Strict, {"KEYS": "a", "PINS": "hush"})
    assert "hush" not in str(caught.value)


def test_checks_between_fields_are_reported_too() -> None:
    class Pair(Settings):
        low: int = 1
        high: int = 2

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("LOW must not exceed HIGH")

    with pytest.raises(SettingsError, match="LOW must not exceed HIGH"):
        load(Pair, {"LOW": "3"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.env", "# a comment\nPORT=9\nexport ORIGINS='a,b'\nDEBUG=true\n"),
        ("x.toml", 'port = 9\norigins = ["a", "b"]\ndebug = true\n'),
        ("x.json", '{"PORT": 9, "ORIGINS": ["a", "b"], "DEBUG": true}'),
    ],
)
def test_a_configuration_file_reads_like_the_environment(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_config(tmp_path / name) == {"PORT": "9", "ORIGINS": "a,b", "DEBUG": "true"}


def test_a_malformed_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.env").write_text("PORT=1\nnonsense\n")
    with pytest.raises(SettingsError, match="line 2"):
        read_config(tmp_path / "x.env")


def test_a_missing_configuration_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_config(tmp_path / "none.env")
