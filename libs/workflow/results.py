"""What a function takes and gives back: its return type decides how a result is stored and read, the first time and on every replay alike."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from libs.workflow.errors import Misuse, ResultUnreadable, ResultUnstorable

__all__ = ["Signature", "described", "encode", "signature_of"]


class Signature:
    """How to call a function and how to read what it returned."""

    __slots__ = ("context_parameter", "decoder", "is_async", "returns")

    def __init__(self, returns: Any, context_parameter: str | None, is_async: bool) -> None:
        self.returns = returns
        self.context_parameter = context_parameter
        self.is_async = is_async
        self.decoder = _decoder(returns)

    def store(self, what: str, value: object) -> tuple[bytes, Any]:
        """The value as JSON, and as a replay will read it. Raises `ResultUnstorable`."""
        data = encode(what, value)
        try:
            return data, self.decoder.decode(data)
        except msgspec.DecodeError as error:
            raise ResultUnstorable(f"{what} returned what is no {described(self.returns)}: {error}") from None

    def read(self, what: str, data: bytes | msgspec.Raw) -> Any:
        """A stored result. Raises `ResultUnreadable`."""
        try:
            return self.decoder.decode(data)
        except msgspec.DecodeError as error:
            message = f"the stored result of {what} is no {described(self.returns)} any more: {error}"
            raise ResultUnreadable(message) from None


def encode(what: str, value: object) -> bytes:
    """Any value as JSON. Raises `ResultUnstorable` where it has no such form."""
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise ResultUnstorable(f"{what} returned what JSON cannot hold: {error}") from None


def described(kind: Any) -> str:
    return getattr(kind, "__qualname__", None) or str(kind)


_known: WeakKeyDictionary[Any, dict[type, Signature]] = WeakKeyDictionary()


def signature_of(fn: Callable[..., Any], context_type: type) -> Signature:
    """The signature of a function, a method, a partial or a callable object, with its parameter of the `context_type`, if any.

    Raises `Misuse` where its annotations cannot be read."""
    bare: Any = fn
    while isinstance(bare, functools.partial):
        bare = bare.func
    bare = getattr(bare, "__func__", bare)  # of a bound method
    try:
        known = _known.get(bare)
    except TypeError:  # not hashable, or not weakly
        return _inspect(bare, context_type)
    signature = None if known is None else known.get(context_type)
    if signature is None:
        signature = _inspect(bare, context_type)
        with suppress(TypeError):
            _known.setdefault(bare, {})[context_type] = signature
    return signature


def _inspect(fn: Any, context_type: type) -> Signature:
    if not callable(fn):
        raise Misuse(f"a function is needed, not {type(fn).__name__}: give its arguments after it")
    target = fn if inspect.isroutine(fn) or inspect.isclass(fn) else type(fn).__call__
    is_async = inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(target)
    if not getattr(target, "__annotations__", None):
        return Signature(Any, None, is_async)
    try:
        hints = typing.get_type_hints(target, include_extras=True)
    except NameError as error:
        message = f"the annotations of {described(fn)} cannot be read ({error}); define its types in the module itself"
        raise Misuse(message) from None
    returns = hints.pop("return", Any)
    if typing.get_origin(returns) in (Awaitable, typing.Coroutine) or returns is typing.NoReturn:
        returns = Any
    parameter = next((name for name, hint in hints.items() if hint is context_type), None)
    return Signature(returns, parameter, is_async)


@functools.lru_cache(maxsize=1024)
def _cached_decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    try:
        return _cached_decoder(kind)
    except TypeError as error:
        raise Misuse(f"{described(kind)} cannot be the type of a stored result: {error}") from None
