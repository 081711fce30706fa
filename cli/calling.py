"""How a command calls the gateway: one session, a refusal as plain sentences, an interruption as an exit status."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import click

from cli.client import Client, Refused
from cli.session import session

__all__ = ["END_STATES", "INTERRUPTED", "call", "job_argument", "told", "url_option"]

END_STATES = {"done", "failed", "cancelled"}
INTERRUPTED = 130
SIGNED_OUT = ("token_missing", "refresh_invalid")

T = TypeVar("T")


def _job_id(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """An id as `jobstream jobs` lists them; anything else might mean another address of the gateway."""
    try:
        return str(UUID(value))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not the id of a job: `jobstream jobs` lists yours.") from None


job_argument = click.argument("job_id", callback=_job_id)
url_option = click.option("--url", help="The gateway; default: JOBSTREAM_URL, else the last one signed in to.")


def call(
    url: str | None, work: Callable[[Client], Awaitable[T]], *, interrupted: Callable[[], None] | None = None
) -> T:
    """Run one command against the gateway and give what it returns. Exits with status 1 after a refusal, with 130 after
    Ctrl-C, when `interrupted` has told the person what goes on without them."""

    async def main() -> T:
        async with session(url) as client:
            return await work(client)

    try:
        return asyncio.run(main())
    except Refused as error:
        click.echo(told(error), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        if interrupted is not None:
            interrupted()
        sys.exit(INTERRUPTED)


def told(error: Refused) -> str:
    """A refusal for people: its sentence, and a line with the place for every mistake in what was sent."""
    if error.code in SIGNED_OUT:
        return "You are not signed in: use `jobstream login`."
    if not any(pointer for pointer, _ in error.faults):
        return str(error)
    # What follows are the places, so nobody need be told which member of the answer holds them.
    summary = re.sub(r"; `errors` names [^.]*\.$", ":", error.detail)
    lines = [] if all(detail == error.detail for _, detail in error.faults) else [summary]
    return "\n".join(lines + [f"{pointer or '(the whole)'}: {detail}" for pointer, detail in error.faults])
