"""What the conversation says next, as pure functions: which turn is due, what the model reads, and what its words mean for the job.

Nothing a person types is control: people's words reach the model quoted, and a marker in the agent's message that repeats theirs is text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

import msgspec

from libs.jobs.commands import PostReply
from libs.jobs.decide import reply_id
from libs.jobs.events import Usage
from libs.jobs.state import Job, Status
from libs.llm.port import ChatMessage, Completion, ModelEmptyReply
from libs.llm.prompts import CLIENT_RELATIONS, ROLES, conversation_messages
from libs.llm.replies import ConversationTurn, conversation_message, conversation_turn_from
from libs.llm.requirements import MARKER, SECTIONS, neutralise_marker

__all__ = ["SENDER", "Answer", "Turn", "answer_from", "due_turn", "prompt", "summary_of_own_words"]

SENDER = ROLES[CLIENT_RELATIONS]

_ASKED = ("Problem", "Audience", "Features", "Success measures")
_CLOSING = "We have reached the limit of this conversation, so here is everything you told me, in your own words."
_HEARD = "Thank you. I see that you have added something; let me take it in."
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MARKER_LINE = re.compile(r"^[ \t>*_#-]*" + re.escape(MARKER) + r"[*_]*[ \t]*(?P<rest>.*)$")


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """The user turn that is answered next. `number` counts the talk's turns from 1."""

    id: UUID
    number: int
    history: tuple[ChatMessage, ...]
    turns_left: int
    must_finish: bool


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent says to a turn. With a `summary` the talk is over, unless the person said more while it was being written."""

    turn_id: UUID
    content: str
    reply: str
    summary: str | None
    forced: bool
    final: bool
    usage: Usage
    metadata: dict[str, object]

    def command(self, job: Job | None, *, attempt: int, stream: str) -> PostReply:
        """The command that stores it, given the job as it stands at that moment: somebody who said more is not shown a summary yet."""
        waiting = job is not None and len(job.unanswered) > 1 and not self.final
        return PostReply(
            turn_id=self.turn_id,
            attempt=attempt,
            message_id=reply_id(self.turn_id),
            sender=SENDER,
            content=(self.reply or _HEARD) if self.summary is not None and waiting else self.content,
            stream=stream,
            metadata=self.metadata,
            usage=self.usage,
            summary=None if waiting else self.summary,
            forced=self.forced,
        )


def due_turn(job: Job, *, rounds_max: int) -> Turn | None:
    """The oldest unanswered turn with the talk up to it, each turn followed by its reply; None where nobody waits for an answer.

    From turn `rounds_max` on the talk must finish; what was said in the meantime is heard first, up to twice as many turns.
    """
    if job.status is not Status.COLLECTING or not job.unanswered:
        return None
    turns = [message for message in job.messages if message.role == "user"]
    replies = {message.id: message for message in job.messages if message.role == "agent"}
    history: list[ChatMessage] = []
    for number, turn in enumerate(turns, start=1):
        history.append(ChatMessage("user", turn.content))
        if turn.id == job.unanswered[0]:
            others_wait = len(job.unanswered) > 1
            return Turn(
                id=turn.id,
                number=number,
                history=tuple(history),
                turns_left=max(rounds_max - number, 1 if others_wait else 0),
                must_finish=number >= rounds_max and (not others_wait or number >= 2 * rounds_max),
            )
        if (reply := replies.get(reply_id(turn.id))) is not None:
            history.append(ChatMessage("assistant", reply.content))
    return None


def prompt(turn: Turn) -> list[ChatMessage]:
    """What the model reads to answer the turn."""
    return conversation_messages(turn.history, turns_left=turn.turns_left, must_finish=turn.must_finish)


def answer_from(turn: Turn, completion: Completion, *, rounds_max: int) -> Answer:
    """What the model's words mean. Raises `ModelEmptyReply` where it said nothing.

    Finished is what the model decided in structure, else what the marker in its own words says; a summary made of the person's
    own messages takes the place of one that the model owes: where it says that it has finished, and at the limit.
    """
    said = [message.content for message in turn.history if message.role == "user"]
    if completion.parsed is None:
        completion = msgspec.structs.replace(completion, text=_quoting(completion.text, said))
    decided = conversation_turn_from(completion)
    if decided.finished and completion.parsed is not None and decided.summary == decided.reply.strip() != "":
        decided = ConversationTurn(decided.reply, finished=True, summary=summary_of_own_words(said))
    if decided.finished and not (decided.summary or "").strip():
        decided = ConversationTurn(decided.reply, finished=False)
    if turn.must_finish and not decided.finished:
        decided = ConversationTurn(_CLOSING, finished=True, summary=summary_of_own_words(said))
    content = storable(conversation_message(decided)).strip()
    if not content:
        raise ModelEmptyReply("the model answered with no words")
    usage = completion.usage
    return Answer(
        turn_id=turn.id,
        content=content,
        reply=storable(decided.reply).strip(),
        summary=storable(decided.summary).strip() if decided.summary is not None else None,
        forced=turn.must_finish,
        final=turn.must_finish and turn.number >= 2 * rounds_max,
        usage=Usage(
            model=usage.model,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            latency_seconds=usage.latency_seconds,
        ),
        metadata={"turn": turn.number, "finished": decided.finished, "finish_reason": usage.finish_reason},
    )


def summary_of_own_words(said: Sequence[str]) -> str:
    """A summary that adds nothing: each line the person typed becomes an entry, and what the talk asks for stays open."""
    entries = [f"- {line}" for words in said for raw in words.splitlines() if (line := raw.strip(" \t-*#>_"))]
    sections = [f"## {area}\n\n_Open: not answered._" for area in _ASKED]
    return "\n\n".join([*sections, "## Other\n\n" + "\n".join(entries)])


def storable(text: str) -> str:
    """The text without what no database or terminal takes: control characters, halves of surrogate pairs."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _UNSTORABLE.sub("", whole)


def _quoting(text: str, said: Sequence[str]) -> str:
    """The agent's words with every marker turned into a quotation that only repeats what the person typed."""
    typed = [following for words in said for following in _markers(words.splitlines())]
    if not typed:
        return text
    lines = text.splitlines()
    repeated = [index for index, following in _marker_places(lines) if _repeats(following, typed)]
    for index in repeated:
        lines[index] = neutralise_marker(lines[index])
    return "\n".join(lines) if repeated else text


def _repeats(following: str, typed: Sequence[str]) -> bool:
    if any(theirs and (following.startswith(theirs) or theirs.startswith(following)) and following for theirs in typed):
        return True
    # A bare marker that was typed, and echoed without anything that looks like a summary after it.
    bare = any(not theirs for theirs in typed)
    return bare and not any(following.startswith(_plain(title)) for title in SECTIONS)


def _markers(lines: Sequence[str]) -> list[str]:
    return [following for _, following in _marker_places(lines)]


def _marker_places(lines: Sequence[str]) -> list[tuple[int, str]]:
    """Where a marker starts a line, and the first words after it, in a form that can be compared."""
    places = []
    for index, line in enumerate(lines):
        if (found := _MARKER_LINE.match(line)) is not None:
            after = [found["rest"], *lines[index + 1 :]]
            places.append((index, next((words for each in after if (words := _plain(each))), "")))
    return places


def _plain(line: str) -> str:
    return " ".join(line.strip(" \t>*_#-`\"'").casefold().split())
