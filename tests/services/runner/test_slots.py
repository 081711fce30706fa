from __future__ import annotations

from contextlib import ExitStack

import pytest

from libs.process.clock import new_id
from services.runner.slots import Slots


@pytest.fixture
def stack() -> ExitStack:
    return ExitStack()


@pytest.mark.parametrize(("total", "alone"), [(1, 1), (2, 2), (5, 4), (50, 40), (1000, 800)])
def test_one_user_alone_takes_four_fifths_of_the_slots(stack: ExitStack, total: int, alone: int) -> None:
    slots, owner = Slots(total), new_id()
    for _ in range(total):
        if slots.has_room_for(owner):
            stack.enter_context(slots.taking(owner))
    assert slots.taken_by(owner) == alone


def test_whoever_has_no_job_gets_the_last_slot(stack: ExitStack) -> None:
    slots = Slots(2)
    stack.enter_context(slots.taking(new_id()))
    assert slots.has_room_for(new_id())


def test_nobody_gets_more_slots_than_there_are(stack: ExitStack) -> None:
    slots = Slots(1)
    stack.enter_context(slots.taking(new_id()))
    assert not slots.has_room_for(new_id())


def test_many_users_take_turns_for_what_is_left(stack: ExitStack) -> None:
    slots = Slots(50)
    taken = []
    for owner in (new_id(), new_id()):
        while slots.has_room_for(owner):
            stack.enter_context(slots.taking(owner))
        taken.append(slots.taken_by(owner))
    assert taken == [40, 8]


def test_a_slot_given_back_can_be_taken_again() -> None:
    slots, owner = Slots(1), new_id()
    with slots.taking(owner):
        assert not slots.has_room_for(owner)
    assert slots.has_room_for(owner)
    assert (slots.free, slots.taken_by(owner)) == (1, 0)
