"""`nats` and `postgres`: what a person's shell is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.__main__ import main
from infra.embedded.folder import DataFolder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder of an installation that was started once."""
    folder = DataFolder(tmp_path / "o'clock")
    with folder.locked():
        folder.note_server("nats", "nats://127.0.0.1:4222")
        folder.note_server("postgres", "postgresql://jobstream_operator@127.0.0.1:5433/jobstream")
        folder.secrets()
    return folder.path


def test_nats_is_told_as_its_operator(data: Path) -> None:
    told = CliRunner().invoke(main, ["nats", "--data", str(data)])
    password = DataFolder(data).secrets().nats["operator"]
    assert told.stdout.splitlines() == [
        "export NATS_URL=nats://127.0.0.1:4222",
        "export NATS_USER=operator",
        f"export NATS_PASSWORD={password}",
    ]


def test_postgres_is_told_as_its_operator(data: Path) -> None:
    told = CliRunner().invoke(main, ["postgres", "--data", str(data)])
    password = DataFolder(data).secrets().postgres["jobstream_operator"]
    assert told.stdout.splitlines() == [
        "export PGHOST=127.0.0.1",
        "export PGPORT=5433",
        "export PGDATABASE=jobstream",
        "export PGUSER=jobstream_operator",
        f"export PGPASSWORD={password}",
    ]


@pytest.mark.parametrize(("command", "title"), [("nats", "NATS"), ("postgres", "Postgres")])
def test_a_folder_without_the_server_is_explained(tmp_path: Path, command: str, title: str) -> None:
    told = CliRunner().invoke(main, [command, "--data", str(tmp_path)])
    assert (told.exit_code, told.stdout) == (1, "")
    assert (
        f"{tmp_path} has no embedded {title}; where `jobstream up` or `demo` serves from another folder" in told.stderr
    )
    assert "give its --data here too, else start one with `jobstream up --data" in told.stderr
