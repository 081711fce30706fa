"""The executive discussion: its turns, its end, what it leaves behind, and a model that misbehaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from libs.jobs.events import StepFailed, StepRecorded
from libs.jobs.state import Job
from libs.llm.factory import model_over
from libs.llm.requirements import number_requirements
from libs.llm.scripted import Fault, Reply, Script, ScriptedServer
from libs.llm.settings import ModelSettings
from libs.workflow import Retry
from libs.workflow.testing import Workbench
from services.runner.build import Build, traced

REQUIREMENTS = "## Features\n- book a court\n- invite a friend\n\n## Constraints\n- works offline"
OBJECT = Reply("Objection on R1: too slow.\n\nVERDICT: object", {"agrees": False})
AGREE = Reply("Fine by me.\n\nVERDICT: agree", {"agrees": True})


class Bench(Workbench):
    server: ScriptedServer


@pytest.fixture
async def make() -> AsyncIterator[Any]:
    models = []

    def make(script: Script | None = None, *, approvals: tuple[str, ...] = (), **options: Any) -> Bench:
        server = ScriptedServer(script or Script())
        model = model_over(server, ModelSettings(openai_model="scripted", **options.pop("model", {})))
        models.append(model)
        build = Build(
            model,
            **{"rounds_max": 4, "retry": Retry(attempts=3, initial_seconds=1), "timeout_seconds": 5.0} | options,
        )
        bench = Bench(build, prompt=REQUIREMENTS, approvals=approvals, kind="build")
        bench.server = server
        return bench

    yield make
    for model in models:
        await model.aclose()


def names(job: Job) -> list[str]:
    return list(job.steps)


async def test_executives_who_agree_at_once_need_one_round(make: Any) -> None:
    job = await make().run()
    assert names(job) == ["ceo-1", "cto-1", "summary", "prd"]
    assert [step.agent for step in job.steps.values()] == ["CEO", "CTO", "Secretary", "Secretary"]


async def test_a_cto_who_objects_three_times_makes_four_rounds(make: Any) -> None:
    job = await make(Script(replies={"cto": [OBJECT, OBJECT, OBJECT, AGREE]})).run()
    rounds = [f"{who}-{number}" for number in range(1, 5) for who in ("ceo", "cto")]
    assert names(job) == [*rounds, "summary", "prd"]
    assert job.app is not None
    assert (job.app.spec["rounds"], job.app.spec["agreed"]) == (4, True)


async def test_the_round_limit_ends_a_discussion_without_agreement(make: Any) -> None:
    job = await make(Script(replies={"cto": [OBJECT]}), rounds_max=2).run()
    assert names(job) == ["ceo-1", "cto-1", "ceo-2", "cto-2", "summary", "prd"]
    assert job.app is not None
    assert (job.app.spec["rounds"], job.app.spec["agreed"]) == (2, False)


async def test_agreement_is_read_from_words_where_the_model_has_no_structure(make: Any) -> None:
    script = Script(replies={"cto": [Reply(OBJECT.text), Reply(AGREE.text)]})
    job = await make(script, model={"openai_structure": "text"}).run()
    assert names(job) == ["ceo-1", "cto-1", "ceo-2", "cto-2", "summary", "prd"]


async def test_the_app_holds_requirements_discussion_summary_and_prd(make: Any) -> None:
    job = await make().run()
    assert job.app is not None
    spec = job.app.spec
    assert spec["requirements"] == REQUIREMENTS
    assert [(said["agent"], said["role"]) for said in spec["discussion"]] == [("CEO", "ceo"), ("CTO", "cto")]
    assert [said["content"] for said in spec["discussion"]] == [job.steps[n].message for n in ("ceo-1", "cto-1")]
    assert spec["summary"] == job.steps["summary"].message
    assert spec["prd"].startswith("# Scripted document")


async def test_the_prd_names_every_requirement_even_if_its_author_did_not(make: Any) -> None:
    job = await make(Script(replies={"secretary": [Reply("# PRD\n\nOnly R1.")]})).run()
    assert job.app is not None
    assert "| R2 | invite a friend |" in job.app.spec["prd"]
    assert "| R3 | works offline |" in job.app.spec["prd"]
    assert "| R1 |" not in job.app.spec["prd"]


def test_r1_is_not_found_in_r10() -> None:
    requirements = number_requirements("## Features\n- a\n")
    assert "| R1 |" in traced("R10 is here", requirements)


async def test_each_turn_is_streamed_and_its_usage_kept(make: Any) -> None:
    bench = make()
    job = await bench.run()
    recorded = [event for event in await bench.events() if isinstance(event, StepRecorded)]
    for event in recorded:
        assert event.stream == f"step-{event.name}"
        streamed = "".join(delta.text for delta in bench.deltas if delta.stream == event.stream)
        assert streamed.strip() == job.steps[event.name].message
        assert event.usage is not None
        assert event.usage.completion_tokens > 0


async def test_a_job_that_asks_for_it_waits_for_an_approval_before_the_build(make: Any) -> None:
    bench = make(approvals=("build",))
    job = await bench.run()
    assert (job.status, names(job)) == ("awaiting_approval", [])
    assert "book a court" in job.asked["build"].summary
    await bench.approve("build")
    assert (await bench.run()).status == "done"


async def test_the_approval_of_the_plan_comes_after_the_discussion(make: Any) -> None:
    bench = make(approvals=("plan", "budget"))
    job = await bench.run()
    assert (job.status, list(job.asked), names(job)) == ("awaiting_approval", ["budget"], [])
    await bench.approve("budget")
    job = await bench.run()
    assert (job.status, list(job.asked)) == ("awaiting_approval", ["budget", "plan"])
    assert names(job) == ["ceo-1", "cto-1"]
    assert job.steps["cto-1"].message in job.asked["plan"].summary
    await bench.approve("plan")
    assert (await bench.run()).status == "done"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("failing", "model_unavailable"),
        ("empty_choice", "model_empty_reply"),
        ("half_stream", "model_stream_broken"),
        ("invalid_body", None),
    ],
)
async def test_a_call_that_fails_is_made_again(make: Any, kind: Any, code: str | None) -> None:
    bench = make(Script(faults={"ceo": [Fault(kind)]}))
    job = await bench.run()
    failures = [event for event in await bench.events() if isinstance(event, StepFailed)]
    assert job.status == "done"
    assert len(failures) == 1
    assert code is None or failures[0].error.code == code


async def test_retry_after_is_heeded(make: Any) -> None:
    bench = make(Script(faults={"cto": [Fault("rate_limited", retry_after="90")]}))
    assert (await bench.run()).status == "done"
    failed = next(event for event in await bench.events() if isinstance(event, StepFailed))
    assert (failed.error.code, failed.retry_in_seconds) == ("model_rate_limited", 90.0)


async def test_a_refused_key_fails_the_job_at_once_with_a_reason(make: Any) -> None:
    bench = make(Script(always={"ceo": Fault("unauthorized")}))
    job = await bench.run()
    assert job.status == "failed"
    assert job.error is not None
    assert job.error.code == "model_unauthorized"
    assert len(bench.server.calls) == 1


async def test_a_retry_after_a_model_outage_goes_on_at_the_failed_turn(make: Any) -> None:
    bench = make(Script(always={"secretary": Fault("failing")}))
    job = await bench.run()
    assert (job.status, job.failed_step) == ("failed", "summary")
    before = bench.server.report()["by_role"]
    bench.server.use(Script())
    await bench.retry()
    assert (await bench.run()).status == "done"
    after = bench.server.report()["by_role"]
    assert (after["ceo"], after["cto"]) == (before["ceo"], before["cto"]) == (1, 1)


async def test_control_characters_of_a_model_reach_nobody(make: Any) -> None:
    job = await make(Script(replies={"ceo": [Reply("We build\x00 it\x1b[31m.")]})).run()
    assert job.steps["ceo-1"].message == "We build it[31m."
