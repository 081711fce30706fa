"""The model server of benchmarks and chaos runs: answers at once, from the job's own words, and counts every call.

Each answer names the digest of what it answers (`[call <digest>]`), so that a stored reply or step can be held against the calls that
were made for it.
"""

from __future__ import annotations

import re

import click

from libs.llm.prompts import CEO, CLIENT_RELATIONS, CTO
from libs.llm.requirements import MARKER
from libs.llm.scripted import Reply, Script, ScriptedServer, digest_of, role_of, turn_of
from libs.llm.wire import Request

__all__ = ["answer"]

_TOKEN = re.compile(r"token-[0-9a-f]+")


def answer(request: Request) -> Reply:
    """One question, then a summary that names the job's token; executives who agree at once; short documents."""
    mark = f"[call {digest_of(request)}]"
    found = _TOKEN.search("\n".join(message.text() for message in request.messages))
    token = found[0] if found else "no token"
    match role_of(request):
        case role if role == CLIENT_RELATIONS and turn_of(request, role) == 0:
            return Reply(f"Who will use {token}, and what should it do for them? {mark}", {"finished": False})
        case role if role == CLIENT_RELATIONS:
            summary = f"## Problem\n- {token}\n\n## Features\n- serve {token}\n\n## Audience\n- everybody {mark}"
            form = request.response_format
            if form is not None and form.type == "json_schema":
                return Reply(f"Thank you. {mark}", {"finished": True, "summary": summary})
            return Reply(f"Thank you. {mark}\n\n{MARKER}\n{summary}")
        case role if role == CEO:
            return Reply(f"We build R1 for {token}. {mark}", {"agrees": True})
        case role if role == CTO:
            return Reply(f"One service does R1. {mark}\n\nVERDICT: agree", {"agrees": True})
        case _:
            return Reply(f"# {token}\n\nR1 is built. {mark}")


@click.command()
@click.option("--port", default=9100, show_default=True)
@click.option("--think", default=0.0, show_default=True, help="Seconds before each answer.")
@click.option("--token-delay", default=0.0, show_default=True, help="Seconds between streamed tokens.")
def main(port: int, think: float, token_delay: float) -> None:
    """Serve until interrupted; prints `ready URL` once it serves."""
    from libs.llm.standalone import serve_until_stopped

    script = Script(think_seconds=think, token_delay_seconds=token_delay)
    serve_until_stopped("model", ScriptedServer(script, respond=answer), "127.0.0.1", port)


if __name__ == "__main__":
    main()
