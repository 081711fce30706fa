"""Numbers as people read them: shares in percent, large counts in groups, times in hours and minutes; a dash where there is none."""

from __future__ import annotations

import math

__all__ = ["NONE", "count", "duration", "figure", "interval", "money", "percent", "rate", "short_count", "spread"]

NONE = "-"
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def count(value: float | None) -> str:
    """12,345,678; a fraction only where there is one."""
    if value is None:
        return NONE
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,.2f}"


def short_count(value: float | None) -> str:
    """12.3 M"""
    if value is None:
        return NONE
    for size, prefix in _PREFIXES:
        if abs(value) >= size:
            return f"{value / size:.3g} {prefix}"
    return f"{value:.3g}"


def rate(rounds_per_second: float) -> str:
    """11.9 M/s"""
    text = short_count(rounds_per_second)
    return f"{text}/s" if text[-1].isalpha() else f"{text} /s"


def percent(share: float | None, digits: int = 4) -> str:
    """A share of one in percent."""
    return NONE if share is None or not math.isfinite(share) else f"{100 * share:.{digits}f} %"


def figure(value: float | None, digits: int = 4) -> str:
    """A plain number with so many digits after the point."""
    return NONE if value is None or not math.isfinite(value) else f"{value:,.{digits}f}"


def money(value: float | None) -> str:
    """Money with cents where it has any."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """A share and half of the width of its interval, both in percent."""
    if value is None:
        return NONE
    if low is None or high is None:
        return percent(value)
    return f"{100 * value:.4f} % ± {50 * (high - low):.4f} %"


def spread(value: float | None, ends: tuple[float, float] | None) -> str:
    """A plain number and half of the width of its interval, which keeps enough digits not to be rounded away."""
    if value is None or not ends or None in ends:
        return figure(value)
    half = (ends[1] - ends[0]) / 2
    digits = max(4, 1 - math.floor(math.log10(half))) if 0 < half < math.inf else 4
    return f"{value:,.{digits}f} ± {half:,.{digits}f}"


def duration(seconds: float | None) -> str:
    """4.2 s, 1:13 min or 2:05:09 h."""
    if seconds is None:
        return NONE
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"
