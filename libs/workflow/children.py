"""Children: whole jobs of the same owner that a workflow has done for it, and waits for without holding a worker.

The parent's log names a child before it exists, and its id follows from the name: it is made exactly once, whatever crashes.
Fault points: `child.before_create` (the parent's log names it, it does not exist), `child.after_create`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar
from uuid import UUID, uuid5

import msgspec

from libs.events.subjects import StreamId
from libs.jobs.children import child_id
from libs.jobs.commands import CreateChild, EndChild, RetryJob, StartChild
from libs.jobs.decide import decide
from libs.jobs.events import Failure, JobEvent
from libs.jobs.state import Job, Status
from libs.process import faults
from libs.workflow import progress
from libs.workflow.errors import ChildFailed, Misuse, NotDeterministic, ResultUnreadable
from libs.workflow.results import described
from libs.workflow.steps import current_step

if TYPE_CHECKING:
    from libs.jobs.state import Child as Known
    from libs.workflow.attempt import Attempt

__all__ = ["Child", "ChildJob", "run_child", "run_children", "the_end_of"]

T_co = TypeVar("T_co", covariant=True)

_CHILDREN_MAX = 1_000
_READ_AT_ONCE = 16
_SAID: dict[Status, Literal["done", "failed", "cancelled"]] = {
    Status.DONE: "done",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildJob:
    """A job to be done: `name` is its name within the parent, the rest is what anybody who creates a job says."""

    name: str
    kind: str
    prompt: str = ""
    request: Any = None
    approvals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Child(Generic[T_co]):
    """A child that came to its end. `result` is what its workflow returned (of an `App`, the spec), None unless it is done."""

    id: UUID
    name: str
    status: Status
    result: T_co | None = None
    error: Failure | None = None


async def run_child(attempt: Attempt, order: ChildJob, type_: Any, check: bool) -> Child[Any]:
    """The child's end. Raises `ChildFailed` where it is not done and `check`."""
    _claim(attempt, order)
    while _open(attempt, order):
        await attempt.begin()
        try:
            await _have(attempt, order)
        finally:
            attempt.end()
        await attempt.wait(_wait(order))
    await attempt.begin()
    try:
        return await _ended(attempt, order, type_, check)
    finally:
        attempt.end()


async def run_children(
    attempt: Attempt, orders: Sequence[ChildJob], type_: Any, *, at_once: int, check: bool, name: str
) -> list[Child[Any]]:
    """The children's ends in the order given. Raises `ChildFailed` as soon as one is not done and `check`."""
    if at_once < 1 or len(orders) > _CHILDREN_MAX:
        raise Misuse(f"{len(orders)} children, {at_once} at once: at most {_CHILDREN_MAX}, and at least one at once")
    for order in orders:
        _claim(attempt, order)
    had: set[str] = set()
    while still := [order for order in orders if _open(attempt, order)]:
        await attempt.begin()
        try:
            if check:
                _check(attempt, orders)
            started = [order for order in still if _started(attempt, order)]
            fresh = [order for order in still if not _started(attempt, order)][: max(0, at_once - len(started))]
            for order in (*started, *fresh):
                # Looked after once an attempt, since a crash may have come between note and child.
                if order.name not in had or not _started(attempt, order):
                    await _have(attempt, order)
                    had.add(order.name)
            over = sum(not _open(attempt, order) for order in orders)
            await progress.report(attempt, name, over, len(orders), "", None)
        finally:
            attempt.end()
        await attempt.wait(*map(_wait, (*started, *fresh)))
    await attempt.begin()
    try:
        if check:
            _check(attempt, orders)
        await progress.report(attempt, name, len(orders), len(orders), "", None)
        found: list[Child[Any]] = []
        for start in range(0, len(orders), _READ_AT_ONCE):
            some = orders[start : start + _READ_AT_ONCE]
            found += await asyncio.gather(*(_ended(attempt, order, type_, check) for order in some))
        return found
    finally:
        attempt.end()


