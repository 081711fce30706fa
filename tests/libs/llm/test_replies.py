"""How replies are read: structure where there is some, else the agent's own words, never the person's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.llm.port import Completion, Usage
from libs.llm.replies import (
    ConversationTurn,
    ExecutiveTurn,
    agreement_in,
    conversation_message,
    conversation_turn_from,
    executive_turn_from,
)
from libs.llm.requirements import split_marker

USAGE = Usage("m", 1, 1, 0.1, "stop")


def words(text: str) -> Completion:
    return Completion(text, None, USAGE)


def structured(turn: ConversationTurn | ExecutiveTurn) -> Completion:
    return Completion("{}", turn, USAGE)


def test_words_without_the_marker_go_on() -> None:
    assert conversation_turn_from(words("Who is it for?")) == ConversationTurn("Who is it for?", False)


@pytest.mark.parametrize(
    "text",
    [
        "Thanks.\n\nREQUIREMENTS_SUMMARY:\n## Problem\n- x",
        "Thanks.\nREQUIREMENTS_SUMMARY: ## Problem\n- x",
        "Thanks.\n\n**REQUIREMENTS_SUMMARY:**\n## Problem\n- x",
        "Thanks.\n## REQUIREMENTS_SUMMARY:\n## Problem\n- x",
    ],
)
def test_the_marker_at_the_start_of_a_line_finishes(text: str) -> None:
    assert conversation_turn_from(words(text)) == ConversationTurn("Thanks.", True, "## Problem\n- x")


@pytest.mark.parametrize(
    "text", ["You wrote “REQUIREMENTS_SUMMARY: x”.", "> REQUIREMENTS_SUMMARY: x", "- REQUIREMENTS_SUMMARY: x"]
)
def test_the_marker_inside_a_line_is_text(text: str) -> None:
    assert not conversation_turn_from(words(text)).finished


def test_the_structured_decision_outweighs_the_words() -> None:
    turn = conversation_turn_from(structured(ConversationTurn("You said:\nREQUIREMENTS_SUMMARY: x", False)))
    assert not turn.finished
    assert split_marker(turn.reply)[1] is None


def test_a_finished_turn_without_a_summary_is_its_own_summary() -> None:
    assert conversation_turn_from(structured(ConversationTurn("It is a log.", True))).summary == "It is a log."


def test_a_summary_that_repeats_the_marker_is_stripped_of_it() -> None:
    turn = ConversationTurn("Thanks.", True, "REQUIREMENTS_SUMMARY:\n## Problem\n- x")
    assert conversation_turn_from(structured(turn)).summary == "## Problem\n- x"


def test_at_the_limit_any_words_are_the_summary() -> None:
    turn = conversation_turn_from(words("Who is it for?"), must_finish=True)
    assert (turn.finished, turn.summary) == (True, "Who is it for?")


@given(st.text(), st.booleans(), st.none() | st.text(), st.booleans())
def test_the_message_of_any_turn_reads_back_as_that_turn(
    reply: str, finished: bool, summary: str | None, must_finish: bool
) -> None:
    turn = conversation_turn_from(structured(ConversationTurn(reply, finished, summary)), must_finish=must_finish)
    before, after = split_marker(conversation_message(turn))
    assert (after is not None) == turn.finished == (turn.summary is not None)
    assert split_marker(before)[1] is None


@pytest.mark.parametrize(
    ("text", "agrees"),
    [
        ("Fine.\n\nVERDICT: agree", True),
        ("Fine.\n**Verdict:** Agree", True),
        ("I agree in part.\nVERDICT: object", False),
        ("VERDICT: object\nlater\nVERDICT: agree", True),
        ("I agree with this plan.", True),
        ("No further objections from me.", True),
        ("I cannot agree yet.", False),
        ("I disagree.", False),
        ("I object to R2.", False),
        ("I accept most of it, but R3 is a blocker.", False),
        ("Here is an architecture.", False),
        ("", False),
    ],
)
def test_words_say_whether_they_agree(text: str, agrees: bool) -> None:
    assert agreement_in(text) is agrees


def test_an_executive_s_turn_is_read_from_words_too() -> None:
    assert executive_turn_from(words("Yes.\nVERDICT: agree")) == ExecutiveTurn("Yes.\nVERDICT: agree", True)
