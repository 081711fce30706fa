from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.jobs.decide import first_message_id
from libs.jobs.events import AppStored, JobCreated, JobQueued, ReplyPosted, RequirementsSummarized
from libs.process.clock import new_id
from tests.services.gateway.desk import Desk, code_of

JOB_FIELDS = {
    "id",
    "kind",
    "initial_prompt",
    "prompt",
    "requirements_summary",
    "status",
    "error_message",
    "version",
    "created_at",
    "updated_at",
    "parent_id",
}


async def test_a_job_is_wanted_with_one_command(desk: Desk) -> None:
    desk.commands.deciding = False
    answer = await desk.post("/api/jobs/", {"prompt": "A shop for tea", "approvals": ["plan", "plan"]})
    assert answer.status_code == 201
    [(envelope, command)] = desk.commands.stored
    assert (envelope.verb, envelope.stream) == ("create", (desk.ada.id, UUID(answer.json()["id"])))
    assert (command.prompt, command.talks, command.approvals) == ("A shop for tea", True, ("plan",))
    assert answer.headers["location"] == f"/api/jobs/{answer.json()['id']}/"


async def test_a_job_that_has_no_event_yet_is_shown_as_it_is_wanted(desk: Desk) -> None:
    desk.commands.deciding = False
    created = (await desk.post("/api/jobs/", {"prompt": "A shop for tea"})).json()
    assert set(created) == JOB_FIELDS | {"steps", "messages"}
    assert (created["version"], created["status"], created["prompt"]) == (0, "collecting", "A shop for tea")
    assert created["messages"][0]["id"] == str(first_message_id(desk.commands.stored[0][0].id))
    assert (await desk.get(f"/api/jobs/{created['id']}/")).json() == created


async def test_another_gateway_shows_it_too(desk: Desk) -> None:
    desk.commands.deciding = False
    job_id = await desk.job()
    desk.jobs._new.clear()
    desk.jobs._known.clear()
    answer = await desk.get(f"/api/jobs/{job_id}/")
    assert (answer.status_code, answer.json()["version"]) == (200, 0)


async def test_what_is_shown_before_the_first_event_is_what_that_says(desk: Desk) -> None:
    desk.commands.deciding = False
    job_id = await desk.job()
    wanted = (await desk.get(f"/api/jobs/{job_id}/")).json()
    await desk.commands.decide(*desk.commands.stored[0])
    decided = (await desk.get(f"/api/jobs/{job_id}/")).json()
    assert decided | {"version": 0} == wanted


async def test_a_kind_without_a_talk_is_queued_at_once(desk: Desk) -> None:
    desk.commands.deciding = False
    answer = await desk.post("/api/jobs/", {"prompt": "count", "kind": "count", "request": {"upto": [1, 2, None]}})
    assert (answer.json()["status"], answer.json()["messages"]) == ("queued", [])
    assert desk.commands.stored[0][1].request == {"upto": [1, 2, None]}


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "invalid_input", "/prompt"),
        ({"prompt": ""}, "invalid_input", "/prompt"),
        ({"prompt": " \n"}, "invalid_input", "/prompt"),
        ({"prompt": "x" * 5001}, "invalid_input", "/prompt"),
        ({"prompt": 7}, "invalid_input", "/prompt"),
        ({"prompt": None}, "invalid_input", "/prompt"),
        ({"prompt": "\x00\x01\x02"}, "invalid_input", "/prompt"),
        ({"prompt": "x", "kind": "nope"}, "unknown_kind", "/kind"),
        ({"prompt": "x", "kind": ""}, "unknown_kind", "/kind"),
        ({"prompt": "x", "owner": "me"}, "invalid_input", "/owner"),
        ({"prompt": "x", "approvals": "plan"}, "invalid_input", "/approvals"),
        ({"prompt": "x", "approvals": ["plan", "a.b"]}, "invalid_input", "/approvals/1"),
        ({"prompt": "x", "approvals": ["plan"] * 17}, "invalid_input", "/approvals"),
        ({"prompt": "x", "request": [[[[]]]]}, None, None),
    ],
)
async def test_a_wrong_field_is_pointed_at(desk: Desk, body: Any, code: str | None, pointer: str | None) -> None:
    answer = await desk.post("/api/jobs/", body)
    if code is None:
        assert answer.status_code == 201
        return
    assert answer.status_code == 422
    assert code_of(answer) == code
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not desk.commands.stored


