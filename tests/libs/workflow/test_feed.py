"""How fast shards are offered: what one map has in the queue goes before the shards of every other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from libs.workflow.maps import Feed


class Queue:
    """Stands in for a map's coordinator: runners take nothing until told to."""

    def __init__(self) -> None:
        self.in_queue = 0
        self.offers: list[int] = []

    async def waiting(self) -> int:
        return self.in_queue

    async def offer(self, numbers: Iterable[int]) -> None:
        self.offers.append(len(list(numbers)))
        self.in_queue += self.offers[-1]


@pytest.fixture
def queue() -> Queue:
    return Queue()


def feed_of(queue: Any) -> Feed:
    return Feed(queue)


async def test_a_few_are_offered_at_first(queue: Queue) -> None:
    feed = feed_of(queue)
    await feed(outstanding=0, limit=1000)
    assert queue.offers == [4]


async def test_nothing_more_is_offered_while_enough_wait(queue: Queue) -> None:
    feed = feed_of(queue)
    await feed(outstanding=0, limit=1000)
    await feed(outstanding=4, limit=1000)
    assert queue.offers == [4]


async def test_the_next_are_offered_when_few_are_left(queue: Queue) -> None:
    feed = feed_of(queue)
    await feed(outstanding=0, limit=1000)
    queue.in_queue = 1
    await feed(outstanding=3, limit=1000)
    assert sum(queue.offers) > 4


async def test_more_are_offered_at_a_time_whenever_the_queue_was_emptied(queue: Queue) -> None:
    feed = feed_of(queue)
    for _ in range(4):
        queue.in_queue = 0
        await feed(outstanding=feed.offered, limit=1000)
    assert queue.offers[1] < queue.offers[2] < queue.offers[3]


async def test_behind_a_full_queue_a_map_still_has_something_in_it(queue: Queue) -> None:
    queue.in_queue = 500  # of other jobs
    feed = feed_of(queue)
    await feed(outstanding=0, limit=1000)
    assert queue.offers == [4]


async def test_never_more_than_there_are(queue: Queue) -> None:
    feed = feed_of(queue)
    await feed(outstanding=0, limit=3)
    assert queue.offers == [3]
    await feed(outstanding=0, limit=3)
    assert queue.offers == [3]
