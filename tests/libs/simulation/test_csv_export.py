"""CSV: complete, read back by the standard reader, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.simulation.csv_export import LONG_COLUMNS, to_csv
from libs.simulation.result import CellOutcome, sweep_table
from tests.libs.simulation import synthetic as made
from tests.libs.simulation.orders import compared, simulated, sweep_order

BLOCKS = made.deal(51, 8)


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_simulation_is_one_value_a_line() -> None:
    result = simulated(made.configuration(made.SPREAD), BLOCKS)
    rows = _rows(to_csv(msgspec.to_builtins(result)))
    assert tuple(rows[0]) == LONG_COLUMNS
    player = {row["measure"]: row["value"] for row in rows if row["section"] == "player"}
    assert float(player["ev"]) == result.players[0].ev
    assert float(player["interval_low"]) == (result.players[0].interval or (0, 0))[0]
    assert player["ruin_share"] == ""
    run = {row["measure"]: row["value"] for row in rows if row["section"] == "run"}
    assert (run["seed"], run["digest"]) == ("7", result.digest)


def test_every_count_is_there_with_exact_units() -> None:
    result = simulated(made.configuration(made.SPREAD), BLOCKS)
    rows = [row for row in _rows(to_csv(result)) if row["section"] == "count"]
    units = {int(row["item"]): int(row["value"]) for row in rows if row["measure"] == "units_net"}
    assert units == {row.count: row.units_net for row in result.players[0].by_count}


def test_a_comparison_tells_a_from_b() -> None:
    a, b = made.configuration(made.SPREAD), made.configuration(made.FLAT)
    result = compared(a, b, BLOCKS, BLOCKS)
    rows = _rows(to_csv(result))
    evs = {row["table"]: float(row["value"]) for row in rows if row["section"] == "player" and row["measure"] == "ev"}
    assert evs == {"A": result.a[0].ev, "B": result.b[0].ev}
    differences = [row for row in rows if row["section"] == "difference" and row["measure"] == "ev_difference"]
    assert float(differences[0]["value"]) == result.difference[0].ev_difference


def test_a_sweep_is_one_player_of_a_cell_a_line() -> None:
    base = made.configuration(made.FLAT, made.SPREAD)
    order = sweep_order(base, ("decks", ("1", "6")), ("dealt", ("75 %",)))
    done = simulated(base, made.deal(52, 4, hands=(1, 1)))
    cells = [
        CellOutcome(labels=("1", "75 %"), job_id="x", status="failed", error="worker lost"),
        CellOutcome(labels=("6", "75 %"), job_id="y", result=done),
    ]
    rows = _rows(to_csv(sweep_table(order, cells, seconds=1.0)))
    assert [(row["cell"], row["decks"], row["dealt"], row["status"], row["player"]) for row in rows] == [
        ("1", "1", "75 %", "failed", ""),
        ("2", "6", "75 %", "done", "0"),
        ("2", "6", "75 %", "done", "1"),
    ]
    assert float(rows[1]["ev"]) == done.players[0].ev
    assert all(None not in row and None not in row.values() for row in rows)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-2", "@SUM(A1)", "\t=1", "\r=1", "  =cmd|' /C calc'!A0", "＝1+1"])
def test_no_name_becomes_a_formula(name: str) -> None:
    configuration = made.configuration(names=(name,))
    names = {row["name"] for row in _rows(to_csv(simulated(configuration, BLOCKS))) if row["section"] == "player"}
    assert names == {f"'{name}"}


def test_negative_numbers_stay_numbers() -> None:
    rows = _rows(to_csv(simulated(made.configuration(), made.deal(53, 5, tilt=-0.4))))
    (ev,) = (row["value"] for row in rows if row["section"] == "player" and row["measure"] == "ev")
    assert float(ev) < 0


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30))
def test_any_name_leaves_the_table_whole(name: str) -> None:
    text = to_csv(simulated(made.configuration(names=(name,)), BLOCKS[:2]))
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert {len(row) for row in rows} == {len(LONG_COLUMNS)}
    for row in rows[1:]:
        assert row[3].strip(" ")[:1] not in {"=", "+", "-", "@", "\t", "\r", "\n"} or not row[3].strip(" ")
