"""What an executive is given to read, taken apart: the summary, its numbered requirements, the discussion, the task."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from libs.llm.prompts import DISCUSSION_HEADING, REQUIREMENTS_HEADING, Contribution, unquote
from libs.llm.requirements import Requirement, number_requirements, sections_of
from libs.llm.wire import RequestMessage

__all__ = ["Brief", "read_brief"]

_ROUND = re.compile(r"^Round (\d+) of (\d+):", re.MULTILINE)


class Brief(msgspec.Struct, frozen=True):
    """Everything the executives' documents are made from."""

    requirements: tuple[Requirement, ...]
    sections: dict[str, tuple[str, ...]]
    discussion: tuple[Contribution, ...]
    task: str
    round_number: int = 1

    def said(self, area: str) -> tuple[str, ...]:
        """The summary's entries of one section."""
        return self.sections.get(area, ())

    @property
    def subject(self) -> str:
        """What it is all about: the first thing the person said of it."""
        for area in ("Idea", "Features", "Problem"):
            if entries := self.said(area):
                return entries[0]
        return next((entries[0] for entries in self.sections.values() if entries), "the idea")

    @property
    def people(self) -> str:
        """Who it is for, in the person's words."""
        return "; ".join(self.said("Audience"))

    def last_of(self, agent: str) -> str:
        """What an executive said last; empty before that."""
        return next((said.content for said in reversed(self.discussion) if said.agent == agent), "")


def read_brief(messages: Sequence[RequestMessage]) -> Brief:
    """Take the user messages apart; without our headings the whole of them is the summary."""
    text = "\n\n".join(message.text() for message in messages if message.role == "user")
    blocks: list[tuple[str, list[str]]] = []
    task: list[str] = []
    for line in text.split("\n"):
        if line.startswith(">") and blocks:
            blocks[-1][1].append(line)
        elif line == REQUIREMENTS_HEADING or (line.endswith(":") and not line.startswith(">")):
            blocks.append((line, []))
        elif line.strip():
            task.append(line)
    summary = next((unquote("\n".join(lines)) for heading, lines in blocks if heading == REQUIREMENTS_HEADING), None)
    discussion = tuple(
        Contribution(agent, agent, unquote("\n".join(lines)))
        for heading, lines in blocks
        if lines and (agent := heading.removeprefix(DISCUSSION_HEADING).rstrip(":")) != heading.rstrip(":")
    )
    if summary is None:
        summary = unquote(text)
    round_ = _ROUND.search("\n".join(task))
    return Brief(
        number_requirements(summary),
        dict(sections_of(summary)),
        discussion,
        "\n".join(task),
        int(round_[1]) if round_ else 1,
    )
