"""Requirements are numbered from the summary, the same way every time."""

from __future__ import annotations

from libs.llm.requirements import OPEN, Requirement, number_requirements, sections_of


def test_features_constraints_and_other_are_numbered_in_order() -> None:
    summary = (
        "## Problem\n- p\n\n## Other\n- o\n\n## Features\n- a\n- b\n\n## Constraints\n1. c\n\n## Success measures\n- s"
    )
    assert number_requirements(summary) == (
        Requirement("R1", "Features", "a"),
        Requirement("R2", "Features", "b"),
        Requirement("R3", "Constraints", "c"),
        Requirement("R4", "Other", "o"),
    )


def test_without_features_everything_said_is_a_requirement() -> None:
    assert number_requirements(f"## Problem\n- lost keys\n\n## Features\n\n{OPEN}") == (
        Requirement("R1", "Problem", "lost keys"),
    )


def test_plain_prose_is_one_requirement_a_line() -> None:
    assert [item.text for item in number_requirements("first\n\nsecond")] == ["first", "second"]


def test_headings_real_models_write_are_known() -> None:
    assert sections_of("### Key Features:\n* a\n\n**Success Metrics:**\n- s") == {
        "Features": ("a",),
        "Success measures": ("s",),
    }


def test_a_feature_that_begins_with_open_is_no_open_area() -> None:
    assert sections_of("## Features\n- Open hours on a map") == {"Features": ("Open hours on a map",)}


def test_nothing_has_no_requirements() -> None:
    assert number_requirements("") == ()
