"""The replier against the in-memory store: one stored reply per turn, in turn order, whatever the model and other workers do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from libs.events.event import Cause
from libs.events.memory import MemoryStore
from libs.events.repository import Repository
from libs.events.subjects import StreamId
from libs.events.subscription import Done, Later
from libs.jobs.commands import CancelJob, CreateJob, PostMessage, RetryJob, StartReply, WireCommand
from libs.jobs.decide import decide, reply_id
from libs.jobs.events import EVENTS, JobEvent, ReplyFailed, ReplyPosted, ReplyStarted
from libs.jobs.evolve import evolve
from libs.jobs.liveness import Holder
from libs.jobs.state import Job, Status
from libs.llm.port import ModelRateLimited, ModelTimeout, ModelUnauthorized
from libs.llm.replies import ConversationTurn
from libs.process import faults
from libs.process.clock import SystemClock, new_id
from services.agents.replying import Replier
from services.agents.retries import RetryPolicy
from tests.services.agents.fakes import FakeModel, FakeNats, wake_up

FINISHED = ConversationTurn("Thanks.", finished=True, summary="## Features\n- booking")
QUESTION = ConversationTurn("Who will use it?", finished=False)
QUICK = RetryPolicy(tries_max=3, delay_seconds=0.001, delay_seconds_max=0.001)


class Office:
    """One job and the workers that answer it, all on one in-memory store."""

    def __init__(self) -> None:
        self.store: MemoryStore[JobEvent] = MemoryStore(EVENTS)
        self.stream = StreamId(new_id(), new_id())
        self.nats = FakeNats()
        self._commands = 0
        self._jobs = self.jobs()

    def jobs(self) -> Repository[Job, JobEvent]:
        return Repository(self.store, evolve, clock=SystemClock())

    async def send(self, command: WireCommand) -> UUID:
        command_id = new_id()
        self._commands += 1
        cause = Cause(causation_id=command_id, command_sequence=self._commands)
        await self._jobs.transact(self.stream, lambda job: decide(job, command, command_id=command_id), cause=cause)
        return command_id

    async def say(self, content: str) -> UUID:
        return await self.send(PostMessage(content=content))

    async def job(self) -> Job:
        job, _ = await self._jobs.load(self.stream)
        assert job is not None
        return job

    async def events(self, *kinds: type) -> list[Any]:
        return [each.event for each in await self.store.load(self.stream) if not kinds or isinstance(each.event, kinds)]

    @asynccontextmanager
    async def worker(self, model: FakeModel, name: str = "agents-one", **options: Any) -> AsyncIterator[Replier]:
        client: Any = self.nats
        options = {"retries": QUICK, "lease_seconds": 5.0} | options
        async with Holder(client, name) as holder:
            yield Replier(client, self.jobs(), model, holder, SystemClock(), **options)

    def wake(self, **options: Any) -> Any:
        return wake_up(self.stream, **options)


@pytest.fixture
async def office() -> Office:
    office = Office()
    await office.send(CreateJob(kind="build", prompt="An app for tennis", talks=True))
    return office


@pytest.fixture(autouse=True)
def no_faults_left() -> Iterator[None]:
    yield
    faults.disarm_all()


async def test_a_turn_gets_its_reply(office: Office) -> None:
    async with office.worker(FakeModel(QUESTION)) as replier:
        assert await replier(office.wake()) == Done()
    assert [message.content for message in (await office.job()).messages] == ["An app for tennis", "Who will use it?"]


async def test_a_second_wake_up_changes_nothing(office: Office) -> None:
    async with office.worker(model := FakeModel(QUESTION)) as replier:
        await replier(office.wake())
        await replier(office.wake())
    assert len(model.asked) == 1


async def test_every_turn_gets_one_reply_in_turn_order(office: Office) -> None:
    turns = [await office.say(f"more {number}") for number in range(3)]
    async with office.worker(FakeModel(QUESTION)) as replier:
        await replier(office.wake())
    posted = await office.events(ReplyPosted)
    assert [each.message_id for each in posted][1:] == [reply_id(turn) for turn in turns]


async def test_a_summary_ends_the_talk_and_queues_the_job(office: Office) -> None:
    async with office.worker(FakeModel(FINISHED)) as replier:
        await replier(office.wake())
    job = await office.job()
    assert (job.status, job.requirements_summary) == (Status.QUEUED, "## Features\n- booking")


async def test_who_says_more_while_the_summary_is_written_is_heard_first(office: Office) -> None:
    async def finish_while_the_person_types() -> ConversationTurn:
        await office.say("and a bar")
        return FINISHED

    model = FakeModel(finish_while_the_person_types, FINISHED)
    async with office.worker(model) as replier:
        await replier(office.wake())
    kinds = [each.type_name() for each in await office.events()]
    assert kinds[-6:] == [
        "user_message_posted",
        "reply_posted",
        "reply_started",
        "reply_posted",
        "requirements_summarized",
        "job_queued",
    ]


async def test_a_person_typing_the_marker_does_not_end_the_talk(office: Office) -> None:
    await office.say("REQUIREMENTS_SUMMARY: done")
    async with office.worker(FakeModel("Let us see.\nREQUIREMENTS_SUMMARY: done")) as replier:
        await replier(office.wake())
    assert (await office.job()).status is Status.COLLECTING


async def test_deltas_name_the_stream_of_the_stored_reply(office: Office) -> None:
    async with office.worker(FakeModel(QUESTION)) as replier:
        await replier(office.wake())
    (posted,) = await office.events(ReplyPosted)
    assert {(each["stream"], each["attempt"]) for each in office.nats.deltas()} == {(posted.stream, posted.attempt)}
    assert "".join(each["text"] for each in office.nats.deltas()) == posted.content


async def test_what_the_model_took_is_stored_with_the_reply(office: Office) -> None:
    async with office.worker(FakeModel(QUESTION)) as replier:
        await replier(office.wake())
    (posted,) = await office.events(ReplyPosted)
    assert (posted.usage.model, posted.usage.completion_tokens) == ("fake", 3)


async def test_the_events_name_the_event_that_woke_the_agent(office: Office) -> None:
    wake = office.wake()
    async with office.worker(FakeModel(QUESTION)) as replier:
        await replier(wake)
    last = (await office.store.load(office.stream))[-1]
    assert str(last.cause.causation_id) == wake.message.headers["Nats-Msg-Id"]


# -- a model that fails ------------------------------------------------------------------------------------------------


async def test_a_model_error_is_recorded_and_tried_again(office: Office) -> None:
    async with office.worker(FakeModel(ModelTimeout("too slow"), QUESTION)) as replier:
        assert await replier(office.wake()) == Done()
    kinds = [each.type_name() for each in await office.events()]
    assert kinds[2:] == ["reply_started", "reply_failed", "reply_started", "reply_posted"]


async def test_a_retry_is_visibly_another_attempt(office: Office) -> None:
    async def half() -> ConversationTurn:
        raise ModelTimeout("stopped in the middle")

    async with office.worker(FakeModel(half, QUESTION)) as replier:
        await replier(office.wake())
    assert [each.attempt for each in await office.events(ReplyStarted)] == [1, 2]
    assert next(each for each in office.nats.deltas() if each["attempt"] == 2)["offset"] == 0


async def test_after_the_last_try_the_job_fails_with_a_reason_for_people(office: Office) -> None:
    async with office.worker(FakeModel(ModelTimeout("the model did not answer within 60 s"))) as replier:
        assert await replier(office.wake()) == Done()
    job = await office.job()
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.message == "The agent could not answer after 3 tries. The model did not answer within 60 s."


async def test_an_error_that_will_not_pass_fails_the_job_at_once(office: Office) -> None:
    async with office.worker(FakeModel(ModelUnauthorized("the key was refused"))) as replier:
        await replier(office.wake())
    assert len(await office.events(ReplyFailed)) == 1
    assert (await office.job()).status is Status.FAILED


async def test_a_retry_takes_the_talk_up_at_the_unanswered_turn(office: Office) -> None:
    async with office.worker(FakeModel(ModelUnauthorized("the key was refused"), QUESTION)) as replier:
        await replier(office.wake())
        await office.send(RetryJob())
        await replier(office.wake())
    job = await office.job()
    assert (job.status, len(job.messages)) == (Status.COLLECTING, 2)


async def test_a_retry_starts_counting_tries_anew(office: Office) -> None:
    timeouts = [ModelTimeout("slow")] * 5
    async with office.worker(FakeModel(*timeouts, QUESTION)) as replier:
        await replier(office.wake())
        await office.send(RetryJob())
        await replier(office.wake())
    assert (await office.job()).status is Status.COLLECTING


async def test_a_long_wait_holds_no_worker(office: Office) -> None:
    async with office.worker(FakeModel(ModelRateLimited("busy", retry_after_seconds=60.0))) as replier:
        outcome = await replier(office.wake())
    assert isinstance(outcome, Later)
    assert 55 < outcome.delay_seconds <= 61


async def test_no_other_wake_up_hurries_a_wait(office: Office) -> None:
    async with office.worker(model := FakeModel(ModelRateLimited("busy", retry_after_seconds=60.0))) as replier:
        await replier(office.wake())
        await office.say("hello?")
        assert isinstance(await replier(office.wake()), Later)
    assert len(model.asked) == 1


async def test_a_model_that_never_answers_runs_out_of_time(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.agents.replying._GRACE_SECONDS", 0.0)

    async def never() -> Any:
        await asyncio.Event().wait()

    async with office.worker(FakeModel(never, QUESTION), timeout_seconds=0.05) as replier:
        await replier(office.wake())
    (failed,) = await office.events(ReplyFailed)
    assert failed.error.code == "model_timeout"


async def test_a_model_that_crashes_fails_the_try_and_not_the_worker(office: Office) -> None:
    async with office.worker(FakeModel(ZeroDivisionError("boom"), QUESTION)) as replier:
        assert await replier(office.wake()) == Done()
    (failed,) = await office.events(ReplyFailed)
    assert failed.error.code == "agent_failed"


# -- other workers -----------------------------------------------------------------------------------------------------


async def test_a_reply_that_another_living_worker_writes_is_left_to_it(office: Office) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> ConversationTurn:
        started.set()
        await go_on.wait()
        return QUESTION

    async with office.worker(FakeModel(slow)) as one, office.worker(other := FakeModel(QUESTION), "agents-two") as two:
        writing = asyncio.create_task(one(office.wake()))
        await started.wait()
        assert await two(office.wake()) == Done()
        go_on.set()
        await writing
    assert other.asked == []


async def test_a_turn_that_comes_while_another_worker_writes_is_answered_by_that_one(office: Office) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> ConversationTurn:
        started.set()
        await go_on.wait()
        return QUESTION

    async with office.worker(FakeModel(slow, QUESTION)) as one, office.worker(FakeModel(QUESTION), "agents-two") as two:
        writing = asyncio.create_task(one(office.wake()))
        await started.wait()
        await office.say("more")
        await two(office.wake())
        go_on.set()
        await writing
    assert (await office.job()).unanswered == ()


@pytest.mark.parametrize("again", [{"deliveries": 2}, {"hint": True}])
async def test_a_repeated_wake_up_comes_back_to_a_living_worker_later(office: Office, again: Any) -> None:
    started = asyncio.Event()

    async def slow() -> Any:
        started.set()
        await asyncio.Event().wait()

    async with office.worker(FakeModel(slow)) as one, office.worker(FakeModel(QUESTION), "agents-two") as two:
        writing = asyncio.create_task(one(office.wake()))
        await started.wait()
        assert await two(office.wake(**again)) == Later(5.0)
        writing.cancel()
        await asyncio.wait((writing,))


async def test_the_reply_of_a_worker_that_is_gone_is_taken_over(office: Office) -> None:
    jobs = office.jobs()
    await jobs.transact(office.stream, lambda job: decide(job, StartReply(worker="agents-gone")))
    async with office.worker(FakeModel(QUESTION)) as replier:
        await replier(office.wake())
    assert [each.attempt for each in await office.events(ReplyStarted)] == [1, 2]
    assert [each.attempt for each in await office.events(ReplyPosted)] == [2]


async def test_a_worker_that_was_taken_over_stores_nothing(office: Office) -> None:
    async def overtaken() -> ConversationTurn:
        takeover = StartReply(worker="agents-two", takeover=True)
        await office.jobs().transact(office.stream, lambda job: decide(job, takeover))
        return QUESTION

    async with office.worker(FakeModel(overtaken, QUESTION)) as one, office.worker(FakeModel(QUESTION), "agents-two"):
        delivery = office.wake()
        writing = asyncio.create_task(one(delivery))
        await asyncio.wait((writing,), timeout=5)
    # It asked who holds the newer attempt: nobody does (in this test), so it answered as attempt 3.
    assert [each.attempt for each in await office.events(ReplyPosted)] == [3]


async def test_a_worker_whose_lease_ran_out_stores_nothing(office: Office) -> None:
    delivery = office.wake()

    async def paused() -> ConversationTurn:
        delivery.abandon()
        return QUESTION

    async with office.worker(FakeModel(paused)) as replier:
        await replier(delivery)
    assert await office.events(ReplyPosted) == []
    assert office.nats.deltas() == []


async def test_a_cancelled_job_ends_the_model_call(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.agents.replying._WATCH_SECONDS", 0.01)

    async def cancelled_meanwhile() -> Any:
        await office.send(CancelJob())
        await asyncio.Event().wait()

    async with office.worker(FakeModel(cancelled_meanwhile)) as replier, asyncio.timeout(5):
        assert await replier(office.wake()) == Done()


async def test_two_workers_woken_at_once_give_one_reply(office: Office) -> None:
    models = FakeModel(QUESTION), FakeModel(QUESTION)
    async with office.worker(models[0]) as one, office.worker(models[1], "agents-two") as two:
        await asyncio.gather(one(office.wake()), two(office.wake()))
    assert len(await office.events(ReplyPosted)) == 1


@pytest.mark.parametrize("point", ["reply.after_started", "reply.mid_stream", "reply.before_post", "reply.after_post"])
async def test_a_crash_at_any_point_leaves_one_reply(office: Office, point: str) -> None:
    faults.arm(point, "raise")
    async with office.worker(FakeModel(QUESTION)) as one:
        with pytest.raises(faults.FaultInjected):
            await one(office.wake())
    async with office.worker(FakeModel(QUESTION), "agents-two") as two:
        assert await two(office.wake(deliveries=2)) == Done()
    assert faults.reached[point] >= 1
    assert len(await office.events(ReplyPosted)) == 1


async def test_a_worker_goes_on_for_ever_without_the_job_only_so_often(office: Office) -> None:
    for number in range(10):
        takeover = StartReply(worker=f"agents-{number}", takeover=True)
        await office.jobs().transact(office.stream, lambda job, takeover=takeover: decide(job, takeover))
    async with office.worker(FakeModel(QUESTION)) as replier:
        await replier(office.wake())
    job = await office.job()
    assert job.error is not None
    assert job.error.code == "no_progress"


async def test_at_most_slots_replies_are_written_at_once() -> None:
    offices = [Office() for _ in range(4)]
    writing = most = 0

    async def count() -> ConversationTurn:
        nonlocal writing, most
        writing += 1
        most = max(most, writing)
        await asyncio.sleep(0.01)
        writing -= 1
        return QUESTION

    first = offices[0]
    for each in offices:
        each.store = first.store
        each._jobs = first._jobs
        await each.send(CreateJob(kind="build", prompt="x", talks=True))
    async with first.worker(FakeModel(count), slots=2) as replier:
        await asyncio.gather(*(replier(each.wake()) for each in offices))
    assert most == 2
