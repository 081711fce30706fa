"""How numbers and cards are written for people: a minus is a minus, digits come in threes, what is not defined is a dash."""

from __future__ import annotations

import math

__all__ = [
    "DASH",
    "MINUS",
    "NARROW_SPACE",
    "amount",
    "decimals",
    "half_width",
    "integer",
    "percent",
    "plain",
    "power",
    "short",
    "signed",
    "whole_rounds",
]

MINUS, NARROW_SPACE, DASH = "\u2212", "\u202f", "\u2013"
_RAISED = str.maketrans("-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
_STEPS = ((1e12, "tn"), (1e9, "bn"), (1e6, "M"), (1e3, "k"))


def plain(value: float | None, digits: int = 2) -> str:
    """`12,345.67` with thin spaces for commas; a dash for None."""
    if value is None:
        return DASH
    if not math.isfinite(value):
        return "\u221e" if value > 0 else DASH
    text = f"{abs(value):,.{digits}f}".replace(",", NARROW_SPACE)
    return MINUS + text if value < 0 and float(f"{value:.{digits}f}") else text


def signed(value: float | None, digits: int = 2) -> str:
    """The same with a plus where it is one."""
    text = plain(value, digits)
    return f"+{text}" if value is not None and value > 0 and float(f"{value:.{digits}f}") else text


def integer(value: float | None) -> str:
    return plain(value, 0)


def amount(value: float | None) -> str:
    """Money: with cents, but for large amounts and whole thousands."""
    cents = value is None or (abs(value) < 10_000 and value % 1000 != 0) or value == 0
    return plain(value, 2 if cents else 0)


def percent(value: float | None, digits: int = 3, *, plus: bool = True, significant: int | None = None) -> str:
    """A share in percent; with `significant`, as many digits as it takes to show that many."""
    if value is None:
        return DASH
    scaled = 100 * value
    if significant is not None:
        size = math.floor(math.log10(abs(scaled))) if scaled else 0
        digits = max(0, min(12, significant - 1 - size))
    return f"{signed(scaled, digits) if plus else plain(scaled, digits)}{NARROW_SPACE}%"


def half_width(interval: tuple[float, float] | None) -> float | None:
    """What stands behind the ± of a value with this interval."""
    return None if interval is None else (interval[1] - interval[0]) / 2


def decimals(error: float | None, least: int) -> int:
    """How many decimals show an error with two digits, and so the value that it belongs to; `least` at the least."""
    if not error or not math.isfinite(error):
        return least
    return max(least, min(9, 1 - math.floor(math.log10(abs(error)))))


def short(value: float) -> str:
    """`1.5 M` from a hundred thousand on, digits below; for axes."""
    if abs(value) >= 1e5:
        step, name = next((step, name) for step, name in _STEPS if abs(value) >= step)
        return f"{value / step:.4g}{NARROW_SPACE}{name}".replace("-", MINUS)
    return plain(value, 0 if value == round(value) else 2)


def power(share: float) -> str:
    """A share that is a power of ten, in percent: `0.1 %`, `10⁻⁵ %`; for axes."""
    exponent = round(math.log10(share)) + 2
    number = f"{10.0**exponent:g}" if -2 <= exponent <= 2 else f"10{str(exponent).translate(_RAISED)}"
    return f"{number}{NARROW_SPACE}%"


def whole_rounds(value: float | None) -> str:
    """Rounds that are computed, not counted: three digits are enough for large ones."""
    return integer(value) if value is None or abs(value) < 1e6 else short(float(f"{value:.3g}"))
