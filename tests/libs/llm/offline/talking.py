"""A whole requirements talk with the offline model, as the agents service would hold it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from libs.llm.offline.conversation import reply_to
from libs.llm.port import ChatMessage
from libs.llm.prompts import conversation_messages
from libs.llm.replies import ConversationTurn, conversation_message
from libs.llm.wire import RequestMessage

__all__ = ["Held", "hold"]


class Held(msgspec.Struct):
    """A talk: the agent's turns in order, and how many of the answers were used."""

    turns: list[ConversationTurn]
    used: list[str]

    @property
    def last(self) -> ConversationTurn:
        return self.turns[-1]

    @property
    def summary(self) -> str:
        assert self.last.summary is not None
        return self.last.summary


def hold(answers: Sequence[str], *, turns_left: int | None = None) -> Held:
    """Give the answers one by one; once they are used up, say that that is all."""
    history: list[ChatMessage] = []
    held = Held([], [])
    for number, answer in enumerate([*answers, "that's all"]):
        history.append(ChatMessage("user", answer))
        left = None if turns_left is None else turns_left - number
        messages = conversation_messages(history, turns_left=left)
        turn = reply_to([RequestMessage(m.role, m.content) for m in messages])
        held.turns.append(turn)
        held.used.append(answer)
        if turn.finished:
            break
        history.append(ChatMessage("assistant", conversation_message(turn)))
    return held
