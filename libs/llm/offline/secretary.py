"""The offline Secretary: the summary of a discussion and the PRD, made from the summary's words and the decisions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from libs.llm.offline.brief import Brief
from libs.llm.offline.design import Estimate, estimate, figures_in
from libs.llm.offline.statements import shortened

__all__ = ["prd", "summary"]

_DECISION = re.compile(r"^[-*\s]*\**Decision on (?P<id>R\d+)(?P<text>.*)$", re.MULTILINE | re.IGNORECASE)
_RULE = re.compile(r"\bObjection on (?P<id>R\d+):?\**:? (?P<text>.*must be stated.*)$", re.MULTILINE | re.IGNORECASE)
_UNSAID = "Nothing was said about this yet."


def summary(brief: Brief) -> str:
    """What is built, for whom, what was decided, what stays open."""
    lines = ["## What is built", "", f"“{shortened(brief.subject, 240)}”", ""]
    lines += [f"- **{item.id}** ({item.area}): {item.text}" for item in brief.requirements]
    lines += ["", "## For whom", "", *_bullets(brief.said("Audience")), "", "## What was decided", ""]
    decisions = _decisions(brief)
    lines += [f"- {number}: {text}" for number, text in decisions] or ["- The proposal was agreed to as it stood."]
    lines += ["", "## What stays open", "", *_open_questions(brief)]
    return "\n".join(lines)


def prd(brief: Brief) -> str:
    """The product requirements document, every requirement traced by its number."""
    estimates = estimate(brief.requirements)
    goals = [f"Solve: {entry}" for entry in brief.said("Problem")] or [f"Deliver: {brief.subject}"]
    lines = [f"# {_title(brief.subject)}", ""]
    lines += _section("Problem", _bullets(brief.said("Problem")))
    lines += _section("Goals", _bullets(goals))
    lines += _section("Audience", _bullets(brief.said("Audience")))
    lines += _section("Requirements", _table(brief, estimates))
    lines += _section("Architecture", _architecture(estimates))
    lines += _section("Risks", [f"- {item.requirement.id}: {item.risk}." for item in estimates])
    lines += _section("Milestones", _milestones(brief, estimates))
    lines += _section("Success measures", _bullets(brief.said("Success measures")))
    lines += _section("Open questions", _open_questions(brief))
    return "\n".join(lines).rstrip() + "\n"


def _section(title: str, body: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *body, ""]


def _bullets(entries: Sequence[str]) -> list[str]:
    return [f"- {entry}" for entry in entries] or [_UNSAID]


def _table(brief: Brief, estimates: Sequence[Estimate]) -> list[str]:
    rows = ["| Number | Requirement | Acceptance criteria | Effort |", "|---|---|---|---|"]
    for item in estimates:
        criteria = "<br>".join(_criteria(brief, item))
        rows.append(f"| {item.requirement.id} | {_cell(item.requirement.text)} | {_cell(criteria)} | {item.effort} |")
    return rows


def _criteria(brief: Brief, item: Estimate) -> list[str]:
    """How the person can see that a requirement is met: its own words shown, its figures held, its parts checked."""
    who = f" for {shortened(brief.people, 80)}" if brief.people else ""
    words = f"“{shortened(item.requirement.text, 120)}”"
    if item.requirement.area == "Constraints":
        return [f"{words} holds for everything that is built."]
    criteria = [f"{words} works from start to end{who}."]
    if figures := figures_in(item.requirement.text):
        criteria.append(f"Measured, it holds: {', '.join(figures)}.")
    criteria += [f"Checked: {part.check}." for part in item.parts[:2]]
    return criteria


def _architecture(estimates: Sequence[Estimate]) -> list[str]:
    parts = {part.name: part for item in estimates for part in item.parts}
    lines = ["- One web service over one relational database serves all requirements."]
    for part in parts.values():
        served = ", ".join(item.requirement.id for item in estimates if part in item.parts)
        lines.append(f"- {part.name} ({served}): {part.purpose}.")
    return lines


def _milestones(brief: Brief, estimates: Sequence[Estimate]) -> list[str]:
    small = [item.requirement.id for item in estimates if item.effort != "L"]
    large = [item.requirement.id for item in estimates if item.effort == "L"]
    steps = [f"{', '.join(small)} can be used from end to end."] if small else []
    if large:
        steps += [f"The smallest useful version of {', '.join(large)}.", f"The whole of {', '.join(large)}."]
    if measures := brief.said("Success measures"):
        steps.append(f"Measure: {'; '.join(measures)}")
    return [f"{number}. {step}" for number, step in enumerate(steps, start=1)] or [_UNSAID]


def _decisions(brief: Brief) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for said in brief.discussion:
        for decision in _DECISION.finditer(said.content):
            found[decision["id"]] = decision["text"].strip(" *:").replace("**", "").partition(" It concerns ")[0]
    return sorted(found.items(), key=lambda pair: int(pair[0][1:]))


def _open_questions(brief: Brief) -> list[str]:
    questions = [
        f"- {area}: not answered yet."
        for area in ("Problem", "Audience", "Features", "Success measures")
        if not brief.said(area)
    ]
    for said in brief.discussion:
        for rule in _RULE.finditer(said.content):
            line = f"- {rule['id']}: {rule['text'].strip(' .')}."
            if line not in questions:
                questions.append(line)
    return questions or ["None."]


def _title(subject: str) -> str:
    words = re.sub(
        r"^(?:(?:please|hi|hello|i|we)[,\s]+)*(?:(?:want|need|would like|am looking for|are looking for)\s+(?:to (?:build|make|have)\s+)?)?"
        r"(?:(?:build|make|create|develop)(?: me| us)?\s+)?(?:an?|the)?\s*",
        "",
        subject,
        flags=re.IGNORECASE,
    )
    short = shortened(words or subject, 70).lstrip("#*_ ")
    return short[:1].upper() + short[1:] or "Product requirements"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
