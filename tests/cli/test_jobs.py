from __future__ import annotations

import pytest
from click.testing import CliRunner

from cli.__main__ import main


@pytest.mark.parametrize("command", ["watch", "show", "cancel", "retry"])
@pytest.mark.parametrize("job_id", ["nope", "", "../jobs", "a?b", "0198a000-0000-7000-8000-00000000000g"])
def test_what_is_no_id_of_a_job_is_told_before_anybody_is_asked(command: str, job_id: str) -> None:
    result = CliRunner().invoke(main, [command, job_id, "--url", "http://127.0.0.1:1"])
    assert result.exit_code == 2
    assert f"{job_id!r} is not the id of a job: `jobstream jobs` lists yours." in result.stderr
