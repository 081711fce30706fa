"""The script of the how-to, used by somebody in a hurry."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.docs.pages import ROOT

Run = Callable[..., str]


@pytest.fixture
def run(nats_server: Any) -> Run:
    def run(*arguments: str, user: str = "admin", **changes: str) -> str:
        _, password = nats_server.user(user)
        env = {"NATS_URL": nats_server.url, "NATS_USER": user, "NATS_PASSWORD": password} | changes
        done = subprocess.run(
            [sys.executable, "docs/how-to/dead_letters.py", *arguments],
            env={name: value for name, value in env.items() if value},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize("number", ["x", "0", "-1", "1.5", ""])
def test_what_is_no_number_is_told(run: Run, number: str) -> None:
    said = run("redrive", number)
    assert said == f"{number!r} is not the number of a dead letter; without arguments this lists them.\n"


def test_a_number_that_is_no_letters_is_told(run: Run) -> None:
    assert run("redrive", "999999") == "There is no dead letter 999999; without arguments this lists those there are.\n"


def test_a_variable_that_is_not_set_is_named(run: Run) -> None:
    assert run(NATS_URL="") == "NATS_URL is not set: connections.py tells it, see the top of this file.\n"


@pytest.mark.parametrize("changes", [{"NATS_PASSWORD": "wrong"}, {"NATS_URL": "nats://127.0.0.1:1"}])
def test_a_server_that_does_not_let_in_is_told_in_one_line(run: Run, changes: dict[str, str]) -> None:
    said = run(**changes)
    assert said.count("\n") == 1
    assert "does not let admin in" in said
