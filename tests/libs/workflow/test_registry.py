from __future__ import annotations

import pytest

from libs.workflow import JobContext, shard, workflow
from libs.workflow.errors import InvalidName, Misuse, UnknownWorkflow
from libs.workflow.registry import Workflows
from libs.workflow.results import signature_of
from libs.workflow.steps import StepContext


@workflow("registry-test")
async def registered(job: JobContext) -> None: ...


async def chosen(job: JobContext) -> None: ...


def plain(job: JobContext) -> None: ...


def test_a_registered_workflow_is_found_by_its_kind() -> None:
    assert Workflows().get("registry-test") is registered


def test_the_configuration_names_another() -> None:
    path = f"{__name__}:chosen"
    found = Workflows({"registry-test": path}).get("registry-test")
    assert found is not None
    assert found.__name__ == "chosen"  # type: ignore[attr-defined]


def test_what_is_built_in_gives_way() -> None:
    known = Workflows({}, {"registry-test": chosen, "other": chosen})
    assert (known.get("registry-test"), known.get("other"), known.get("none")) == (registered, chosen, None)


@pytest.mark.parametrize(
    "path", ["no.such:thing", "libs.workflow", "libs.workflow:nothing", f"{__name__}:plain", ":", "libs..x:y"]
)
def test_an_orchestrator_that_cannot_be_used_is_explained(path: str) -> None:
    with pytest.raises(UnknownWorkflow):
        Workflows({"kind": path})


def test_two_functions_cannot_be_one_kind() -> None:
    with pytest.raises(InvalidName):
        workflow("registry-test")(chosen)


@pytest.mark.parametrize("name", ["", "Upper", "a.b", "a b", "*", "x" * 129])
def test_a_shards_name_is_a_subject_token(name: str) -> None:
    with pytest.raises(InvalidName):
        shard(name)


def test_an_annotation_that_cannot_be_resolved_is_named() -> None:
    class Local: ...

    async def step() -> Local: ...

    with pytest.raises(Misuse, match="Local"):
        signature_of(step, StepContext)
