"""Compiled code is kept where it is safe to keep it, and nowhere else."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from libs.blackjack.compiled import SOURCES, cache_folder

ROOT = Path(__file__).parents[3]
LIGHT = ("configuration", "tally", "outcomes", "money", "hand_states", "decisions")
MODULE = """
from libs.blackjack.compiled import stored

@stored
def triple(number):
    return 3 * number
"""


@pytest.fixture(autouse=True)
def _no_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()


def test_it_is_kept_in_the_users_cache(tmp_path: Path) -> None:
    folder = cache_folder()
    assert folder is not None
    assert folder.parent == tmp_path / "home" / ".cache" / "jobstream"


@pytest.mark.parametrize("variable", ["NUMBA_CACHE_DIR", "XDG_CACHE_HOME"])
def test_another_place_can_be_chosen(variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "chosen"))
    folder = cache_folder()
    assert folder is not None
    assert folder.is_relative_to(tmp_path / "chosen")


def test_where_the_home_cannot_be_written_to_it_is_a_temporary_folder(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    folder = cache_folder()
    assert folder is not None
    assert folder.is_relative_to(tmp_path / "temporary")
    assert stat.S_IMODE(folder.parent.stat().st_mode) & 0o077 == 0


def test_a_temporary_folder_that_others_can_write_to_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    folder = tmp_path / "temporary" / f"jobstream-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    assert cache_folder() is None


def test_where_nothing_can_be_written_to_there_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    (tmp_path / "temporary").rmdir()
    (tmp_path / "temporary").write_text("not a folder")
    assert cache_folder() is None


def run(folder: Path, code: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1", **environment},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_processes_that_compile_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    (tmp_path / "tripling.py").write_text(MODULE)
    code = "from tripling import triple; print(triple(14), sum(triple.stats.cache_hits.values()))"
    first = [run(tmp_path, code, XDG_CACHE_HOME=str(tmp_path / "cache")) for _ in range(3)]
    assert {process.communicate()[0].split()[0] for process in first} == {"42"}
    assert run(tmp_path, code, XDG_CACHE_HOME=str(tmp_path / "cache")).communicate()[0].split() == ["42", "1"]


def test_without_any_cache_it_is_compiled_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "tripling.py").write_text(MODULE)
    code = (
        "import libs.blackjack.compiled as c; c.cache_folder = lambda: None; "
        "from tripling import triple; print(triple(14))"
    )
    assert run(tmp_path, code).communicate()[0].split() == ["42"]


def test_what_services_import_brings_no_compiler() -> None:
    modules = ", ".join(f"libs.blackjack.{name}" for name in LIGHT)
    code = f"import sys, {modules}; print([name for name in ('numba', 'numpy', 'matplotlib') if name in sys.modules])"
    assert run(ROOT, code).communicate()[0].strip() == "[]"


def test_the_cache_is_named_after_every_module_that_is_compiled() -> None:
    code = (
        "import sys, libs.blackjack.kernel, libs.blackjack.moments; "
        "print(*sorted(name.rpartition('.')[2] for name in sys.modules if name.startswith('libs.blackjack.')))"
    )
    assert run(ROOT, code).communicate()[0].split() == sorted(SOURCES)
