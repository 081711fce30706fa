"""The shell blocks of the documents, page by page, against one installation of the test's own.

A page's blocks run in one shell, in their order, in a folder that looks like the project's. What is written `./jobstream` and `.venv/bin/python`
is the Python of the tests. Blocks that cannot run here carry the reason: `<!-- not run: ... -->` on the line before.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, Block, blocks
from tests.e2e.installation import Installation

SECONDS_MAX = 100
PYTHON = shlex.quote(sys.executable)
RUN = {page: [block for block in blocks(page) if block.reason is None] for page in PAGES}


@pytest.fixture(scope="session")
def installation(server_folder: Path) -> Iterator[Installation]:
    own = {
        "OPENAI_MODEL": "",
        "OFFLINE_MODEL_TOKEN_DELAY_MS": "0",
        "AGENTS_REPLICAS": "1",
        "RUNNER_REPLICAS": "1",
        "ORCHESTRATORS": "newsletter=examples.newsletter:newsletter",
        "JOB_KINDS": "build=talk,newsletter=queue,simulation=queue,comparison=queue,sweep=queue",
    }
    installation = Installation(server_folder / "docs", "", **own)
    installation.start()
    yield installation
    assert installation.stop() == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for entry in ROOT.iterdir():
        if not entry.name.startswith("."):
            (tmp_path / entry.name).symlink_to(entry)
    return tmp_path


@pytest.mark.xdist_group("docs")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if RUN[page]], ids=lambda page: str(page.relative_to(ROOT)) if page else ""
)
def test_the_commands_of_a_page_work(page: Path, installation: Installation, folder: Path) -> None:
    environment = os.environ | {
        "JOBSTREAM_URL": installation.url,
        "JOBSTREAM_DATA": str(installation.data),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "120",
    }
    status, output = run(script(RUN[page]), folder, environment)
    assert status == 0, f"{output}\n{installation.logs()}"


def script(page_blocks: list[Block]) -> str:
    parts = ["set -euo pipefail"]
    for block in page_blocks:
        text = block.text.replace(".venv/bin/python", PYTHON).replace("./jobstream ", f"{PYTHON} -P -m cli ")
        parts += [f"echo '== line {block.line}' >&2", text]
    return "\n".join(parts)


def run(text: str, folder: Path, environment: dict[str, str]) -> tuple[int | None, str]:
    """Exit status and everything written; whatever the script started ends with it."""
    with subprocess.Popen(
        ["bash", "-c", text],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired as late:
            os.killpg(process.pid, signal.SIGKILL)
            return None, f"not done after {SECONDS_MAX} s:\n{process.communicate()[0] or late.output}"
        return process.returncode, output


def test_every_block_that_is_not_run_says_why() -> None:
    reasons = [block.reason for page in PAGES for block in blocks(page) if block.reason is not None]
    assert reasons
    assert [reason for reason in reasons if len(reason.split()) < 2] == []
