"""The example in examples/newsletter.py, run as its reader would."""

from __future__ import annotations

from typing import Any

import pytest

from examples.newsletter import newsletter
from libs.workflow.testing import Workbench

REQUEST = {"topic": "tennis", "readers": ["ann@example.org", "bob@example.org"]}


@pytest.fixture
async def bench() -> Workbench:
    return Workbench(newsletter, request=REQUEST, kind="newsletter")


def spec(job: Any) -> Any:
    assert job.app is not None, job.error
    return job.app.spec


async def test_it_waits_for_its_editor_and_then_for_feedback(bench: Workbench) -> None:
    job = await bench.run()
    assert (job.status, sorted(job.steps)) == (
        "awaiting_approval",
        ["article-1", "article-2", "article-3", "contents"],
    )
    await bench.approve("send", "well done")
    await bench.run(skip_time=False)
    await bench.advance(2)
    job = await bench.run(skip_time=False)
    assert job.waits == ("signal/feedback",)
    await bench.signal("feedback", {"stars": 5})
    found = spec(await bench.run())
    assert (found["delivered"], found["stars"], found["approved_with"]) == (2, 5, "well done")


async def test_without_feedback_it_ends_all_the_same(bench: Workbench) -> None:
    await bench.run()
    await bench.approve("send")
    assert spec(await bench.run())["stars"] is None


async def test_a_rejected_letter_is_not_sent(bench: Workbench) -> None:
    await bench.run()
    await bench.reject("send", "too long")
    job = await bench.run()
    assert (job.status, job.maps) == ("failed", {})
    assert job.error is not None
    assert "too long" in job.error.message


async def test_it_leaves_the_letter_as_a_file(bench: Workbench) -> None:
    job = await bench.run()
    assert [artifact.name for artifact in job.artifacts] == ["newsletter.md"]


async def test_a_malformed_request_fails_with_the_place_named() -> None:
    job = await Workbench(newsletter, request={"topic": "tennis"}, kind="newsletter").run()
    assert job.status == "failed"
    assert job.error is not None
    assert "readers" in job.error.message
