"""What a workflow is given: the job it works for, and everything durable it can do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, overload
from uuid import UUID

from libs.events.objects import digest
from libs.jobs.commands import StoreArtifact
from libs.workflow import maps, waits
from libs.workflow.children import Child, ChildJob, run_child, run_children
from libs.workflow.progress import report
from libs.workflow.retry import Retry
from libs.workflow.steps import run_step
from libs.workflow.streams import WINDOW, Results
from libs.workflow.values import Artifact
from libs.workflow.waits import Listener

if TYPE_CHECKING:
    from libs.jobs.state import Approval
    from libs.workflow.attempt import Attempt

__all__ = ["JobContext"]

T = TypeVar("T")

_RETRY = Retry()


class JobContext:
    """A running job, as its workflow sees it.

    The function may be run again from its top at any time, on any machine: what it awaits here returns what it returned
    before. Between those calls do only what gives the same every time; what reads a clock, a file, a network or chance
    belongs into a step. Steps side by side are plain asyncio: `asyncio.gather`, `asyncio.TaskGroup`. When nothing but
    waits is left the function is cancelled and its worker freed, and it is run again once a wait is over.
    """

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    @property
    def id(self) -> UUID:
        return self._attempt.stream.id

    @property
    def owner(self) -> UUID:
        return self._attempt.stream.owner

    @property
    def kind(self) -> str:
        return self._attempt.job.kind

    @property
    def prompt(self) -> str:
        """What the owner typed first."""
        return self._attempt.job.prompt

    @property
    def request(self) -> Any:
        """What kinds without a conversation are given: any JSON."""
        return self._attempt.job.request

    @property
    def requirements(self) -> str:
        """The summary that ended the conversation; the prompt where there was none."""
        summary = self._attempt.job.requirements_summary
        return self._attempt.job.prompt if summary is None else summary

    @property
    def approvals(self) -> tuple[str, ...]:
        """Where the owner wants to be asked before the job goes on."""
        return self._attempt.job.approvals

    @property
    def attempt(self) -> int:
        """Rises whenever a worker takes the job. For logs; a workflow must not depend on it."""
        return self._attempt.number

    @property
    def cancelled(self) -> bool:
        """Whether the owner called the job off: told apart in a `finally` from a wait or a restart."""
        return self._attempt.cancelled

    @overload
    async def step(
        self,
        name: str,
        fn: Callable[..., Awaitable[T]],
        /,
        *args: Any,
        agent: str | None = None,
        message: str | Callable[[T], str] | None = None,
        retry: Retry = ...,
        timeout_seconds: float | None = None,
        **kwargs: Any,
    ) -> T: ...

    @overload
    async def step(
        self,
        name: str,
        fn: Callable[..., T],
        /,
        *args: Any,
        agent: str | None = None,
        message: str | Callable[[T], str] | None = None,
        retry: Retry = ...,
        timeout_seconds: float | None = None,
        **kwargs: Any,
    ) -> T: ...

    async def step(
        self,
        name: str,
        fn: Callable[..., Any],
        /,
        *args: Any,
        agent: str | None = None,
        message: Any = None,
        retry: Retry = _RETRY,
        timeout_seconds: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run `fn(*args, **kwargs)` once and return its result, now and on every replay, as `fn`'s annotated return type.

        `agent` and `message` (or a function of the result) are what people read; by default the job's kind, and the
        result where it is text. A try that raises, or takes longer than `timeout_seconds`, is recorded and repeated as
        `retry` says; then `StepFailed` is raised. A plain function runs in a thread. A parameter annotated
        `StepContext` is filled in. A step may run again when its worker dies before its result is stored.
        """
        return await run_step(
            self._attempt,
            name,
            fn,
            args,
            kwargs,
            agent=agent or self.kind,
            message=message,
            retry=retry,
            timeout_seconds=timeout_seconds,
        )

    async def approval(self, name: str, summary: str) -> Approval:
        """Ask the owner, and return their yes (with its `comment`). A no fails the job; its retry asks again."""
        return await waits.approval(self._attempt, name, summary)

    @overload
    async def wait_for(self, name: str, *, timeout_seconds: float | None = None) -> Any: ...

    @overload
    async def wait_for(self, name: str, *, timeout_seconds: float | None = None, type: type[T]) -> T: ...

    async def wait_for(self, name: str, *, timeout_seconds: float | None = None, type: Any = Any) -> Any:  # noqa: A002
        """Wait for the signal of this name, and return its data as `type`. Raises `WaitTimedOut`.

        A signal sent before the workflow waits for it is refused, so that its sender learns of it."""
        return await waits.signal(self._attempt, name, timeout_seconds, type)

    @overload
    async def listen(self, name: str) -> Listener[Any]: ...

    @overload
    async def listen(self, name: str, *, type: type[T]) -> Listener[T]: ...

    async def listen(self, name: str, *, type: Any = Any) -> Listener[Any]:  # noqa: A002
        """Let the signal of this name come while the workflow works on: `.received` tells whether it did, `.data` is what it brought.

        A running workflow learns of it within a second. What is decided because of it must be stored, by leaving `results` or by a
        step: a run that begins anew knows of the signal from the start.
        """
        return await waits.listen(self._attempt, name, type)

    async def sleep(self, name: str, seconds: float | None = None, *, until: datetime | None = None) -> None:
        """Wait for a time: so many `seconds` from when this was first reached, or `until` a moment."""
        await waits.sleep(self._attempt, name, seconds, until)

    @overload
    async def map(self, name: str, fn: Callable[..., Awaitable[T]], items: Iterable[Any]) -> list[T]: ...

    @overload
    async def map(self, name: str, fn: Callable[..., T], items: Iterable[Any]) -> list[T]: ...

    async def map(self, name: str, fn: Callable[..., Any], items: Iterable[Any]) -> Any:
        """Call a function registered with `@shard` on every item, on all runners, and return the results in order.

        The items are JSON; `fn` gets each as the type it annotates, and a second parameter annotated `ShardContext` filled in.
        Raises `ShardFailed` where a shard's policy gives up. All results are held: for more than fit, there is `results`.
        """
        return await maps.run_map(self._attempt, name, fn, list(items))

    @overload
    def results(
        self, name: str, fn: Callable[..., Awaitable[T]], items: Sequence[Any], *, window: int = WINDOW
    ) -> Results[T]: ...

    @overload
    def results(self, name: str, fn: Callable[..., T], items: Sequence[Any], *, window: int = WINDOW) -> Results[T]: ...

    def results(self, name: str, fn: Callable[..., Any], items: Sequence[Any], *, window: int = WINDOW) -> Results[Any]:
        """As `map`, one result after another in the order of the items: `async for result in job.results(...)`.

        Each item is made (`items` may be lazy: `len` and `[n]` are used), offered, and its result forgotten in turn, `window` of them at
        a time, so that any number, up to 100,000, takes the same memory. Leaving the loop by `break`, `return` or `aclose()` ends the map
        with what was taken: runners drop the rest, and a run that begins anew is given the same results and no other. Where the workflow
        fails inside the loop, its retry takes the rest. Raises `ShardFailed` when it comes to a shard whose policy gave up.
        """
        return Results(self._attempt, name, fn, items, window)

    @overload
    async def child(
        self,
        name: str,
        *,
        kind: str,
        prompt: str = "",
        request: Any = None,
        approvals: Sequence[str] = (),
        check: bool = True,
    ) -> Child[Any]: ...

    @overload
    async def child(
        self,
        name: str,
        *,
        kind: str,
        prompt: str = "",
        request: Any = None,
        approvals: Sequence[str] = (),
        check: bool = True,
        type: type[T],
    ) -> Child[T]: ...

    async def child(
        self,
        name: str,
        *,
        kind: str,
        prompt: str = "",
        request: Any = None,
        approvals: Sequence[str] = (),
        check: bool = True,
        type: Any = Any,  # noqa: A002
    ) -> Child[Any]:
        """Have a job of this kind done for the same owner, and return it at its end, with its result as `type`.

        It is a job like any other, queued at once, and made once however often this is run again; meanwhile no worker is held. Where it
        fails or is called off, `ChildFailed` is raised, unless `check` is False. It is called off when this job ends first, and taken up
        again when this job is retried. For many at once, `children` is cheaper than `asyncio.gather`.
        """
        order = ChildJob(name=name, kind=kind, prompt=prompt, request=request, approvals=tuple(approvals))
        return await run_child(self._attempt, order, type, check)

    @overload
    async def children(
        self, jobs: Iterable[ChildJob], *, at_once: int = 16, check: bool = True, name: str = "children"
    ) -> list[Child[Any]]: ...

    @overload
    async def children(
        self, jobs: Iterable[ChildJob], *, at_once: int = 16, check: bool = True, name: str = "children", type: type[T]
    ) -> list[Child[T]]: ...

    async def children(
        self,
        jobs: Iterable[ChildJob],
        *,
        at_once: int = 16,
        check: bool = True,
        name: str = "children",
        type: Any = Any,  # noqa: A002
    ) -> list[Child[Any]]:
        """As `child`, for up to 1,000, at most `at_once` of them at a time, in the order given; their ends are reported as progress `name`.

        With `check`, the first that is not done ends it with `ChildFailed`.
        """
        return await run_children(self._attempt, tuple(jobs), type, at_once=at_once, check=check, name=name)

    async def progress(
        self, done: float, total: float | None = None, *, name: str = "progress", message: str = "", data: Any = None
    ) -> None:
        """Tell watchers how far the job is. Call it as often as you like: about a hundred reports of a name are stored, evenly spread, and

        where it takes long one every ten seconds, less often after some hundred of them, a thousand at most."""
        await self._attempt.begin()
        try:
            await report(self._attempt, name, done, total, message, data)
        finally:
            self._attempt.end()

    async def artifact(self, name: str, data: bytes | str, media_type: str = "application/octet-stream") -> Artifact:
        """Store a file of the job. Storing the same bytes under the same name again changes nothing."""
        content = data.encode() if isinstance(data, str) else data
        attempt = self._attempt
        await attempt.begin()
        try:
            stored = await attempt.insist(lambda: attempt.host.store_object(attempt.stream, content))
            checksum = digest(content)
            command = StoreArtifact(
                attempt=attempt.number,
                name=name,
                media_type=media_type,
                size=len(content),
                digest=checksum,
                object=stored,
            )
            if not any(each.name == name and each.digest == checksum for each in attempt.job.artifacts):
                await attempt.commit(command)
        finally:
            attempt.end()
        return Artifact(name, media_type, len(content), checksum)
