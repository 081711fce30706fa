"""A workflow of one's own: a newsletter that is drafted, approved by a person, sent, and followed up.

Run it beside the built-in one:

    PYTHONPATH=. ORCHESTRATORS=newsletter=examples.newsletter:newsletter python -m services.runner

and create a job of the kind `newsletter` with a request such as

    {"topic": "tennis", "readers": ["ann@example.org", "bob@example.org"], "feedback_seconds": 60}

Whatever crashes in between, no reader is counted twice, nothing finished is done again, and while it waits for its
editor, the hour of sending or feedback it holds no worker.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec

from libs.workflow import App, JobContext, Retry, StepContext, WaitTimedOut, shard, workflow


class Order(msgspec.Struct, frozen=True):
    """What the job is asked to do."""

    topic: str
    readers: list[str]
    pause_seconds: float = 1.0
    feedback_seconds: float = 60.0


class Article(msgspec.Struct, frozen=True):
    title: str
    words: int


class Letter(msgspec.Struct, frozen=True):
    reader: str
    text: str


class Delivery(msgspec.Struct, frozen=True):
    reader: str
    characters: int


class Feedback(msgspec.Struct, frozen=True):
    stars: int


async def write_article(topic: str, number: int, step: StepContext) -> Article:
    """A step: its result is stored, typed, and never computed again. Watchers see it being written."""
    title = f"{topic.capitalize()}, part {number}"
    for word in title.split():
        await step.delta(f"{word} ")
        await asyncio.sleep(0)
    return Article(title, words=100 * number)


def table_of_contents(articles: list[Article]) -> str:
    """A plain function is a step, too: it runs in a thread."""
    return "\n".join(f"- {article.title} ({article.words} words)" for article in articles)


@shard("newsletter-send", retry=Retry(attempts=3, initial_seconds=0.5))
async def send(letter: Letter) -> Delivery:
    """One shard of a map: any runner may take it; its first stored result counts."""
    return Delivery(letter.reader, len(letter.text))


@workflow("newsletter")
async def newsletter(job: JobContext) -> App:
    order = msgspec.convert(job.request, Order)

    # Steps side by side: plain asyncio.
    articles = await asyncio.gather(
        *(
            job.step(f"article-{number}", write_article, order.topic, number, agent="Writer", message=lambda a: a.title)
            for number in (1, 2, 3)
        )
    )
    contents = await job.step("contents", table_of_contents, articles, agent="Editor")
    await job.artifact("newsletter.md", f"# {order.topic}\n\n{contents}\n", "text/markdown")

    # A person decides; a no fails the job with their words, and a retry asks again.
    approval = await job.approval("send", summary=f"Send this to {len(order.readers)} readers?\n\n{contents}")

    # A durable pause: the due time is stored, and no worker waits for it.
    await job.sleep("before-sending", order.pause_seconds)

    letters = [Letter(reader, contents) for reader in order.readers]
    deliveries = await job.map("deliveries", send, letters)
    await job.progress(len(deliveries), len(letters), message="all sent")

    # A signal from outside: POST /api/jobs/<id>/signals/feedback/ {"data": {"stars": 5}}
    try:
        feedback = await job.wait_for("feedback", timeout_seconds=order.feedback_seconds, type=Feedback)
        stars: int | None = feedback.stars
    except WaitTimedOut:
        stars = None

    return App(
        spec={
            "contents": contents,
            "approved_with": approval.comment,
            "delivered": len(deliveries),
            "characters": sum(each.characters for each in deliveries),
            "stars": stars,
            "patience": str(timedelta(seconds=order.feedback_seconds)),
        }
    )
