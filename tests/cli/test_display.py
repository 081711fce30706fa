from __future__ import annotations

import io

from rich.console import Console

from cli.display import JobDisplay


def shown(*frames: dict[str, object], terminal: bool = False) -> str:
    out = io.StringIO()
    with JobDisplay(Console(file=out, force_terminal=terminal, width=80, highlight=False)) as display:
        for frame in frames:
            display.show(frame)
    return out.getvalue()


def test_a_pipe_gets_plain_lines() -> None:
    text = shown(
        {"kind": "chat", "role": "agent", "sender": "Client Relations", "content": "What problem?"},
        {"kind": "step", "agent": "CEO", "order": 1, "message": "Go."},
        {"kind": "status", "status": "done", "message": ""},
    )
    assert text == "[Client Relations] What problem?\n[CEO · step 1] Go.\n--- done\n"


def test_a_pipe_gets_no_half_typed_text() -> None:
    assert shown({"kind": "delta", "stream": "s", "attempt": 1, "offset": 0, "text": "Wha"}) == ""


def test_a_long_line_is_not_broken_in_a_pipe() -> None:
    text = shown({"kind": "chat", "role": "user", "content": "x" * 500})
    assert text == f"[You] {'x' * 500}\n"


def test_a_terminal_sees_a_reply_being_typed_until_it_is_replaced() -> None:
    text = shown(
        {"kind": "delta", "stream": "s", "attempt": 1, "offset": 0, "text": "Half a sen"},
        {"kind": "chat", "role": "agent", "sender": "Client Relations", "content": "A whole sentence.", "stream": "s"},
        {"kind": "delta", "stream": "s", "attempt": 1, "offset": 10, "text": "LATE"},
        terminal=True,
    )
    assert "Half a sen" in text
    assert "A whole sentence." in text
    assert "LATE" not in text


def test_a_new_attempt_discards_what_was_typed() -> None:
    display = JobDisplay(Console(file=io.StringIO(), force_terminal=True, width=80))
    with display:
        display.show({"kind": "delta", "stream": "s", "attempt": 1, "offset": 0, "text": "old"})
        display.show({"kind": "delta", "stream": "s", "attempt": 2, "offset": 0, "text": "new"})
        display.show({"kind": "delta", "stream": "s", "attempt": 1, "offset": 3, "text": " late"})
        assert display._typed["s"] == (2, "new")


def test_markup_in_a_users_text_is_only_text() -> None:
    assert "[bold]x[/bold]" in shown({"kind": "chat", "role": "user", "content": "[bold]x[/bold]"})


def test_an_app_is_shown_by_its_requirements() -> None:
    spec = {"numbered_requirements": [{"id": "R1", "area": "Features", "text": "a calendar"}], "discussion": []}
    assert "**R1** a calendar" in shown({"kind": "app", "spec": spec})


def test_an_app_without_requirements_is_shown_as_it_is() -> None:
    assert '"letters": 3' in shown({"kind": "app", "spec": {"letters": 3}})


def test_frames_of_unknown_kinds_are_left_out() -> None:
    assert shown({"kind": "novelty", "x": 1}) == ""
