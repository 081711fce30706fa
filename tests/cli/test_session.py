from __future__ import annotations

from pathlib import Path

import pytest

from cli.session import session


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("JOBSTREAM_URL", raising=False)
    return tmp_path


async def sign_in(url: str) -> None:
    async with session(url) as client:
        client.access, client.refresh = "a", "r"


async def test_the_next_command_is_still_signed_in_at_the_same_place() -> None:
    await sign_in("http://one:1")
    async with session(None) as client:
        assert (client.url, client.access, client.refresh) == ("http://one:1", "a", "r")


async def test_tokens_are_not_carried_to_another_gateway() -> None:
    await sign_in("http://one:1")
    async with session("http://two:2") as client:
        assert (client.url, client.access) == ("http://two:2", None)


async def test_tokens_are_readable_by_their_owner_only(home: Path) -> None:
    await sign_in("http://one:1")
    assert (home / "jobstream" / "session.json").stat().st_mode & 0o777 == 0o600
