"""One suite for the accounts in memory and in Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from libs.process.clock import ManualClock
from libs.process.settings import Secret
from services.gateway.ports import Accounts, EmailTaken, RefreshRejected, User
from services.gateway.postgres import open_database
from services.gateway.postgres_accounts import PostgresAccounts
from tests.services.gateway.desk import SECRET
from tests.services.gateway.fakes import MemoryAccounts


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 21, 12, tzinfo=UTC))


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> Secret | None:
    return None if request.param == "memory" else Secret(request.getfixturevalue("database").url("gateway"))


@pytest.fixture
async def accounts(url: Secret | None, clock: ManualClock) -> AsyncIterator[Accounts]:
    if url is None:
        yield MemoryAccounts(clock)
        return
    async with open_database(url, connections_max=8) as database:
        yield PostgresAccounts(database, SECRET, clock)


@pytest.fixture
async def ada(accounts: Accounts) -> User:
    return await accounts.register(email="Ada@example.org", name="Ada", password_hash="hash")


async def rejected(accounts: Accounts, token: str) -> bool:
    with pytest.raises(RefreshRejected) as caught:
        await accounts.rotate(token)
    return caught.value.reused


async def test_a_user_is_found_by_the_email_in_any_case(accounts: Accounts, ada: User) -> None:
    found = await accounts.by_email("aDA@EXAMPLE.org")
    assert found is not None
    assert (found.user, found.password_hash) == (ada, "hash")
    assert ada.email == "Ada@example.org"


async def test_nobody_is_found_by_another_email(accounts: Accounts, ada: User) -> None:
    assert await accounts.by_email("eve@example.org") is None


async def test_an_email_is_taken_once(accounts: Accounts, ada: User) -> None:
    with pytest.raises(EmailTaken):
        await accounts.register(email="ada@EXAMPLE.org", name="Other", password_hash="hash")


async def test_a_race_for_an_email_has_one_winner(accounts: Accounts) -> None:
    racers = [accounts.register(email="bob@example.org", name=str(n), password_hash="h") for n in range(8)]
    results = await asyncio.gather(*racers, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["EmailTaken"] * 7 + ["User"]


async def test_a_password_hash_is_replaced(accounts: Accounts, ada: User) -> None:
    await accounts.set_password_hash(ada.id, "stronger")
    found = await accounts.by_email(ada.email)
    assert found is not None
    assert found.password_hash == "stronger"


async def test_a_refresh_token_gives_its_user_and_a_successor(accounts: Accounts, ada: User) -> None:
    token = await accounts.open_session(ada.id)
    user, successor = await accounts.rotate(token)
    assert user == ada
    assert successor != token
    assert (await accounts.rotate(successor)).user == ada


async def test_sessions_begin_with_tokens_of_their_own(accounts: Accounts, ada: User) -> None:
    assert len({await accounts.open_session(ada.id) for _ in range(5)}) == 5


async def test_a_race_for_a_successor_has_one_result(accounts: Accounts, ada: User) -> None:
    token = await accounts.open_session(ada.id)
    results = await asyncio.gather(*(accounts.rotate(token) for _ in range(16)))
    assert len({successor for _, successor in results}) == 1


async def test_the_same_successor_is_given_for_ten_seconds(accounts: Accounts, ada: User, clock: ManualClock) -> None:
    token = await accounts.open_session(ada.id)
    _, successor = await accounts.rotate(token)
    await accounts.rotate(successor)
    clock.advance(timedelta(seconds=10))
    assert (await accounts.rotate(token)).successor == successor


async def test_after_that_its_reuse_revokes_the_family(accounts: Accounts, ada: User, clock: ManualClock) -> None:
    token, other = await accounts.open_session(ada.id), await accounts.open_session(ada.id)
    _, successor = await accounts.rotate(token)
    clock.advance(timedelta(seconds=10, microseconds=1))
    assert await rejected(accounts, token) is True
    assert await rejected(accounts, successor) is False
    assert await rejected(accounts, token) is False
    assert (await accounts.rotate(other)).user == ada


async def test_a_race_of_thief_and_owner_leaves_nobody_signed_in(
    accounts: Accounts, ada: User, clock: ManualClock
) -> None:
    token = await accounts.open_session(ada.id)
    _, successor = await accounts.rotate(token)
    clock.advance(timedelta(seconds=11))
    await asyncio.gather(accounts.rotate(token), accounts.rotate(successor), return_exceptions=True)
    _, last = (await asyncio.gather(accounts.rotate(successor), return_exceptions=True))[0], successor
    assert await rejected(accounts, last) is False


@pytest.mark.parametrize("token", ["", "unknown", "\x00", "é"])
async def test_an_unknown_token_is_rejected(accounts: Accounts, ada: User, token: str) -> None:
    assert await rejected(accounts, token) is False


async def test_a_token_that_was_signed_out_is_rejected(accounts: Accounts, ada: User) -> None:
    token = await accounts.open_session(ada.id)
    _, successor = await accounts.rotate(token)
    await accounts.close_session(token)
    assert await rejected(accounts, successor) is False
    await accounts.close_session(token)
    await accounts.close_session("unknown")


async def test_a_token_expires_after_thirty_days_without_use(accounts: Accounts, ada: User, clock: ManualClock) -> None:
    used, unused = await accounts.open_session(ada.id), await accounts.open_session(ada.id)
    clock.advance(timedelta(days=29))
    _, used = await accounts.rotate(used)
    clock.advance(timedelta(days=1))
    assert await rejected(accounts, unused) is False
    assert (await accounts.rotate(used)).user == ada


async def test_attempts_are_counted_under_every_key(accounts: Accounts, clock: ManualClock) -> None:
    limits = {"account:a": 2, "address:b": 3}
    assert [await accounts.count_attempt(limits) for _ in range(2)] == [None, None]
    assert await accounts.count_attempt(limits) == pytest.approx(900)
    assert await accounts.count_attempt({"address:b": 3}) is not None
    assert await accounts.count_attempt({"account:c": 1}) is None
    clock.advance(timedelta(minutes=15))
    assert await accounts.count_attempt(limits) is None


async def test_attempts_at_once_are_all_counted(accounts: Accounts) -> None:
    results = await asyncio.gather(*(accounts.count_attempt({"account:a": 5, "address:b": 99}) for _ in range(20)))
    assert sum(result is None for result in results) == 5


async def test_a_success_forgives_what_was_counted_with_it_and_nothing_else(accounts: Accounts) -> None:
    limits = {"pair": 2, "address:b": 4}
    await accounts.count_attempt({"address:b": 4})
    for _ in range(2):
        await accounts.count_attempt(limits)
    await accounts.forgive("pair", within=("account:a", "address:b"))
    assert [await accounts.count_attempt(limits) for _ in range(2)] == [None, None]
    assert await accounts.count_attempt({"address:b": 4}) is None
    assert await accounts.count_attempt({"address:b": 4}) is not None


async def test_a_success_without_an_attempt_forgives_nobody(accounts: Accounts) -> None:
    await accounts.count_attempt({"address:b": 1})
    await accounts.forgive("pair", within=("address:b",))
    assert await accounts.count_attempt({"address:b": 1}) is not None


# -- Postgres alone ----------------------------------------------------------------------------------------------------


async def rows(database: Any, table: str) -> list[Any]:
    connection = await asyncpg.connect(database.url("admin"))
    try:
        return list(await connection.fetch(f"SELECT * FROM identity.{table}"))
    finally:
        await connection.close()


async def test_no_token_and_no_address_is_stored_as_it_is(database: Any, clock: ManualClock) -> None:
    async with open_database(Secret(database.url("gateway")), connections_max=2) as opened:
        accounts = PostgresAccounts(opened, SECRET, clock)
        ada = await accounts.register(email="ada@example.org", name="Ada", password_hash="h")
        token = await accounts.open_session(ada.id)
        _, successor = await accounts.rotate(token)
        await accounts.count_attempt({"address:192.0.2.7": 9})
    stored = repr([await rows(database, table) for table in ("refresh_tokens", "sessions", "attempts")])
    assert token not in stored
    assert successor not in stored
    assert "192.0.2.7" not in stored


async def test_what_expired_is_swept_out(database: Any, clock: ManualClock) -> None:
    async with open_database(Secret(database.url("gateway")), connections_max=2) as opened:
        accounts = PostgresAccounts(opened, SECRET, clock)
        ada = await accounts.register(email="ada@example.org", name="Ada", password_hash="h")
        for _ in range(3):
            await accounts.open_session(ada.id)
        kept = await accounts.open_session(ada.id)
        await accounts.count_attempt({"a": 1, "b": 1})
        clock.advance(timedelta(days=20))
        _, kept = await accounts.rotate(kept)
        clock.advance(timedelta(days=15))
        await accounts.open_session(ada.id)
        await accounts.count_attempt({"c": 1})
        await accounts.count_attempt({"c": 9})
        assert len(await rows(database, "sessions")) == 2
        assert len(await rows(database, "refresh_tokens")) == 2
        assert len(await rows(database, "attempts")) == 1
        assert (await accounts.rotate(kept)).user == ada


async def test_the_gateway_may_not_change_read_models_or_tables(database: Any) -> None:
    connection = await asyncpg.connect(database.url("gateway"))
    for statement in ("CREATE SCHEMA mine", "CREATE TABLE identity.more (id int)", "DROP TABLE identity.users"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


async def test_the_projector_may_not_read_identities(database: Any) -> None:
    connection = await asyncpg.connect(database.url("projector"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch("SELECT password_hash FROM identity.users")
    await connection.close()
