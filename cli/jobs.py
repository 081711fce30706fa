"""Working with jobs as a person does: sign in, create, talk, watch, act."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from cli.calling import END_STATES, call, job_argument, url_option
from cli.client import Client, Refused
from cli.display import JobDisplay
from cli.outcomes import show_outcome
from cli.progress import estimated_of
from libs.jobs.state import Status

__all__ = ["approve", "cancel", "jobs", "login", "new", "register", "reject", "retry", "say", "show", "watch"]


@click.command()
@click.argument("email")
@click.option("--name", default="", help="How to call you.")
@click.password_option()
@url_option
def register(email: str, name: str, password: str, url: str | None) -> None:
    """Make a user and sign in."""

    async def work(client: Client) -> None:
        await client.register(email, password, name)
        click.echo(f"signed in as {email} at {client.url}")

    call(url, work)


@click.command()
@click.argument("email")
@click.option("--password", prompt=True, hide_input=True)
@url_option
def login(email: str, password: str, url: str | None) -> None:
    """Sign in."""

    async def work(client: Client) -> None:
        await client.login(email, password)
        click.echo(f"signed in as {email} at {client.url}")

    call(url, work)


@click.command()
@click.argument("idea")
@click.option(
    "--approval",
    "approvals",
    multiple=True,
    help="Stop for your approval: `build` before the discussion, `plan` after it.",
)
@click.option("--watch/--no-watch", "watching", default=True, help="Show what happens, and answer when asked.")
@url_option
def new(idea: str, approvals: tuple[str, ...], watching: bool, url: str | None) -> None:
    """Create a build job from an IDEA and talk it into shape."""

    async def work(client: Client) -> None:
        job = await client.create_job(idea, approvals=list(approvals))
        click.echo(job["id"])
        if watching:
            await _talk(client, job["id"], 0)

    call(url, work)


@click.command()
@click.option(
    "--status", type=click.Choice([each.value for each in Status]), default=None, help="Only jobs in this status."
)
@url_option
def jobs(status: str | None, url: str | None) -> None:
    """List your jobs, the newest first."""

    async def work(client: Client) -> None:
        for job in await client.jobs(status=status or ""):
            prompt = " ".join(str(job.get("initial_prompt") or job.get("prompt") or "").split())
            click.echo(f"{job['id']}  {job['status']:<17} {prompt[:70]}")

    call(url, work)


@click.command()
@job_argument
@url_option
def show(job_id: str, url: str | None) -> None:
    """Show a job: its talk, its steps and its App."""

    async def work(client: Client) -> None:
        job = await client.job(job_id)
        with JobDisplay() as display:
            for message in job.get("messages") or []:
                display.show({"kind": "chat"} | message)
            for step in job.get("steps") or []:
                display.show({"kind": "step", "agent": step.get("agent_name")} | step)
            display.show({"kind": "status", "status": job["status"], "message": job.get("error_message") or ""})
        if job["status"] == "done":
            await show_outcome(client, job, display)

    call(url, work)


@click.command()
@job_argument
@click.option("--after", type=click.IntRange(0), default=0, help="Only what came after this version.")
@url_option
def watch(job_id: str, after: int, url: str | None) -> None:
    """Show a job live until it has ended; type to answer."""

    async def work(client: Client) -> None:
        job = await client.job(job_id)
        await _talk(client, job_id, after, kind=str(job.get("kind")))

    call(url, work)


@click.command()
@job_argument
@click.argument("content")
@url_option
def say(job_id: str, content: str, url: str | None) -> None:
    """Send a chat message to a job."""

    async def work(client: Client) -> None:
        await client.say(job_id, content)

    call(url, work)


@click.command()
@job_argument
@click.option("--reason", default="")
@url_option
def cancel(job_id: str, reason: str, url: str | None) -> None:
    """Cancel a job."""
    _act(url, job_id, "cancel", {"reason": reason} if reason else {})


@click.command()
@job_argument
@url_option
def retry(job_id: str, url: str | None) -> None:
    """Take a failed or cancelled job up where it stopped."""
    _act(url, job_id, "retry", {})


def _act(url: str | None, job_id: str, action: str, body: dict[str, Any]) -> None:
    async def work(client: Client) -> None:
        answer = await client.act(job_id, action, body)
        click.echo(f"{action}: accepted at version {answer.get('version')}")

    call(url, work)


def _decision(name: str, explanation: str) -> click.Command:
    def run(job_id: str, approval: str, approval_version: int | None, comment: str, url: str | None) -> None:
        async def work(client: Client) -> None:
            version = approval_version or await client.approval_version(job_id, approval)
            body: dict[str, Any] = {"name": approval, "approval_version": version}
            answer = await client.act(job_id, name, body | ({"comment": comment} if comment else {}))
            click.echo(f"{name}: accepted at version {answer.get('version')}")

        call(url, work)

    command = click.command(name, help=explanation)
    for option in (
        url_option,
        click.option("--comment", default=""),
        click.option("--approval-version", type=int, help="The version that asked; default: the latest."),
        click.argument("approval"),
        job_argument,
    ):
        run = option(run)
    return command(run)


approve = _decision("approve", "Approve what a job waits for.")
reject = _decision("reject", "Reject what a job waits for; the job fails with your comment.")


async def _talk(client: Client, job_id: str, after: int, *, kind: str = "build") -> None:
    """Show the job until it has ended; lines typed on a terminal are sent as chat."""
    stream = client.watch(job_id, after=after)
    with JobDisplay(estimated=estimated_of(kind)) as display:
        typing = asyncio.create_task(_send_lines(client, job_id, display)) if sys.stdin.isatty() else None
        try:
            live = with_app = False
            status = ""
            async for frame in stream:
                display.show(frame)
                match frame.get("kind"):
                    case "live":
                        live = True
                    case "app":
                        with_app = True
                    case "status":
                        status = str(frame.get("status"))
                if live and status in END_STATES:  # in a replay, a retry may follow
                    break
        finally:
            if typing is not None:
                typing.cancel()
        if status == "done" and not with_app:
            await show_outcome(client, await client.job(job_id), display)


async def _send_lines(client: Client, job_id: str, display: JobDisplay) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode(errors="replace"):
        if line.strip():
            try:
                await client.say(job_id, line.strip())
            except Refused as error:
                display.line(str(error), "red")
