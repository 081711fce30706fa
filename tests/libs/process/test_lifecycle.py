"""A process's start and end, seen from outside: real children with a few lines of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    children: list[subprocess.Popen[str]] = []

    def begin(body: str, env: dict[str, str] | None = None, **options: object) -> subprocess.Popen[str]:
        code = "import asyncio, os\nfrom libs.process.lifecycle import announce, run\n" + textwrap.dedent(body)
        child = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | (env or {}),
            **options,  # type: ignore[call-overload]
        )
        children.append(child)
        return child

    yield begin
    for child in children:
        child.kill()
        child.communicate()


def until_ready(child: subprocess.Popen[str]) -> None:
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"


OBEDIENT = """
    async def main(stopping):
        print("up", flush=True)
        await stopping.wait()
    run("sample", main)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_0(start: Start, number: int) -> None:
    child = start(OBEDIENT)
    until_ready(child)
    child.send_signal(number)
    assert child.wait(10) == 0


def test_a_second_signal_ends_it_at_once(start: Start) -> None:
    child = start("""
        async def main(stopping):
            print("up", flush=True)
            await stopping.wait()
            print("winding down", flush=True)
            await asyncio.Event().wait()
        run("sample", main)
    """)
    until_ready(child)
    child.send_signal(signal.SIGTERM)
    assert child.stdout is not None
    assert child.stdout.readline() == "winding down\n"
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 1


def test_whoever_ignores_the_signal_is_cancelled_at_the_deadline(start: Start) -> None:
    child = start("""
        async def main(stopping):
            print("up", flush=True)
            await asyncio.Event().wait()
        run("sample", main, stop_deadline_seconds=0.1)
    """)
    until_ready(child)
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 1


def test_a_stuck_loop_is_ended_by_force(start: Start) -> None:
    child = start("""
        import time, libs.process.lifecycle as l
        l.FORCE_AFTER_SECONDS = 0.2
        async def main(stopping):
            print("up", flush=True)
            await stopping.wait()
            while True: time.sleep(1)
        run("sample", main, stop_deadline_seconds=0.1)
    """)
    until_ready(child)
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 1


def test_a_crash_is_logged_and_ends_with_status_1(start: Start) -> None:
    child = start("""
        async def main(stopping):
            raise RuntimeError("boom")
        run("sample", main)
    """)
    _, err = child.communicate(timeout=10)
    assert child.returncode == 1
    line = json.loads(err.splitlines()[-1])
    assert line["event"] == "process.crashed"
    assert "boom" in line["exception"]


def test_wrong_settings_are_one_block_and_status_2(start: Start) -> None:
    child = start(
        """
        from libs.process.settings import Settings, load
        class S(Settings):
            a: str
            b: int = 1
        async def main(stopping):
            load(S)
        run("sample", main)
        """,
        env={"B": "x"},
    )
    _, err = child.communicate(timeout=10)
    assert child.returncode == 2
    assert err.splitlines() == [
        "sample cannot start, its settings need attention:",
        "  - A is not set; expected text",
        "  - B is 'x'; expected a whole number",
    ]


def test_it_tells_the_supervisor_where_it_serves(start: Start, tmp_path: Path) -> None:
    child = start(
        """
        async def main(stopping):
            announce(health_url="http://x")
        run("sample", main)
        """,
        env={"RUNTIME_FILE": str(tmp_path / "r.json")},
    )
    assert child.wait(10) == 0
    assert json.loads((tmp_path / "r.json").read_text()) == {"pid": child.pid, "health_url": "http://x"}


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux only")
def test_it_dies_with_its_parent(start: Start) -> None:
    parent = start(f"""
        import subprocess, sys, textwrap
        code = '''import asyncio, os
        from libs.process.lifecycle import run
        {OBEDIENT.replace(chr(10), chr(10) + " " * 4)}
        '''
        env = os.environ | dict(JOBSTREAM_PARENT_WATCH=f"pid:{{os.getpid()}}")
        child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], env=env)
        child.wait()
    """)
    until_ready(parent)
    parent.kill()
    assert parent.stdout is not None
    assert parent.stdout.read() == ""  # the pipe ends only when the last holder, the child, is gone


def test_it_ends_when_the_parents_pipe_closes(start: Start) -> None:
    reading, writing = os.pipe()
    child = start(OBEDIENT, env={"JOBSTREAM_PARENT_WATCH": f"pipe:{reading}"}, pass_fds=(reading,))
    os.close(reading)
    until_ready(child)
    os.close(writing)
    assert child.wait(10) == 1
