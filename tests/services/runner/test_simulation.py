"""Simulation workflows without servers: the same functions that runners run, on the workbench."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from libs.blackjack import engine
from libs.blackjack.tally import digest
from libs.jobs.events import JobCompleted, ProgressReported, StepRecorded
from libs.simulation.plan import Part
from libs.simulation.request import Profiles, prepare
from libs.workflow import ShardContext
from libs.workflow.errors import ShardCancelled
from libs.workflow.ports import ShardTask
from libs.workflow.testing import Workbench
from services.runner import simulation

SEED = 7
REQUEST: dict[str, Any] = {"num_rounds": 20_000, "seed": SEED, "players": [{"betting_strategy": "spread_1_12"}]}


def bench(request: dict[str, Any], kind: str = "simulation", **options: Any) -> Workbench:
    order = prepare(kind, request, Profiles(()), SEED)
    return Workbench(
        simulation.WORKFLOWS[kind],
        kind=kind,
        request=msgspec.to_builtins(order),
        children=simulation.WORKFLOWS,
        **options,
    )


async def result_of(request: dict[str, Any], kind: str = "simulation") -> dict[str, Any]:
    job = bench(request, kind)
    assert (await job.run()).status.value == "done", (await job.events())[-1]
    return await stored_result(job)


async def shard_context(request: dict[str, Any]) -> ShardContext:
    task = ShardTask(map="top-up", number=0, shard="blackjack-part", item=msgspec.Raw(b"null"), attempt=1)
    return ShardContext(task, await bench(request).job())


async def stored_result(job: Workbench) -> dict[str, Any]:
    [completed] = [event for event in await job.events() if isinstance(event, JobCompleted)]
    found: dict[str, Any] = msgspec.json.decode(completed.result)
    return found


async def test_at_least_the_rounds_asked_for_are_played_and_less_than_a_shoe_more() -> None:
    result = await result_of(REQUEST)
    assert 20_000 <= result["rounds"] < 20_100
    assert result["stopped"] == "rounds"


@pytest.mark.parametrize("casino", ["single_deck_s17", "double_deck_h17", "six_deck_s17"])
async def test_so_it_is_for_more_rounds_than_the_estimate_was_made_from(casino: str) -> None:
    result = await result_of({"casino": casino, "num_rounds": 5_000_000, "seed": SEED})
    assert 5_000_000 <= result["rounds"] < 5_000_060


async def test_the_same_request_gives_the_same_digest() -> None:
    assert (await result_of(REQUEST))["digest"] == (await result_of(REQUEST))["digest"]


async def test_the_blocks_of_a_result_played_again_give_its_digest() -> None:
    first = await result_of(REQUEST)
    again = await result_of({**REQUEST, "num_rounds": None, "blocks": first["blocks"]})
    assert again["stopped"] == "blocks"
    assert again["digest"] == first["digest"]


async def test_rounds_are_exact_where_each_is_dealt_from_a_full_shoe() -> None:
    result = await result_of({**REQUEST, "casino": "infinite_s17", "num_rounds": 12_345})
    assert result["rounds"] == 12_345


async def test_it_ends_where_the_standard_error_is_small_enough() -> None:
    request = {**REQUEST, "num_rounds": 100_000_000, "target_standard_error": 0.002}
    result = await result_of(request)
    assert result["stopped"] == "target"
    assert result["players"][0]["standard_error"] <= 0.002
    assert result["rounds"] < 10_000_000


async def test_a_stop_ends_it_with_a_result() -> None:
    job = bench({**REQUEST, "num_rounds": 1_000_000_000})
    reported = asyncio.Event()
    job.store.on_append.append(lambda stored: reported.set() if isinstance(stored.event, ProgressReported) else None)
    running = asyncio.create_task(job.run())
    await reported.wait()
    await job.signal("stop")
    await running
    result = await stored_result(job)
    assert result["stopped"] == "by_hand"
    assert 0 < result["rounds"] < 1_000_000_000


async def test_what_the_parts_come_to_is_what_the_engine_says() -> None:
    order = prepare("simulation", REQUEST, Profiles(()), SEED)
    result = await result_of(REQUEST)
    whole = engine.simulate((order.configuration,), SEED, 0, result["blocks"])
    assert result["digest"] == digest(whole)


async def test_a_top_up_played_in_pieces_is_the_same_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    context = await shard_context(REQUEST)
    part = Part(first_block=3, blocks=20_000, rounds=20_000, rounds_min=20_000)
    whole = simulation.play_part(part, context)
    monkeypatch.setattr(simulation, "_CHECK_ROUNDS", 1_000)
    assert bytes(simulation.play_part(part, context)) == bytes(whole)


async def test_a_top_up_that_nobody_wants_any_more_ends_before_its_next_piece() -> None:
    context = await shard_context(REQUEST)
    context.give_up()
    with pytest.raises(ShardCancelled):
        simulation.play_part(Part(first_block=0, blocks=10**9, rounds=10**9, rounds_min=10**9), context)


async def test_progress_tells_rounds_speed_time_left_and_the_interval() -> None:
    job = bench({**REQUEST, "num_rounds": 3_000_000})
    await job.run()
    reports = [event for event in await job.events() if isinstance(event, ProgressReported)]
    assert reports[-1].done == reports[-1].total
    data = reports[0].data
    assert data["rounds"] > 0
    assert data["rounds_per_second"] > 0
    assert data["seconds_left"] >= 0
    low, high = data["players"][0]["interval"]
    assert low < data["players"][0]["ev"] < high


async def test_the_convergence_of_a_run_of_many_parts_is_evenly_spread_and_ends_at_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(simulation, "_POINTS", 10)
    monkeypatch.setattr(simulation, "plan", lambda **_: [Part(first_block=n, blocks=1, rounds=1) for n in range(101)])
    result = await result_of({**REQUEST, "casino": "infinite_s17", "num_rounds": None, "blocks": 101})
    rounds = [point["rounds"] for point in result["convergence"]]
    assert rounds == [16, 32, 48, 64, 80, 96, 101]


async def test_a_comparison_tells_the_difference_under_the_same_cards() -> None:
    request = {"a": {"casino": "six_deck_s17"}, "b": {"casino": "six_deck_h17"}, "num_rounds": 400_000, "seed": SEED}
    result = await result_of(request, "comparison")
    difference = result["difference"][0]
    assert difference["interval"][0] < -0.0021 < difference["interval"][1]
    assert difference["standard_error"] < result["a"][0]["standard_error"]


async def test_the_first_rounds_are_told_where_asked_for() -> None:
    result = await result_of({**REQUEST, "include_hand_history": True})
    assert len(result["players"][0]["hand_history"]) == 100


async def test_an_approval_is_asked_for_before_anything_is_played() -> None:
    job = bench(REQUEST, approvals=["run"])
    waiting = await job.run()
    assert waiting.status.value == "awaiting_approval"
    assert not any(isinstance(event, StepRecorded) for event in await job.events())
    await job.approve("run")
    assert (await job.run()).status.value == "done"


async def test_a_sweep_is_a_job_for_every_cell_and_one_table() -> None:
    axes = [{"path": "/casino/DAS", "values": [True, False]}, {"path": "/casino/deck_count", "values": [2, 6]}]
    request = {"base": {"casino": "six_deck_s17"}, "axes": axes, "num_rounds": 20_000, "seed": SEED}
    result = await result_of(request, "sweep")
    assert [cell["labels"] for cell in result["cells"]] == [
        ["true", "2"],
        ["true", "6"],
        ["false", "2"],
        ["false", "6"],
    ]
    alone = await result_of({"casino": "six_deck_s17", "num_rounds": 20_000, "seed": SEED})
    assert result["cells"][1]["digest"] == alone["digest"]
