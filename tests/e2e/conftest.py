"""One installation with two replicas of agents and runner for the whole session, and people who use it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.installation import Installation
from tests.e2e.model import Model, running_model
from tests.e2e.person import Person


@pytest.fixture(scope="session")
def model() -> Iterator[Model]:
    with running_model() as model:
        yield model


@pytest.fixture(scope="session")
def installation(server_folder: Path, model: Model) -> Iterator[Installation]:
    installation = Installation(server_folder / "e2e", model.url)
    installation.start()
    yield installation
    assert installation.stop() == 0


@pytest.fixture
async def somebody(installation: Installation) -> AsyncIterator[Callable[[], Awaitable[Person]]]:
    """Registers another person."""
    people: list[Person] = []

    async def register() -> Person:
        people.append(person := Person(installation.url))
        await person.register()
        return person

    yield register
    for person in people:
        await person.http.aclose()


@pytest.fixture
async def person(somebody: Callable[[], Awaitable[Person]]) -> Person:
    return await somebody()
