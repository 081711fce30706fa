"""The build workflow: CEO and CTO discuss until they agree or their rounds are over, the Secretary sums up and writes the PRD."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from libs.llm.port import ChatMessage, Completion, ModelEmptyReply
from libs.llm.prompts import (
    CEO,
    CTO,
    ROLES,
    SECRETARY,
    Contribution,
    ceo_messages,
    cto_messages,
    prd_messages,
    secretary_messages,
)
from libs.llm.replies import ExecutiveTurn, executive_turn_from
from libs.llm.requirements import Requirement, number_requirements
from libs.workflow import App, JobContext, Retry, StepContext, Usage

if TYPE_CHECKING:
    from libs.llm.port import ChatModel

__all__ = ["Build", "Turn", "traced"]

PLAN = "plan"  # the approval asked for after the discussion
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_GRACE_SECONDS = 30.0  # the model keeps its own time; this is for one that does not


class Turn(msgspec.Struct, frozen=True):
    """What an agent said; `agrees` is whether it accepts the plan as it stands."""

    content: str
    agrees: bool = False


class Build:
    """Does `build` jobs. Each turn is a step, `ceo-1`, `cto-1`, `ceo-2`, ..., then `summary` and `prd`.

    A job with approvals is asked for them: `plan` after the discussion, any other name (such as `build`) before it.
    """

    def __init__(self, model: ChatModel, *, rounds_max: int, retry: Retry, timeout_seconds: float) -> None:
        self._model = model
        self._rounds_max = rounds_max
        self._retry = retry
        self._timeout_seconds = timeout_seconds

    async def __call__(self, job: JobContext) -> App:
        requirements = job.requirements
        # Every approval the job names is asked for: `plan` once there is one, whatever else before the discussion begins.
        for name in dict.fromkeys(job.approvals):
            if name != PLAN:
                await job.approval(name, summary=f"Build this?\n\n{requirements}")

        discussion: list[Contribution] = []
        agreed, round_number = False, 0
        ceo = cto = Turn("")
        while not agreed and round_number < self._rounds_max:
            round_number += 1
            rounds = {"round_number": round_number, "rounds_max": self._rounds_max}
            ceo = await self._turn(job, f"ceo-{round_number}", CEO, ceo_messages(requirements, discussion, **rounds))
            discussion.append(Contribution(ROLES[CEO], CEO, ceo.content))
            cto = await self._turn(job, f"cto-{round_number}", CTO, cto_messages(requirements, discussion, **rounds))
            discussion.append(Contribution(ROLES[CTO], CTO, cto.content))
            agreed = cto.agrees
        if PLAN in job.approvals:
            await job.approval(PLAN, summary=f"Go on with this plan?\n\n{ceo.content}\n\n{cto.content}")

        summary = await self._turn(job, "summary", SECRETARY, secretary_messages(requirements, discussion))
        prd = await self._turn(job, "prd", SECRETARY, prd_messages(requirements, discussion))
        numbered = number_requirements(requirements)
        return App(
            spec={
                "requirements": requirements,
                "numbered_requirements": numbered,
                "discussion": discussion,
                "rounds": round_number,
                "agreed": agreed,
                "summary": summary.content,
                "prd": traced(prd.content, numbered),
            }
        )

    async def _turn(self, job: JobContext, name: str, role: str, messages: Sequence[ChatMessage]) -> Turn:
        return await job.step(
            name,
            self._speak,
            role,
            messages,
            agent=ROLES[role],
            message=lambda turn: turn.content,
            retry=self._retry,
            timeout_seconds=self._timeout_seconds + _GRACE_SECONDS,
        )

    async def _speak(self, role: str, messages: Sequence[ChatMessage], step: StepContext) -> Turn:
        judged = role == CTO  # the CEO proposes, the CTO accepts
        completion = await self._model.complete(
            messages,
            role=role,
            schema=ExecutiveTurn if judged else None,
            stream_field="message" if judged else None,
            on_delta=step.delta,
            timeout_seconds=self._timeout_seconds,
        )
        step.usage = _usage(completion)
        turn = executive_turn_from(completion) if judged else ExecutiveTurn(completion.text, agrees=False)
        content = _UNSTORABLE.sub("", turn.message).strip()
        if not content:
            raise ModelEmptyReply("the model answered with no words")
        return Turn(content, turn.agrees)


def traced(prd: str, requirements: Sequence[Requirement]) -> str:
    """The PRD with every requirement named by its number: those its author left out are listed at its end."""
    missing = [each for each in requirements if not re.search(rf"\b{each.id}\b", prd)]
    if not missing:
        return prd
    rows = "\n".join(f"| {each.id} | {each.text.replace('|', '/')} |" for each in missing)
    return f"{prd}\n\n## Requirements not traced above\n\n| Number | Requirement |\n| --- | --- |\n{rows}"


def _usage(completion: Completion) -> Usage:
    usage = completion.usage
    return Usage(
        model=usage.model,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        latency_seconds=usage.latency_seconds,
    )
