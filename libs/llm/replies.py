"""What agents answer with: the structures asked of the model, and how they are read where it only offers words."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from libs.llm.port import Completion
from libs.llm.requirements import MARKER, neutralise_marker, split_marker

__all__ = [
    "ConversationTurn",
    "ExecutiveTurn",
    "agreement_in",
    "conversation_message",
    "conversation_turn_from",
    "executive_turn_from",
]


class ConversationTurn(msgspec.Struct, frozen=True):
    """One turn of Client Relations. Field order matters: `reply` comes first so that it can be streamed."""

    reply: Annotated[str, msgspec.Meta(description="What the person reads now, without the summary.")]
    finished: Annotated[bool, msgspec.Meta(description="True when the requirements are complete.")]
    summary: Annotated[
        str | None, msgspec.Meta(description="When finished: the requirements in Markdown. Otherwise null.")
    ] = None


class ExecutiveTurn(msgspec.Struct, frozen=True):
    """One turn of the executive discussion; `agrees` is whether the speaker accepts the plan as it stands."""

    message: Annotated[str, msgspec.Meta(description="The contribution in Markdown.")]
    agrees: Annotated[bool, msgspec.Meta(description="True when you accept the plan as it stands.")]


def conversation_turn_from(completion: Completion, *, must_finish: bool = False) -> ConversationTurn:
    """Client Relations' turn: the model's structured decision, else the marker at the start of a line of its words.

    A finished turn always has a summary and an unfinished one never; `reply` never holds a line that starts with the
    marker. With `must_finish` (the turn limit) whatever the model said is taken as the end."""
    if isinstance(completion.parsed, ConversationTurn):
        turn = completion.parsed
        reply, inline = split_marker(turn.reply)
        if not (turn.finished or must_finish):
            return ConversationTurn(neutralise_marker(turn.reply), finished=False)
        body = _without_marker(turn.summary or "") or inline or reply
    else:
        reply, inline = split_marker(completion.text)
        if inline is None and not must_finish:
            return ConversationTurn(completion.text, finished=False)
        body = inline or reply
    return ConversationTurn(neutralise_marker(reply), finished=True, summary=neutralise_marker(body))


def conversation_message(turn: ConversationTurn) -> str:
    """The turn as the one message people read and the log stores: when finished, marker and summary end it."""
    if not turn.finished:
        return turn.reply
    return f"{turn.reply}\n\n{MARKER}\n\n{turn.summary}".lstrip()


def executive_turn_from(completion: Completion) -> ExecutiveTurn:
    """An executive's turn: the structured one, else its words with the agreement read from them (`agreement_in`)."""
    if isinstance(completion.parsed, ExecutiveTurn):
        return completion.parsed
    return ExecutiveTurn(completion.text, agrees=agreement_in(completion.text))


_VERDICT = re.compile(r"^[ \t>*_#-]*verdict[*_]*\s*:[*_\s]*(?P<word>\w+)", re.IGNORECASE | re.MULTILINE)
_YES = frozenset({"agree", "agreed", "agrees", "yes", "accept", "accepted", "approve", "approved"})
_REFUSAL = re.compile(
    r"\b(?:disagree|object(?:ion)?s?|(?:can(?:no|')t|not|don't|won't) (?:yet )?(?:agree|accept|approve|support)"
    r"|blocker|must change|reject)\b",
    re.IGNORECASE,
)
_NO_REFUSAL = re.compile(r"\bno (?:further |more |remaining |other )?(?:objections?|blockers?)\b", re.IGNORECASE)
_ASSENT = re.compile(r"\b(?:agree[ds]?|accept(?:ed)?|approved?|sounds good|good to go)\b", re.IGNORECASE)


def agreement_in(text: str) -> bool:
    """Whether words agree with the plan: their last `VERDICT:` line, else how they are put; in doubt they do not."""
    lines: list[str] = _VERDICT.findall(text)
    if lines:
        return lines[-1].casefold() in _YES
    if _REFUSAL.search(_NO_REFUSAL.sub("", text)):
        return False
    return bool(_ASSENT.search(text) or _NO_REFUSAL.search(text))


def _without_marker(summary: str) -> str:
    before, after = split_marker(summary)
    return (before if after is None else after).strip()
