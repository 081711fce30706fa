"""A sample person with a sample idea, played against a running installation."""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import Any

from cli.client import Client, Refused
from cli.display import JobDisplay
from libs.process.lifecycle import Stopping

__all__ = ["play"]

Json = dict[str, Any]

IDEA = "I want an app where neighbours lend each other tools instead of buying them."

# What the person knows, by what it is asked about; each thing is said once.
ANSWERS = (
    (
        r"problem|pain|why|trouble",
        "Everybody buys a drill and uses it twice a year, and nobody knows who nearby has one.",
    ),
    (
        r"feature|function|able to",
        "Listing a tool with a photo, asking to borrow it for some days, a calendar, and a reminder to bring it back.",
    ),
    (
        r"audience|who|user|people|customer",
        "People in apartment buildings and on one street, from students to retired people.",
    ),
    (
        r"success|measure|metric|goal|know that",
        "If half of the households of a street lend or borrow at least once a month, and 95 percent comes back on time.",
    ),
    (r"", "It has to work on a phone, in German and English, without a fee."),
)
LAST_ANSWER = "That is all I know. Please sum it up and start."
PATIENCE_SECONDS = 600.0
END_STATES = {"done", "failed", "cancelled"}


async def play(url: str, stopping: Stopping) -> bool:
    """Register, create a job, talk, and show what happens until the job has ended; whether it ended `done`."""
    display = JobDisplay()
    email = f"demo-{secrets.token_hex(4)}@example.com"
    password = secrets.token_urlsafe(12)
    async with Client(url) as client:
        await client.register(email, password, "Demo")
        job = await client.create_job(IDEA)
        display.line(f"signed in as {email} with the password {password}")
        display.line(f"job {job['id']}")
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                status = await _follow(client, str(job["id"]), display)
        except TimeoutError:
            status = "still unfinished after ten minutes"
        except Refused as error:
            status = f"not to be followed any longer: {error}"
    display.rule(f"the job is {status}", "bold green" if status == "done" else "bold red")
    display.line("Next, in another terminal: ./jobstream register EMAIL, then ./jobstream simulate --rounds 100M")
    display.line(f"jobstream keeps serving at {url} (API: {url}/schema). Ctrl-C stops everything.", "bold")
    return status == "done"


async def _follow(client: Client, job_id: str, display: JobDisplay) -> str:
    """Show every frame, answer every question, and give the job's end state."""
    person = _Person()
    collecting = True
    shown_app = False
    with display:
        async for frame in (watch := client.watch(job_id)):
            display.show(frame)
            match frame.get("kind"):
                case "status":
                    status = str(frame.get("status"))
                    collecting = status == "collecting"
                    if status in END_STATES:
                        if status == "done" and not shown_app:
                            display.app((await client.app_of(job_id)).get("spec") or {})
                        return status
                case "app":
                    shown_app = True
                case "chat" if frame.get("role") == "agent" and collecting and not _is_summary(frame):
                    await watch.send(
                        {"kind": "chat", "content": person.answer(str(frame["content"])), "key": frame["id"]}
                    )
    raise Refused("the stream of frames ended")


class _Person:
    """Answers what it is asked about, as long as it has something new to say."""

    def __init__(self) -> None:
        self._left = list(ANSWERS)

    def answer(self, question: str) -> str:
        asked = question.rpartition("\n\n")[2] if "?" in question.rpartition("\n\n")[2] else question
        for entry in self._left:
            topic, answer = entry
            if re.search(rf"\b(?:{topic})" if topic else "", asked, re.IGNORECASE):
                self._left.remove(entry)
                return answer
        return LAST_ANSWER


def _is_summary(frame: Json) -> bool:
    return any(line.startswith("REQUIREMENTS_SUMMARY:") for line in str(frame.get("content")).splitlines())
