"""Which function does which kind of job, and which functions `map` may call on other machines."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from libs.events import subjects
from libs.workflow.errors import InvalidName, UnknownShard, UnknownWorkflow
from libs.workflow.retry import Retry

if TYPE_CHECKING:
    from libs.workflow.context import JobContext

__all__ = ["Shard", "WorkflowFunction", "Workflows", "shard", "shard_named", "shard_of", "workflow"]

WorkflowFunction = Callable[["JobContext"], Awaitable[Any]]
W = TypeVar("W", bound=WorkflowFunction)
F = TypeVar("F", bound=Callable[..., Any])

_workflows: dict[str, WorkflowFunction] = {}
_shards: dict[str, Shard] = {}


@dataclass(frozen=True, slots=True)
class Shard:
    """A function that `map` may call. A plain function runs in a thread, so that computing never holds up heartbeats."""

    name: str
    fn: Callable[..., Any]
    retry: Retry = field(default_factory=Retry)
    timeout_seconds: float | None = None


def workflow(kind: str) -> Callable[[W], W]:
    """Register an async function of a `JobContext` as what does jobs of this kind. It returns an `App`, or any JSON value."""
    _check_name(kind)

    def register(fn: W) -> W:
        _check_workflow(fn, kind)
        _unique(_workflows.get(kind), fn, f"the workflow {kind!r}")
        _workflows[kind] = fn
        return fn

    return register


def shard(name: str, *, retry: Retry | None = None, timeout_seconds: float | None = None) -> Callable[[F], F]:
    """Register a function of one item, in a module that every runner imports. Its result must be JSON of its return type.

    It may run twice where a worker dies; the first stored result counts. A plain (not async) function runs in a thread:
    let it release the interpreter's lock (numba, numpy) where it computes for long.
    """
    _check_name(name)

    def register(fn: F) -> F:
        known = _shards.get(name)
        _unique(known.fn if known else None, fn, f"the shard {name!r}")
        _shards[name] = Shard(name, fn, retry or Retry(), timeout_seconds)
        return fn

    return register


def shard_of(fn: Callable[..., Any]) -> Shard:
    """The registration of a function. Raises `UnknownShard`."""
    for known in _shards.values():
        if known.fn is fn:
            return known
    name = getattr(fn, "__qualname__", repr(fn))
    raise UnknownShard(
        f'{name} is not registered: put @shard("a-name") above it, in a module that every runner imports'
    )


def shard_named(name: str) -> Shard | None:
    """The shard registered under this name in this process, if any."""
    return _shards.get(name)


class Workflows:
    """What does which kind of job here: what the configuration names, what imported modules have registered, what is built in."""

    def __init__(
        self,
        orchestrators: Mapping[str, str] | None = None,
        built_in: Mapping[str, WorkflowFunction] | None = None,
    ) -> None:
        """`orchestrators` maps kinds to `package.module:callable`. Raises `UnknownWorkflow` for what cannot be imported."""
        self._chosen = {kind: _imported(kind, path) for kind, path in (orchestrators or {}).items()}
        self._built_in = dict(built_in or {})

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(sorted({*self._chosen, *_workflows, *self._built_in}))

    def get(self, kind: str) -> WorkflowFunction | None:
        return self._chosen.get(kind) or _workflows.get(kind) or self._built_in.get(kind)


def _imported(kind: str, path: str) -> WorkflowFunction:
    module_name, colon, name = path.partition(":")
    if not colon or not name:
        raise UnknownWorkflow(f"ORCHESTRATORS: {kind}={path}: expected package.module:callable")
    try:
        found: Any = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise UnknownWorkflow(f"ORCHESTRATORS: {kind}={path}: {error}") from error
    _check_workflow(found, kind)
    chosen: WorkflowFunction = found
    return chosen


def _check_workflow(fn: Any, kind: str) -> None:
    target = fn if inspect.isroutine(fn) else getattr(fn, "__call__", None)  # noqa: B004
    if not inspect.iscoroutinefunction(target):
        raise UnknownWorkflow(f"what does {kind!r} jobs must be an async function of a JobContext, not {fn!r}")


def _check_name(name: str) -> None:
    if not subjects.is_name(name):
        raise InvalidName(f"{name!r} is no name: lower-case letters, digits, '_' and '-', at most 128")


def _unique(known: object, fn: object, what: str) -> None:
    # The same function again is a module imported twice (as __main__, or reloaded), not a clash.
    if known is not None and getattr(known, "__qualname__", known) != getattr(fn, "__qualname__", fn):
        raise InvalidName(f"{what} is registered already, by {known!r}")
