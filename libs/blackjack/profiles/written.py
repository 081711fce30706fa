"""Numbers, and yes or no, as people write them in text where JSON has a form of its own."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from libs.blackjack.profiles.findings import Findings
from libs.blackjack.profiles.source import Source, shown

__all__ = ["note_text", "number_in", "yes_or_no"]

_NUMBER = re.compile(
    r"(?P<digits>[+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,3}(?:_\d{3})+|\d{1,20})?(?:\.\d{1,20})?)"
    r"(?:e(?P<power>[+-]?\d{1,2}))? ?(?P<size>k|m|g|b|bn|t|%)?",
    re.ASCII | re.IGNORECASE,
)
_SIZES = {"k": 3, "m": 6, "g": 9, "b": 9, "bn": 9, "t": 12, "%": -2}
_ANSWERS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def number_in(value: Any, *, percent: bool = False) -> Any:
    """The number that text says, such as "8", "1e9", "5M" or, with `percent`, "80%"; anything else is as it was."""
    match = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not match["digits"].strip("+-") or (match["size"] == "%" and not percent):
        return value
    power = int(match["power"] or 0) + _SIZES[match["size"].lower()] if match["size"] else int(match["power"] or 0)
    exact = Decimal(match["digits"].replace(",", "").replace("_", "")).scaleb(power)
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def yes_or_no(value: Any) -> Any:
    """What "yes" or "off" says; anything else is as it was."""
    return _ANSWERS.get(value.strip().lower(), value) if isinstance(value, str) else value


def note_text(source: Source, found: bool | int | float, findings: Findings) -> None:
    """Note how text was read; nothing where JSON's own form was used."""
    if isinstance(source.value, str):
        said = f"{found:,}" if isinstance(found, int) and not isinstance(found, bool) else shown(found)
        findings.note(source.at, f"{shown(source.value)} was read as {said}.")
