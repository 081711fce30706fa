"""The offline CEO and CTO: a proposal, an answer with objections where the words give cause, and their settlement."""

from __future__ import annotations

import re

from libs.llm.offline.brief import Brief
from libs.llm.offline.design import Estimate, estimate
from libs.llm.offline.statements import shortened
from libs.llm.prompts import ROLES
from libs.llm.replies import ExecutiveTurn

__all__ = ["ceo_turn", "cto_turn"]

_OBJECTION = re.compile(r"^- \*\*Objection on (R\d+):\*\* (?P<reason>.+)$", re.MULTILINE)
_FOREIGN_OBJECTION = re.compile(r"\bObjection on (R\d+)\b", re.IGNORECASE)
_DECISION = re.compile(r"\bDecision on (R\d+)\b", re.IGNORECASE)
_OBJECTIONS_MAX = 3
_TOO_LARGE = "it is too large to be built and judged as one piece; name the smallest version that helps somebody"
_NO_MEASURE = "nothing says yet how anybody would know that it works; name a measure or accept that there is none"


def ceo_turn(brief: Brief) -> ExecutiveTurn:
    """A proposal in the first round; later, a decision on each open objection."""
    objections = {found[1]: found["reason"] for found in _OBJECTION.finditer(brief.last_of(ROLES["cto"]))}
    for found in _FOREIGN_OBJECTION.finditer(brief.last_of(ROLES["cto"])):
        objections.setdefault(found[1], "")
    if objections:
        return ExecutiveTurn(_settlement(brief, objections), agrees=True)
    return ExecutiveTurn(_proposal(brief), agrees=True)


def cto_turn(brief: Brief) -> ExecutiveTurn:
    """Architecture, effort and risk of every requirement; objections that the CEO has not settled yet."""
    estimates = estimate(brief.requirements)
    decided = {found[1] for said in brief.discussion for found in _DECISION.finditer(said.content)}
    objections = [(number, reason) for number, reason in _objections(brief, estimates) if number not in decided]
    agrees = not objections
    if decided and brief.round_number > 1:
        lines = [f"The decisions on {_listed(sorted(decided, key=_order))} settle what I asked for."]
    else:
        lines = _assessment(brief, estimates)
    if objections:
        lines += ["", *(f"- **Objection on {number}:** {reason}." for number, reason in objections)]
    else:
        lines += ["", "I agree: the plan can be built as it stands."]
    return ExecutiveTurn("\n".join(lines), agrees=agrees)


def _proposal(brief: Brief) -> str:
    lines = [f"**Vision.** We build what was asked for: “{shortened(brief.subject, 240)}”."]
    if brief.people:
        lines.append(f"It serves {_quoted(brief.people)}.")
    if problem := brief.said("Problem"):
        lines.append(f"It succeeds when this is no longer so: {_quoted(problem[0])}.")
    lines += ["", "**Scope.**"]
    for item in estimate(brief.requirements):
        lines.append(f"- **{item.requirement.id}** {_quoted(item.requirement.text)}: {_place_in_scope(item)}.")
    open_areas = [area for area in ("Problem", "Audience", "Features", "Success measures") if not brief.said(area)]
    if open_areas:
        lines += ["", f"**Open questions.** Nothing was said yet about: {', '.join(open_areas).lower()}."]
    return "\n".join(lines)


def _assessment(brief: Brief, estimates: list[Estimate]) -> list[str]:
    parts = {part.name: part for item in estimates for part in item.parts}
    lines = ["**Architecture.** One web service over one relational database, with a page for each task, and:"]
    for part in parts.values():
        served = [item.requirement.id for item in estimates if part in item.parts]
        lines.append(f"- {part.name} ({_listed(served)}): {part.purpose}.")
    if not parts:
        lines.append("- nothing beyond forms and lists: the requirements ask for no other part.")
    lines += ["", "| Requirement | Words | Effort | Main risk |", "|---|---|---|---|"]
    for item in estimates:
        words = shortened(item.requirement.text, 70).replace("|", "\\|")
        lines.append(f"| {item.requirement.id} | {words} | {item.effort} | {item.risk} |")
    return lines


def _objections(brief: Brief, estimates: list[Estimate]) -> list[tuple[str, str]]:
    """At most one objection a requirement, and three in all; none where the words give no cause."""
    found: dict[str, str] = {}
    for item in estimates:
        if item.rules:
            found[item.requirement.id] = item.rules[0]
        elif item.effort == "L":
            found[item.requirement.id] = _TOO_LARGE
    if estimates and not brief.said("Success measures"):
        found.setdefault(estimates[0].requirement.id, _NO_MEASURE)
    return list(found.items())[:_OBJECTIONS_MAX]


def _settlement(brief: Brief, objections: dict[str, str]) -> str:
    texts = {requirement.id: requirement.text for requirement in brief.requirements}
    lines = ["**Decisions.** I take up each objection:", ""]
    for number, reason in sorted(objections.items(), key=lambda pair: _order(pair[0])):
        about = f" It concerns {_quoted(texts[number])}." if number in texts else ""
        lines.append(f"- **Decision on {number}:** {_decision(reason)}.{about}")
    others = [requirement.id for requirement in brief.requirements if requirement.id not in objections]
    if others:
        lines += ["", f"{_listed(others)} {'stays' if len(others) == 1 else 'stay'} as proposed."]
    return "\n".join(lines)


def _decision(reason: str) -> str:
    if _TOO_LARGE in reason:
        return (
            "the first release holds the smallest version that a person can use from end to end; the rest comes after"
        )
    if _NO_MEASURE in reason:
        return (
            "until the person names a measure it counts as done when its acceptance criteria pass; it stays a question"
        )
    if "must be stated" in reason:
        return "the builders ask the person for this rule before they start on it, and list it among the open questions"
    return "we build the simpler form first and look at it together before going on"


def _place_in_scope(item: Estimate) -> str:
    if item.requirement.area == "Constraints":
        return "a limit on everything we build"
    when = "a first version early, the whole of it after that" if item.effort == "L" else "in the first release"
    needs = _listed([part.name.lower() for part in item.parts])
    return f"{when}; it needs {needs}" if needs else when


def _quoted(text: str) -> str:
    return f"“{shortened(text, 200)}”"


def _listed(items: list[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def _order(number: str) -> int:
    return int(number[1:])
