"""The script `./jobstream` where something is missing: one sentence that says what, and how to get it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The script in a folder without an environment, and a PATH of its own with nothing but a few programs."""
    for name in ("jobstream", "requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("cat", "cksum", "dirname", "readlink"):
        found = shutil.which(name)
        assert found
        (programs / name).symlink_to(found)
    program(tmp_path, "uname", 'case $1 in -s) echo "${SYSTEM:-Linux}" ;; *) echo "${MACHINE:-x86_64}" ;; esac')
    return tmp_path


def program(clone: Path, name: str, body: str) -> None:
    path = clone / "bin" / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def run(clone: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(clone / "jobstream"), *arguments],
        env={"PATH": str(clone / "bin")} | env,
        capture_output=True,
        text=True,
        check=False,
    )


def only_sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


def test_without_python_it_says_which_one_it_needs(clone: Path) -> None:
    assert "Python 3.11 or newer is needed" in only_sentence(run(clone))


def test_an_old_python_does_not_count(clone: Path) -> None:
    program(clone, "python3", "exit 1")
    assert "Python 3.11 or newer is needed" in only_sentence(run(clone))


def test_a_python_without_venv_is_named_with_the_cure(clone: Path) -> None:
    program(clone, "python3", f'case "$2" in *ensurepip*) exit 1 ;; esac; exec {sys.executable} "$@"')
    assert "lacks the venv module: install it (Debian and Ubuntu: apt install python3." in only_sentence(run(clone))


def test_an_unsupported_system_is_named(clone: Path) -> None:
    assert "FreeBSD is not supported" in only_sentence(run(clone, SYSTEM="FreeBSD"))


def test_an_unsupported_processor_is_named(clone: Path) -> None:
    assert "no built-in Postgres for riscv64" in only_sentence(run(clone, MACHINE="riscv64"))


def test_a_linux_without_glibc_is_named(clone: Path) -> None:
    program(clone, "python3", f'case "$2" in *libc_ver*) echo; exit ;; esac; exec {sys.executable} "$@"')
    assert "no glibc" in only_sentence(run(clone))


def test_a_prepared_environment_is_used_as_it_is_from_any_folder_and_through_links(clone: Path, tmp_path: Path) -> None:
    python = clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    sums = [
        subprocess.run(
            ["cksum"], stdin=(clone / name).open(), capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("requirements.lock", "pyproject.toml")
    ]
    (clone / ".venv" / ".stamp-run").write_text(f"{' '.join(sums)} {clone}")
    link = tmp_path / "link"
    link.symlink_to(clone / "jobstream")
    done = subprocess.run(
        [str(link), "up", "--port", "1"],
        env={"PATH": str(clone / "bin")},
        cwd=os.sep,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "-P -m cli up --port 1\n"
