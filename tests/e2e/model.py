"""A scripted model in a thread of its own: what it says follows from words in the person's idea, so that tests share it."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from libs.llm.prompts import CEO, CLIENT_RELATIONS, CTO
from libs.llm.scripted import Fault, Reply, ScriptedServer, digest_of, role_of, turn_of
from libs.llm.wire import Request
from libs.process.serving import serving

__all__ = ["Model", "running_model"]

_IDEA = re.compile(r"idea-[0-9a-f]+(?:-[a-z]+)*")


class Model:
    """Each test's idea has a name, `idea-<hex>` and words: `-slow` is typed slowly, `-detailed` ends the talk at once.

    A role in `broken` of an idea answers 401; `calls` counts what was asked, by idea, role and what it was given to read.
    """

    def __init__(self) -> None:
        self.url = ""
        self.broken: set[tuple[str, str]] = set()
        self.calls: Counter[tuple[str, str, str]] = Counter()
        self.server = ScriptedServer(respond=self._respond)

    def repeated(self, idea: str) -> list[tuple[str, str, str]]:
        """What was asked more than once about this idea."""
        return [call for call, count in self.calls.items() if call[0] == idea and count > 1]

    def _respond(self, request: Request) -> Reply | Fault | None:
        role = role_of(request)
        found = _IDEA.search("\n".join(message.text() for message in request.messages))
        idea = found[0] if found else ""
        turn = turn_of(request, role)
        self.calls[idea, role, digest_of(request)] += 1
        if (idea, role) in self.broken:
            return Fault("unauthorized")
        delay = 0.02 if "-slow" in idea else 0.0
        if role == CLIENT_RELATIONS:
            if turn == 0 and "-detailed" not in idea:
                return Reply("Who will use it, and for what?", {"finished": False}, token_delay_seconds=delay)
            summary = f"## Problem\n- {idea}\n\n## Features\n- first of {idea}\n- second of {idea}"
            fields = {"finished": True, "summary": summary}
            return Reply("Thank you, that is all I need.", fields, token_delay_seconds=delay)
        if role in (CEO, CTO):
            text = f"On {idea}: we build R1 and R2 as they stand, one after the other, and measure.\n\nVERDICT: agree"
            return Reply(text, {"agrees": True}, token_delay_seconds=delay)
        return Reply(f"# {idea}\n\nR1 and R2 are built as discussed.", token_delay_seconds=delay)


@contextmanager
def running_model() -> Iterator[Model]:
    """The model, serving until the block ends."""
    model = Model()
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with serving(model.server, "127.0.0.1", 0, timeout_graceful_shutdown=1) as url:
            model.url = f"{url}/v1"
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(10)
    yield model
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()
