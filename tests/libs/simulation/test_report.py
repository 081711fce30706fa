"""The report: one file, safe whatever things are named, for every kind of result and every odd one."""

from __future__ import annotations

import re
import threading
from html.parser import HTMLParser

import msgspec
import pytest

from libs.blackjack.configuration import BettingStrategy, RampStep
from libs.blackjack.engine import simulate
from libs.blackjack.reference import history
from libs.simulation.documents import ComparisonResult, SimulationResult, SweepResult
from libs.simulation.report import to_html
from libs.simulation.result import CellOutcome, summarize, sweep_table
from tests.libs.simulation import synthetic as made
from tests.libs.simulation.orders import compared, simulated, simulation_order, sweep_order

EVIL = "<script>alert('1')</script>\"&'$x_{"
BLOCKS = made.deal(61, 10)
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """What a page is made of; fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _simulation(name: str = "Ann") -> SimulationResult:
    return simulated(made.configuration(made.SPREAD, names=(name,)), BLOCKS)


def _comparison(name: str = "Ann") -> ComparisonResult:
    a = made.configuration(made.SPREAD, names=(name,))
    b = made.configuration(made.FLAT, names=(name,), hit_on_soft_17=True)
    return compared(a, b, BLOCKS, BLOCKS)


def _sweep(name: str = "Ann", axes: int = 2) -> SweepResult:
    base = made.configuration(made.SPREAD, names=(name,))
    wanted = (("decks", ("1", name)), ("dealt", ("60 %", "75 %", "85 %")))[:axes]
    labels = (
        [(one, other) for one in wanted[0][1] for other in wanted[1][1]]
        if axes == 2
        else [(one,) for one in wanted[0][1]]
    )
    cells = [
        CellOutcome(labels=each, job_id="j", result=simulated(base, made.deal(62 + number, 5, tilt=0.02 * number)))
        for number, each in enumerate(labels)
    ]
    cells[0] = CellOutcome(labels=labels[0], job_id="j", status="failed", error=name)
    return sweep_table(sweep_order(base, *wanted), cells, seconds=1.0)


REPORTS = {"simulation": _simulation, "comparison": _comparison, "sweep": _sweep}


@pytest.mark.parametrize("kind", REPORTS)
def test_a_report_needs_nothing_else(kind: str) -> None:
    text = to_html(msgspec.to_builtins(REPORTS[kind]()))
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "foreignobject"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "src"]
    references = [value for name, value in page.attributes if name.endswith("href")]
    assert all(value.startswith("#") for value in references)
    assert "@import" not in text
    assert re.findall(r"url\((?!#)", text) == []
    assert len(text.encode()) < 400_000


@pytest.mark.parametrize("kind", REPORTS)
def test_what_users_name_is_only_ever_text(kind: str) -> None:
    text = to_html(REPORTS[kind](EVIL))
    assert "<script" not in text
    assert EVIL in Page(text).text


@pytest.mark.parametrize("kind", REPORTS)
def test_every_reference_finds_its_mark_and_every_mark_is_one(kind: str) -> None:
    text = to_html(REPORTS[kind]())
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', text)) <= set(page.ids)


@pytest.mark.parametrize("kind", REPORTS)
def test_the_same_result_gives_the_same_bytes(kind: str) -> None:
    assert to_html(REPORTS[kind]()) == to_html(REPORTS[kind]())


def test_plots_follow_the_page_into_the_dark() -> None:
    text = to_html(_simulation())
    drawings = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    assert len(drawings) == 4
    assert all("var(--" in each for each in drawings)
    assert not [each for each in drawings if re.search(r"#[0-9a-f]{6}\b", re.sub(r'(href="#|url\(#)[^")]*', "", each))]


def test_the_numbers_are_in_the_text() -> None:
    result = _simulation()
    text = Page(to_html(result)).text
    assert result.digest in text
    assert result.configuration_hash in text
    assert f"{100 * abs(result.players[0].ev or 0):.3f}" in text
    assert "75 was read as 0.75" in text


def test_cells_without_a_result_say_why() -> None:
    assert "failed: worker lost" in Page(to_html(_sweep("worker lost"))).text


def test_one_axis_is_drawn_and_two_are_a_heat_map() -> None:
    assert "<svg" in to_html(_sweep(axes=1))
    assert 'class="heat"' in to_html(_sweep(axes=2))


def test_every_player_of_a_full_table_is_in_it() -> None:
    names = tuple(f"player number {number}" for number in range(7))
    configuration = made.configuration(*[made.SPREAD] * 7, names=names)
    text = Page(to_html(simulated(configuration, made.deal(63, 3, hands=(1,) * 7)))).text
    assert all(name in text for name in names)


def test_rounds_are_shown_card_by_card_where_asked_for() -> None:
    configuration = made.configuration(made.SPREAD)
    tally = made.tally(configuration, BLOCKS)
    records = history(configuration, 7, 0, 5)
    result = summarize(simulation_order(configuration), tally, stopped="rounds", seconds=1.0, history=records)
    assert "5 rounds, card by card" in Page(to_html(result)).text


def test_a_run_that_says_next_to_nothing_is_reported_too() -> None:
    nothing = BettingStrategy(name="", min_bet=5.0, bet_ramp=(RampStep(from_count=None, bet=0.0),))
    for blocks in ([], [[[made.Round(0, 20, 20)]]], made.deal(64, 2)):
        for betting in (nothing, made.FLAT):
            configuration = made.configuration(betting)
            page = Page(to_html(simulated(configuration, blocks)))
            assert "nan" not in page.text.lower()


def test_what_a_drawing_would_take_for_a_formula_is_left_alone() -> None:
    assert "$\\frac{" in Page(to_html(_sweep("$\\frac{", axes=1))).text


def test_threads_do_not_disturb_each_other() -> None:
    expected, results = to_html(_simulation()), []
    threads = [threading.Thread(target=lambda: results.append(to_html(_simulation()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


def test_a_sweep_says_of_the_base_that_it_is_one_and_names_what_varies() -> None:
    base = made.configuration(made.SPREAD, names=("Ann",))
    wanted = (("DAS", ("true", "false")), ("hit_on_soft_17", ("true", "false")))
    labels = [(one, other) for one in wanted[0][1] for other in wanted[1][1]]
    cells = [CellOutcome(labels=each, job_id="j", result=simulated(base, made.deal(63, 5))) for each in labels]
    text = Page(to_html(sweep_table(sweep_order(base, *wanted), cells, seconds=1.0))).text
    assert f"DAS by hit_on_soft_17, base {base.casino.name}: Ann" in text
    assert "DAS: yes" in text
    assert "H17" in text
    assert "S17" in text


@pytest.mark.parametrize("kind", REPORTS)
def test_what_stands_behind_plus_or_minus_is_95_percent_and_says_so(kind: str) -> None:
    text = Page(to_html(REPORTS[kind]())).text
    assert "(95 %)" in text
    assert "standard error" not in text.replace("until the standard error asked for was reached", "")


def test_a_small_difference_in_money_is_not_rounded_to_nothing() -> None:
    result = _comparison()
    small = msgspec.structs.replace(
        result.difference[0], win_rate_difference=0.0012, win_rate_interval=(0.0012 - 0.00034, 0.0012 + 0.00034)
    )
    text = Page(to_html(msgspec.structs.replace(result, difference=(small,)))).text
    assert "+0.00120 per 100 rounds (± 0.00034, 95 %)" in text


def test_sessions_are_ruined_so_often_as_they_were_and_by_no_formula() -> None:
    configuration = made.configuration(made.SPREAD, sessions=True)
    result = summarize(
        simulation_order(configuration), simulate([configuration], 7, 0, 4), stopped="rounds", seconds=1.0
    )
    text = Page(to_html(result)).text
    assert "Sessions ruined" in text
    assert "Risk of ruin" not in text
    assert text.count("Bankroll at a session's end") == 1
