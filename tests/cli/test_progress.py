from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from cli.figures import count, duration, interval, percent, rate, short_count
from cli.progress import ProgressView, described


def frame(done: float, total: float | None = 100, **fields: Any) -> dict[str, Any]:
    return {"kind": "progress", "name": "shards", "done": done, "total": total} | fields


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lines(view_and_file: tuple[ProgressView, io.StringIO]) -> list[str]:
    return view_and_file[1].getvalue().splitlines()


@pytest.fixture
def piped(clock: Clock) -> tuple[ProgressView, io.StringIO]:
    file = io.StringIO()
    return ProgressView(Console(file=file, width=80), now=clock), file


def test_a_pipe_gets_the_first_frame_one_a_second_and_the_last(
    piped: tuple[ProgressView, io.StringIO], clock: Clock
) -> None:
    for done in range(5):
        piped[0].show(frame(done))
        clock.now += 0.4
    piped[0].end()
    assert [line.split()[1] for line in lines(piped)] == ["0", "3", "4"]


def test_the_end_repeats_nothing(piped: tuple[ProgressView, io.StringIO]) -> None:
    piped[0].show(frame(1))
    piped[0].end()
    piped[0].end()
    assert len(lines(piped)) == 1


def test_a_line_is_not_broken_in_a_pipe(piped: tuple[ProgressView, io.StringIO]) -> None:
    piped[0].show(frame(1, message="x" * 300))
    assert len(lines(piped)) == 1


def test_a_narrow_terminal_keeps_the_words_rather_than_the_bar(clock: Clock) -> None:
    file = io.StringIO()
    view = ProgressView(Console(file=file, force_terminal=True, width=76, height=20), now=clock)
    data = {"rounds_per_second": 12e6, "seconds_left": 75}
    view.show({"name": "rounds", "done": 250_000_000, "total": 1_000_000_000, "data": data})
    view.end()
    assert "1:15 min left" in file.getvalue()


def test_progress_of_any_workflow_is_told_with_its_message() -> None:
    assert described(frame(5, message="all sent")) == "5 of 100 shards (5 %) · all sent"


def test_without_a_total_there_is_no_share() -> None:
    assert described(frame(5, None)) == "5 shards"


def test_it_is_not_complete_before_its_end() -> None:
    assert "(99.9 %)" in described(frame(99.9999))


def test_the_time_left_goes_down_between_frames() -> None:
    data = {"seconds_left": 75}
    assert "1:05 min left" in described(frame(5, data=data), age=10)


def test_several_players_are_told_apart() -> None:
    players = [{"ev": 0.01, "interval": [0.005, 0.015]}, {"ev": None, "interval": None}]
    text = described(frame(5, data={"players": players}))
    assert text.endswith("player 1: EV 1.0000 % ± 0.5000 % · player 2: EV -")


def test_data_of_another_form_does_no_harm() -> None:
    assert described(frame(5, data=[1, 2])) == "5 of 100 shards (5 %)"


def test_figures_read_as_people_write_them() -> None:
    assert (count(12345678), count(2.5), count(None)) == ("12,345,678", "2.50", "-")
    assert (short_count(35_668_529), short_count(12), short_count(None)) == ("35.7 M", "12", "-")
    assert (rate(11.94e6), rate(12)) == ("11.9 M/s", "12 /s")
    assert (duration(4.21), duration(73), duration(7509)) == ("4.2 s", "1:13 min", "2:05:09 h")
    assert (percent(-0.0042), percent(None)) == ("-0.4200 %", "-")
    assert (interval(0.01, None, None), interval(None, 1, 2)) == ("1.0000 %", "-")