def the_end_of(child: Job) -> EndChild:
    """What the parent of a job that has ended is told."""
    assert child.status.ended
    return EndChild(child_id=child.stream.id, status=_SAID[child.status], round=child.retries, error=child.error)


def _claim(attempt: Attempt, order: ChildJob) -> None:
    if current_step() is not None:
        raise Misuse(f"the child {order.name!r} is inside a step; start it in the workflow itself")
    attempt.claim("child", order.name)
    known = attempt.job.children.get(order.name)
    if known is not None and known.kind != order.kind:
        raise NotDeterministic(f"the child {order.name!r} was a {known.kind!r} job and is now a {order.kind!r} job")


def _wait(order: ChildJob) -> str:
    return f"child/{order.name}"


def _started(attempt: Attempt, order: ChildJob) -> bool:
    known = attempt.job.children.get(order.name)
    return known is not None and not known.again


def _open(attempt: Attempt, order: ChildJob) -> bool:
    """Whether its end is still to come."""
    known = attempt.job.children.get(order.name)
    return known is None or known.again or known.status is None


def _check(attempt: Attempt, orders: Sequence[ChildJob]) -> None:
    for order in orders:
        if not _open(attempt, order) and (known := attempt.job.children[order.name]).status is not Status.DONE:
            raise _failed(order, known)


def _failed(order: ChildJob, known: Known) -> ChildFailed:
    assert known.status is not None
    return ChildFailed(order.name, known.id, known.status.value, known.error)


async def _have(attempt: Attempt, order: ChildJob) -> None:
    """Have the log know of the child, and have the child itself, in the round that the log says; note its end where it has come."""
    stream = StreamId(attempt.stream.owner, child_id(attempt.stream.id, order.name))
    if not _started(attempt, order):
        round_ = await attempt.insist(lambda: _next_round(attempt, stream))
        command = StartChild(attempt=attempt.number, name=order.name, child_id=stream.id, kind=order.kind, round=round_)
        await attempt.commit(command)
        await faults.reach("child.before_create")
    known = attempt.job.children[order.name]
    create = CreateChild(
        parent=attempt.stream.id,
        kind=order.kind,
        prompt=order.prompt,
        request=order.request,
        approvals=order.approvals,
    )

    def make(child: Job | None) -> Sequence[JobEvent]:
        if child is None:
            return decide(None, create)
        if child.status in (Status.FAILED, Status.CANCELLED) and child.retries < known.round:
            return decide(child, RetryJob(), command_id=uuid5(stream.id, f"retry-{known.round}"))
        return []

    made = await attempt.insist(lambda: attempt.jobs.transact(stream, make, cause=attempt.cause))
    await faults.reach("child.after_create")
    child = made.state
    assert child is not None
    if child.status.ended:
        await attempt.commit(the_end_of(child))


async def _next_round(attempt: Attempt, stream: StreamId) -> int:
    """Which end to wait for: that of a retry, where the child has failed or was called off, unless its owner has retried it already."""
    child, _ = await attempt.jobs.load(stream)
    if child is None:
        return 0
    return child.retries + (child.status in (Status.FAILED, Status.CANCELLED))


async def _ended(attempt: Attempt, order: ChildJob, type_: Any, check: bool) -> Child[Any]:
    known = attempt.job.children[order.name]
    assert known.status is not None
    if known.status is not Status.DONE:
        if check:
            raise _failed(order, known)
        return Child(id=known.id, name=order.name, status=known.status, error=known.error)
    stream = StreamId(attempt.stream.owner, known.id)
    child, _ = await attempt.insist(lambda: attempt.jobs.load(stream))
    attempt.jobs.forget(stream)  # its result may be large
    if child is None:
        raise ResultUnreadable(f"the child {order.name!r} was erased")
    data = msgspec.json.encode(child.app.spec) if child.app is not None else child.result
    try:
        result = msgspec.json.decode(data, type=type_)
    except msgspec.DecodeError as error:
        raise ResultUnreadable(f"the result of the child {order.name!r} is no {described(type_)}: {error}") from None
    return Child(id=known.id, name=order.name, status=known.status, result=result)
