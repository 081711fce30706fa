"""What comes back: tables, JSON, files, exit statuses."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from libs.simulation.documents import SweepAxis
from tests.cli.simulation.conftest import Run
from tests.cli.simulation.fake_gateway import FakeGateway
from tests.cli.simulation.results import JOB, comparison, player, simulation, sweep

ROOT = Path(__file__).parents[3]
SIMULATE = ("simulate", "--rounds", "1e6")
PROGRESS = {
    "kind": "progress",
    "name": "rounds",
    "done": 250_000,
    "total": 1_000_000.4,
    "message": "",
    "data": {
        "rounds": 250_000,
        "rounds_per_second": 12e6,
        "seconds_left": 75,
        "players": [{"ev": -0.004, "standard_error": 0.0001, "interval": [-0.0042, -0.0038], "rounds": 250_000}],
    },
}


def test_the_result_is_a_table_and_progress_keeps_out_of_it(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(JOB, simulation(), PROGRESS)
    result = run(*SIMULATE)
    assert result.exit_code == 0
    assert "-0.4200 %" in result.stdout
    assert f"digest {'beef' * 16}" in result.stdout
    assert "[progress]" not in result.stdout
    assert result.stderr.splitlines() == [
        f"job {JOB}",
        "[progress] 250,000 of 1,000,000 rounds (25 %) · 12 M/s · 1:15 min left · EV -0.4000 % ± 0.0200 %",
    ]


def test_json_is_the_result_and_nothing_else(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(JOB, simulation(), PROGRESS)
    assert json.loads(run(*SIMULATE, "--json").stdout) == simulation()


def test_json_of_what_is_not_waited_for_is_the_created_job(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(JOB, simulation())
    assert json.loads(run(*SIMULATE, "--json", "--no-watch").stdout)["status"] == "queued"


def test_reports_are_written_where_they_are_wanted(gateway: FakeGateway, run: Run, tmp_path: Path) -> None:
    gateway.simulation(JOB, simulation())
    gateway.answers["GET", f"/api/simulations/{JOB}/report.html"] = (200, b"<html>")
    gateway.answers["GET", f"/api/simulations/{JOB}/result.csv"] = (200, b"a;b")
    result = run(*SIMULATE, "--html", "r.html", "--csv", "r.csv")
    assert ((tmp_path / "r.html").read_bytes(), (tmp_path / "r.csv").read_bytes()) == (b"<html>", b"a;b")
    assert "wrote r.html" in result.stderr


def test_a_file_that_cannot_be_written_is_explained(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(JOB, simulation())
    gateway.answers["GET", f"/api/simulations/{JOB}/result.csv"] = (200, b"a;b")
    result = run(*SIMULATE, "--csv", "absent/r.csv")
    assert result.exit_code == 1
    assert "absent/r.csv cannot be written: No such file or directory" in result.stderr


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_what_did_not_get_done_is_no_success(gateway: FakeGateway, run: Run, status: str) -> None:
    gateway.simulation(JOB, None, status=status)
    result = run(*SIMULATE)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{status}: The job is {status}." in result.stderr


def test_a_result_that_the_tables_do_not_have_yet_is_waited_for(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(JOB, simulation())
    done = gateway.answers["GET", f"/api/simulations/{JOB}/"]
    early = [(200, {"job_id": JOB, "status": "running", "result_data": None})]
    gateway.answers["GET", f"/api/simulations/{JOB}/"] = lambda: early.pop() if early else done  # type: ignore[return-value]
    assert run(*SIMULATE).exit_code == 0


def test_counts_and_outcomes_are_shown_on_demand(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(JOB, simulation())
    short, long = run(*SIMULATE).stdout, run(*SIMULATE, "--counts", "--outcomes").stdout
    assert "+2" not in short
    assert "+2" in long
    assert "1,027,000" in long


def test_markup_in_a_players_name_is_only_text(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(JOB, simulation(players=[json_of(player("[bold]x[/bold]"))]))
    assert "[bold]x[/bold]" in run(*SIMULATE).stdout


def test_what_is_not_defined_is_left_out_or_a_dash(gateway: FakeGateway, run: Run) -> None:
    bare = dict.fromkeys(json_of(player()), None) | {"name": "bare"}
    gateway.simulation(JOB, simulation(players=[bare, json_of(player())]))
    result = run(*SIMULATE, "--counts", "--outcomes")
    assert result.exit_code == 0
    assert "bare" in result.stdout


def test_a_comparison_shows_the_difference(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(JOB, comparison())
    text = run("simulate", "compare", "six_deck_s17", "six_deck_h17").stdout
    assert "-0.2000 % ± 0.0040 %" in text
    assert "25 times" in text


def test_every_plus_minus_of_a_comparison_is_of_95_percent_and_has_digits(gateway: FakeGateway, run: Run) -> None:
    document = comparison()
    document["difference"][0] |= {"win_rate_difference": -0.2, "win_rate_interval": [-0.200012, -0.199988]}
    gateway.simulation(JOB, document)
    text = run("simulate", "compare", "six_deck_s17", "six_deck_h17").stdout
    assert "-0.200000 ± 0.000012" in text
    assert "± is half of the 95 % interval" in text


def test_sessions_tell_one_share_of_ruin_and_one_bankroll_in_the_end(gateway: FakeGateway, run: Run) -> None:
    sessions = {"sessions": 10, "ruin_share": 0.25, "ruin_interval": [0.2, 0.3], "final_mean": 950.0, "final_sd": 31.0}
    gateway.simulation(JOB, simulation(players=[json_of(player()) | {"sessions": sessions}]))
    text = run(*SIMULATE).stdout
    assert "risk of ruin" not in text
    assert "25.0000 % (20.0000 % to 30.0000 %)" in text
    assert [line.split("  ")[0].strip() for line in text.splitlines() if "in the end" in line] == [
        "mean bankroll in the end",
        "SD of the bankroll in the end",
    ]


def test_the_progress_of_a_comparison_is_that_of_the_difference(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(JOB, comparison(), PROGRESS, kind="comparison")
    said = "difference of EV -0.4000 % ± 0.0200 %"
    assert said in run("simulate", "compare", "six_deck_s17", "six_deck_h17").stderr
    assert said in run("watch", JOB).stdout


def test_a_sweep_of_one_axis_is_a_list(gateway: FakeGateway, run: Run) -> None:
    axis = SweepAxis(path="/casino/reshuffle_penetration", label="penetration", values=("0.5", "0.6", "0.75"))
    gateway.simulation(JOB, sweep(axis))
    lines = run("simulate", "sweep", "--axis", "casino.reshuffle_penetration=0.5,0.6,0.75").stdout.splitlines()
    assert next(line for line in lines if line.startswith(" 0.6")).split()[1:5] == ["default", "-0.4000", "%", "±"]
    assert "no runner" in next(line for line in lines if line.startswith(" 0.75"))


def test_a_sweep_of_two_axes_is_a_grid(gateway: FakeGateway, run: Run) -> None:
    one = SweepAxis(path="/casino/reshuffle_penetration", label="penetration", values=("0.5", "0.75"))
    two = SweepAxis(path="/casino/deck_count", label="decks", values=("2", "6"))
    gateway.simulation(JOB, sweep(one, two))
    text = run("simulate", "sweep", "--axis", "casino.deck_count=2,6").stdout
    assert "EV of default: penetration down, decks across" in text
    assert next(line for line in text.splitlines() if line.startswith(" 0.5 ")).count("%") == 4
    assert text.splitlines()[0].startswith("base: six_deck_s17")


def test_true_and_false_of_an_axis_are_told_as_rules(gateway: FakeGateway, run: Run) -> None:
    one = SweepAxis(path="/casino/hit_on_soft_17", label="hit_on_soft_17", values=("true", "false"))
    two = SweepAxis(path="/casino/DAS", label="DAS", values=("true", "false"))
    gateway.simulation(JOB, sweep(one, two))
    lines = run("simulate", "sweep", "--axis", "casino.DAS=true,false").stdout.splitlines()
    assert any(line.split() == ["DAS:", "yes", "DAS:", "no"] for line in lines)
    assert {line.split()[0] for line in lines if "%" in line} >= {"H17", "S17"}


def json_of(value: Any) -> Any:
    import msgspec

    return msgspec.json.decode(msgspec.json.encode(value))


def started(gateway: FakeGateway, tmp_path: Path, *arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "JOBSTREAM_URL": gateway.url,
        "XDG_CONFIG_HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "100",
        "TERM": "xterm",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments], env=environment, cwd=ROOT, start_new_session=True, **streams
    )


def read_until(stream: int, text: str, seen: str = "") -> str:
    """What a terminal shows up to `text`; pytest's time limit is the deadline."""
    while text not in seen:
        try:
            seen += os.read(stream, 65536).decode(errors="replace")
        except OSError:  # how a terminal tells its end
            break
    assert text in seen, seen
    return seen


def test_ctrl_c_leaves_the_simulation_and_says_how_to_go_on(gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.simulation(JOB, None, PROGRESS, status="running")
    process = started(gateway, tmp_path, *SIMULATE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    read_until(process.stderr.fileno(), "[progress]")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, b"")
    assert f"jobstream watch {JOB}" in err.decode()
    assert f"jobstream simulate stop {JOB}" in err.decode()
    assert b"Traceback" not in err


def test_a_terminal_shows_a_bar_with_the_interval_and_then_the_table(gateway: FakeGateway, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    gateway.simulation(JOB, simulation(), PROGRESS)
    process = started(gateway, tmp_path, *SIMULATE, stdout=theirs, stderr=theirs, stdin=theirs)
    os.close(theirs)
    try:
        shown = read_until(ours, "configuration cafe")
    finally:
        process.wait(20)
        os.close(ours)
    assert process.returncode == 0
    assert "EV -0.4000 % ± 0.0200 %" in shown
    assert "━" in shown
    assert "[progress]" not in shown
