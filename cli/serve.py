"""`up` and `demo`: an installation in the foreground."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from infra.embedded.binaries import MissingBinary
from infra.embedded.folder import DataFolder, FolderInUse, FolderUnusable
from infra.embedded.nats import ServerFailed
from infra.embedded.ports import free_port, is_free
from infra.embedded.supervisor import Supervisor
from infra.nats.topology import TopologyError
from infra.postgres.migrate import MigrationError
from libs.process import lifecycle, logs
from libs.process.lifecycle import Stopping
from libs.process.serving import url_of
from libs.process.settings import SettingsError, read_config

__all__ = ["demo", "up"]

DEFAULT_PORT = 8080
DEFAULT_DATA = ".jobstream"
IN_USE_EXIT_STATUS = 3
STOP_SECONDS = 60.0

Story = Callable[[str, Stopping], Awaitable[bool]]
"""What happens once everything serves: gets the URL, answers whether it went well."""


class _Folder(click.Path):
    """A folder that has a name: an empty one, as of a variable that is not set, would be the working directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("a folder is wanted, and this is empty", param, ctx)
        return super().convert(value, param, ctx)


def _serving_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option(
            "--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings: NAME=value, TOML or JSON."
        ),
        click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on."),
        click.option("--data", type=_Folder(path_type=Path, file_okay=False), default=DEFAULT_DATA, show_default=True),
        click.option("--port", type=click.IntRange(0, 65535), help=f"Default {DEFAULT_PORT}, else the next free one."),
    ):
        command = option(command)
    return command


@click.command()
@_serving_options
def up(port: int | None, data: Path, host: str, config: Path | None) -> None:
    """Serve everything in the foreground, until Ctrl-C."""
    _serve(port, data, host, config, story=None)


@click.command()
@_serving_options
def demo(port: int | None, data: Path, host: str, config: Path | None) -> None:
    """Serve everything and play a sample build job from idea to App."""
    from cli.demo import play  # rich and the client are not needed for `up`

    _serve(port, data, host, config, story=play)


def _serve(port: int | None, data: Path, host: str, config: Path | None, story: Story | None) -> None:
    async def main(stopping: Stopping) -> None:
        environ = (read_config(config) if config else {}) | dict(os.environ)
        try:
            well = await _run(stopping, DataFolder(data), host, port, environ, story)
        except FolderInUse as error:
            _say(str(error))
            sys.exit(IN_USE_EXIT_STATUS)
        except (FolderUnusable, ServerFailed, TopologyError, MigrationError, MissingBinary) as error:
            _say(f"jobstream could not start. {error}")
            sys.exit(1)
        sys.exit(0 if well else 1)

    lifecycle.run("jobstream", main, stop_deadline_seconds=STOP_SECONDS)


async def _run(
    stopping: Stopping, folder: DataFolder, host: str, port: int | None, environ: Mapping[str, str], story: Story | None
) -> bool:
    well = True
    telling: asyncio.Task[bool] | None = None
    with folder.locked(), folder.log("supervisor").open("a", encoding="utf-8") as log_file:
        logs.configure("supervisor", environ.get("LOG_LEVEL") or "info", to=log_file)
        chosen = _choose_port(port, host)
        shown = f"http://[{host}]:{chosen}" if ":" in host else f"http://{host}:{chosen}"
        supervisor = Supervisor(folder, host=host, port=chosen, environ=environ, notice=_say)
        _say(f"Starting; data and logs are in {folder.path} ...")

        async def ready() -> None:
            nonlocal telling
            folder.note(shown)
            print(f"ready {shown}", flush=True)
            if story is not None:
                telling = asyncio.create_task(_tell(story, url_of(host, chosen), stopping))

        try:
            await supervisor.run(stopping, ready)
        finally:
            if telling is not None:
                telling.cancel()
                well = (await asyncio.gather(telling, return_exceptions=True))[0] is not False
    return well


async def _tell(story: Story, url: str, stopping: Stopping) -> bool:
    try:
        return await story(url, stopping)
    except Exception as error:
        _say(f"The demo could not go on: {error}")
        return False


def _choose_port(port: int | None, host: str) -> int:
    if port == 0:
        return free_port()
    if port is not None:
        if not is_free(port, host):
            raise SettingsError([f"--port {port} is taken on {host}; choose another, or none for the next free one"])
        return port
    for candidate in range(DEFAULT_PORT, DEFAULT_PORT + 100):
        if is_free(candidate, host):
            return candidate
    return free_port()


def _say(text: str) -> None:
    with suppress(OSError):  # whoever read it may be gone: what runs goes on
        print(text, file=sys.stderr, flush=True)