async def test_an_approval_that_the_kind_does_not_know_is_refused() -> None:
    async with Desk(job_approvals={"build": "plan|launch"}).open() as desk:
        answer = await desk.post("/api/jobs/", {"prompt": "x", "approvals": ["plan", "plam"]})
        assert answer.json()["errors"][0]["pointer"] == "/approvals/1"
        assert "launch, plan" in answer.json()["detail"]


# -- idempotency -------------------------------------------------------------------------------------------------------


async def test_the_same_key_and_body_are_the_same_job(desk: Desk) -> None:
    key = {"Idempotency-Key": "order 66"}
    first = await desk.post("/api/jobs/", {"prompt": "x", "kind": "build"}, headers=key)
    again = await desk.call(
        "POST",
        "/api/jobs/",
        content=b'{"kind": "build",\n "prompt": "x"}',
        headers=key | {"content-type": "application/json"},
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(desk.commands.stored) == 1


async def test_another_body_under_a_key_is_refused(desk: Desk) -> None:
    key = {"Idempotency-Key": "k"}
    await desk.post("/api/jobs/", {"prompt": "x"}, headers=key)
    answer = await desk.post("/api/jobs/", {"prompt": "y"}, headers=key)
    assert answer.status_code == 422
    assert code_of(answer) == "idempotency_mismatch"


async def test_a_race_under_one_key_makes_one_job(desk: Desk) -> None:
    key = {"Idempotency-Key": "k"}
    answers = await asyncio.gather(*(desk.post("/api/jobs/", {"prompt": "x"}, headers=key) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(desk.commands.stored) == 1


async def test_a_key_is_its_owners_own(desk: Desk) -> None:
    key = {"Idempotency-Key": "k"}
    mine = await desk.post("/api/jobs/", {"prompt": "x"}, headers=key)
    hers = await desk.post("/api/jobs/", {"prompt": "y"}, desk.eve, headers=key)
    assert hers.status_code == 201
    assert mine.json()["id"] != hers.json()["id"]


async def test_a_key_that_was_claimed_but_never_used_makes_its_job_after_all(desk: Desk) -> None:
    key = {"Idempotency-Key": "k"}
    desk.commands.reachable = False
    assert code_of(await desk.post("/api/jobs/", {"prompt": "x"}, headers=key)) == "log_unavailable"
    desk.commands.reachable = True
    answer = await desk.post("/api/jobs/", {"prompt": "x"}, headers=key)
    assert answer.status_code == 201
    [claimed] = desk.keys.claimed.values()
    assert answer.json()["id"] == str(claimed.job_id)


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a\tb", "é"])
async def test_a_key_of_another_form_is_refused(desk: Desk, key: str) -> None:
    answer = await desk.post("/api/jobs/", {"prompt": "x"}, headers={"Idempotency-Key": key.encode()})
    assert answer.status_code == 400
    assert code_of(answer) == "invalid_parameter"


async def test_a_traceparent_goes_with_the_command(desk: Desk) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await desk.post("/api/jobs/", {"prompt": "x"}, headers={"traceparent": trace})
    await desk.post("/api/jobs/", {"prompt": "x"}, headers={"traceparent": "garbage\x7f"})
    assert [envelope.traceparent for envelope, _ in desk.commands.stored] == [trace, None]


# -- reading one -------------------------------------------------------------------------------------------------------


def reply(number: int) -> ReplyPosted:
    return ReplyPosted(
        turn_id=uuid4(),
        message_id=uuid4(),
        attempt=number,
        sender="Client Relations",
        content=f"reply {number}",
        stream="s",
        metadata={"n": number},
    )


async def test_a_job_is_read_from_the_read_models(desk: Desk) -> None:
    job_id = await desk.job()
    desk.store.reachable = False
    answer = await desk.get(f"/api/jobs/{job_id}")
    assert (answer.status_code, answer.json()["version"]) == (200, 2)


async def test_min_version_is_answered_by_the_log_where_the_read_models_are_behind(desk: Desk) -> None:
    job_id = await desk.job()
    desk.models.follows_upto = 2
    version = await desk.happen(job_id, reply(1))
    assert (await desk.get(f"/api/jobs/{job_id}/")).json()["version"] == 2
    answer = await desk.get(f"/api/jobs/{job_id}/?min_version={version}")
    assert answer.json()["version"] == version
    assert answer.json()["messages"][-1]["content"] == "reply 1"


async def test_a_version_the_job_has_not_come_to_is_a_conflict(desk: Desk) -> None:
    job_id = await desk.job()
    for query in ("min_version=3", "at=3"):
        answer = await desk.get(f"/api/jobs/{job_id}/?{query}")
        assert answer.status_code == 409
        assert code_of(answer) == "cursor_beyond_head"


@pytest.mark.parametrize("behind", [None, 1, 0])
async def test_a_job_is_shown_as_it_was_at_any_version(desk: Desk, behind: int | None) -> None:
    job_id = await desk.job()
    summary = RequirementsSummarized(summary="A shop", agent="Client Relations")
    await desk.happen(job_id, reply(1), summary, JobQueued())
    desk.models.follows_upto = behind
    seen = [(await desk.get(f"/api/jobs/{job_id}/?at={version}")).json() for version in range(6)]
    assert [view["version"] for view in seen] == [0, 1, 2, 3, 4, 5]
    assert [len(view["messages"]) for view in seen] == [1, 0, 1, 2, 2, 2]
    assert [view["requirements_summary"] for view in seen] == [None] * 4 + ["A shop"] * 2
    assert [view["status"] for view in seen] == ["collecting"] * 5 + ["queued"]


async def test_a_job_is_read_with_the_database_down(desk: Desk) -> None:
    job_id = await desk.job()
    await desk.happen(job_id, reply(1))
    up = (await desk.get(f"/api/jobs/{job_id}/")).json()
    desk.models.up = False
    assert (await desk.get(f"/api/jobs/{job_id}/")).json() == up
    assert (await desk.get(f"/api/jobs/{job_id}/?at=2")).json()["version"] == 2
    assert len((await desk.get(f"/api/job-messages/?job_id={job_id}")).json()) == 2
    assert len((await desk.get(f"/api/jobs/{job_id}/events/")).json()) == 3


async def test_a_job_is_wanted_with_the_database_down(desk: Desk) -> None:
    desk.models.up = desk.accounts.up = False
    job_id = await desk.job()
    assert (await desk.post(f"/api/jobs/{job_id}/cancel/")).status_code == 202


async def test_without_both_log_and_database_a_job_is_not_lost_but_unavailable(desk: Desk) -> None:
    job_id = await desk.job()
    desk.models.up = desk.store.reachable = False
    answer = await desk.get(f"/api/jobs/{job_id}/")
    assert answer.status_code == 503
    assert code_of(answer) == "log_unavailable"
    assert answer.headers["retry-after"] == "1"


async def test_a_database_that_rests_is_not_asked(desk: Desk) -> None:
    job_id = await desk.job()
    desk.jobs._resting = lambda: True
    asked = desk.models.asked
    assert (await desk.get(f"/api/jobs/{job_id}/")).status_code == 200
    assert desk.models.asked == asked


@pytest.mark.parametrize("query", ["at=-1", "at=x", "min_version=-1", "at=99999999999", "after=1", "at=1&at=2"])
async def test_a_wrong_query_is_refused(desk: Desk, query: str) -> None:
    answer = await desk.get(f"/api/jobs/{await desk.job()}/?{query}")
    assert answer.status_code == 400
    assert code_of(answer) == "invalid_parameter"


@pytest.mark.parametrize("job_id", ["x", "123", "*", "%3E", "0" * 32, "..", "%00"])
async def test_what_is_no_uuid_is_no_job(desk: Desk, job_id: str) -> None:
    answer = await desk.get(f"/api/jobs/{job_id}/")
    assert answer.status_code in (400, 404)
    assert code_of(answer) in ("invalid_parameter", "not_found")


async def test_a_job_nobody_wanted_is_not_there(desk: Desk) -> None:
    for query in ("", "?at=0", "?at=1", "?min_version=1"):
        assert code_of(await desk.get(f"/api/jobs/{new_id()}/{query}")) == "no_such_job"


# -- lists -------------------------------------------------------------------------------------------------------------


async def test_jobs_are_listed_newest_first(desk: Desk) -> None:
    made = [str(await desk.job(prompt=f"idea {number}")) for number in range(3)]
    answer = await desk.get("/api/jobs/")
    assert [job["id"] for job in answer.json()] == made[::-1]
    assert set(answer.json()[0]) == JOB_FIELDS
    assert "link" not in answer.headers


async def test_pages_follow_each_other_by_the_link_header(desk: Desk) -> None:
    made = [str(await desk.job()) for _ in range(5)]
    seen, path = [], "/api/jobs/?limit=2&q=tea"
    while path:
        answer = await desk.get(path)
        seen += [job["id"] for job in answer.json()]
        path = answer.links.get("next", {}).get("url", "")
    assert seen == made[::-1]


async def test_lists_are_filtered(desk: Desk) -> None:
    tea, count = await desk.job(prompt="Tea"), await desk.job(prompt="Numbers", kind="count")
    await desk.post(f"/api/jobs/{tea}/cancel/")

    async def listed(query: str) -> list[str]:
        return [job["id"] for job in (await desk.get(f"/api/jobs/?{query}")).json()]

    assert await listed("status=cancelled") == [str(tea)]
    assert await listed("kind=count") == [str(count)]
    assert await listed("q=TEA") == [str(tea)]
    assert await listed("status=done&kind=count") == []


@pytest.mark.parametrize("query", ["limit=-1", "limit=0", "limit=201", "limit=x", "status=nope", "cursor=x", "page=2"])
async def test_a_wrong_list_query_is_refused(desk: Desk, query: str) -> None:
    answer = await desk.get(f"/api/jobs/?{query}")
    assert answer.status_code == 400
    assert code_of(answer) == "invalid_parameter"


async def test_lists_need_the_database(desk: Desk) -> None:
    desk.models.up = False
    for path in ("/api/jobs/", "/api/apps/", f"/api/apps/{new_id()}/"):
        answer = await desk.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert code_of(answer) == "database_unavailable"


# -- messages and apps -------------------------------------------------------------------------------------------------


async def test_messages_are_listed_oldest_first(desk: Desk) -> None:
    job_id = await desk.job(prompt="first")
    await desk.happen(job_id, reply(1))
    answer = await desk.get(f"/api/job-messages/?job_id={job_id}")
    assert [(each["role"], each["content"]) for each in answer.json()] == [("user", "first"), ("agent", "reply 1")]
    assert set(answer.json()[0]) == {"id", "role", "sender", "content", "metadata", "created_at"}


@pytest.mark.parametrize("query", ["", "job_id=", "job_id=x", "job=1"])
async def test_messages_are_asked_for_by_job(desk: Desk, query: str) -> None:
    assert code_of(await desk.get(f"/api/job-messages/?{query}")) == "invalid_parameter"


async def test_an_app_is_found_three_ways(desk: Desk) -> None:
    job_id, app_id = await desk.job(), new_id()
    assert code_of(await desk.get(f"/api/apps/by-job/{job_id}/")) == "no_such_app"
    await desk.happen(job_id, AppStored(app_id=app_id, attempt=1, spec={"requirements": "tea"}))
    by_job = await desk.get(f"/api/apps/by-job/{job_id}/")
    assert set(by_job.json()) == {"id", "job_id", "spec", "created_at", "updated_at"}
    assert (by_job.json()["id"], by_job.json()["spec"]) == (str(app_id), {"requirements": "tea"})
    assert (await desk.get(f"/api/apps/{app_id}/")).json() == by_job.json()
    assert (await desk.get("/api/apps/")).json() == [by_job.json()]


@pytest.mark.parametrize("up", [True, False])
async def test_an_app_is_found_by_its_job_before_the_read_models_have_it(desk: Desk, up: bool) -> None:
    job_id = await desk.job()
    desk.models.follows_upto, desk.models.up = 2, up
    await desk.happen(job_id, AppStored(app_id=new_id(), attempt=1, spec={}))
    assert (await desk.get(f"/api/apps/by-job/{job_id}/")).status_code == 200


async def test_an_app_that_is_not_there_is_not_found(desk: Desk) -> None:
    assert code_of(await desk.get(f"/api/apps/{new_id()}/")) == "no_such_app"
    assert code_of(await desk.get(f"/api/apps/by-job/{new_id()}/")) == "no_such_job"
    assert code_of(await desk.get("/api/apps/x/")) == "invalid_parameter"


async def test_jobs_that_a_workflow_made_are_listed_below_it(desk: Desk) -> None:
    parent, child = await desk.job(kind="count"), new_id()
    await desk.happen(child, JobCreated(kind="count", prompt="a part", talks=False, parent=parent))
    assert [each["id"] for each in (await desk.get("/api/jobs/")).json()] == [str(parent)]
    [listed] = (await desk.get(f"/api/jobs/?parent={parent}")).json()
    assert (listed["id"], listed["parent_id"]) == (str(child), str(parent))
    assert (await desk.get(f"/api/jobs/{child}/")).json()["parent_id"] == str(parent)
