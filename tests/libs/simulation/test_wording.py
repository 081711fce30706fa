"""Numbers as people read them."""

from __future__ import annotations

import pytest

from libs.simulation.wording import (
    amount,
    decimals,
    half_width,
    integer,
    percent,
    plain,
    power,
    short,
    signed,
    whole_rounds,
)


def _spaced(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u2212", "-")


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (plain(1234567.891), "1 234 567.89"),
        (plain(-0.004), "0.00"),
        (plain(-1.5), "-1.50"),
        (plain(None), "–"),
        (plain(float("nan")), "–"),
        (signed(3.0), "+3.00"),
        (signed(0.0), "0.00"),
        (signed(0.001), "0.00"),
        (integer(12345), "12 345"),
        (amount(12.5), "12.50"),
        (amount(10000.4), "10 000"),
        (amount(3000.0), "3 000"),
        (percent(-0.00404), "-0.404 %"),
        (percent(0.00404), "+0.404 %"),
        (percent(0.0000123, plus=False, significant=2), "0.0012 %"),
        (percent(0.0, plus=False, significant=2), "0.0 %"),
        (power(1.0), "100 %"),
        (power(1e-3), "0.1 %"),
        (power(1e-7), "10⁻⁵ %"),
        (short(1234.0), "1 234"),
        (short(1.5e6), "1.5 M"),
        (short(-2e9), "-2 bn"),
        (whole_rounds(108225.4), "108 225"),
        (whole_rounds(1.23456e7), "12.3 M"),
        (whole_rounds(None), "–"),
    ],
)
def test_numbers_are_written_for_people(said: str, read: str) -> None:
    assert _spaced(said) == read


@pytest.mark.parametrize(
    ("error", "digits"), [(0.0043, 4), (0.5, 2), (12.0, 2), (0.09, 3), (1e-30, 9), (0.0, 2), (None, 2)]
)
def test_an_error_is_never_rounded_away(error: float | None, digits: int) -> None:
    assert decimals(error, 2) == digits


def test_what_stands_behind_plus_or_minus_is_half_the_interval() -> None:
    assert half_width((-1.0, 3.0)) == 2.0
    assert half_width(None) is None
