from __future__ import annotations

import re
from pathlib import Path

from services.runner.fault_points import FAULT_POINTS

ROOT = Path(__file__).parents[3]
RUN_BY_A_RUNNER = ("libs/workflow", "libs/events", "services/runner")


def in_code() -> set[str]:
    texts = (path.read_text() for folder in RUN_BY_A_RUNNER for path in (ROOT / folder).glob("*.py"))
    return {name for text in texts for name in re.findall(r'faults\.reach\("([^"]+)"\)', text)}


def test_the_table_names_the_points_in_the_code_and_no_others() -> None:
    assert set(FAULT_POINTS) == in_code()
