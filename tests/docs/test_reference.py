from __future__ import annotations

import pytest

from docs.generate import REFERENCE, outdated, pages
from docs.generating.operations import BEYOND_CLASSES, read_beyond_classes
from services.runner.fault_points import FAULT_POINTS


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    return pages()


def test_the_reference_is_what_the_code_says(generated: dict[str, str]) -> None:
    stale = outdated(generated)
    written = {name: (REFERENCE / name).read_text(encoding="utf-8") for name in stale if (REFERENCE / name).exists()}
    assert written == {name: generated[name] for name in stale}, "run `python -m docs.generate`"


def test_nothing_in_the_reference_is_left_over(generated: dict[str, str]) -> None:
    there = {str(path.relative_to(REFERENCE)) for path in REFERENCE.rglob("*") if path.is_file()}
    assert there == set(generated)


def test_every_variable_the_code_reads_is_told() -> None:
    assert read_beyond_classes() <= set(BEYOND_CLASSES)


def test_every_fault_point_that_is_told_of_can_be_reached(generated: dict[str, str]) -> None:
    assert [point for point in FAULT_POINTS if f"`{point}`" not in generated["fault-points.md"]] == []


def test_every_setting_says_what_it_means(generated: dict[str, str]) -> None:
    rows = [line for line in generated["settings.md"].splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |")] == []
