"""How the values of a sweep's axes are written for people: yes and no for true and false, and the two kinds of dealers by their names."""

from __future__ import annotations

from libs.blackjack.profiles.casino import FIELDS
from libs.blackjack.profiles.fields import spelling
from libs.simulation.documents import SweepAxis

__all__ = ["heading", "value_shown"]

_SOFT_17 = next(field for field in FIELDS if field.name == "hit_on_soft_17")
_HITS = {spelling(name) for name in (_SOFT_17.name, *_SOFT_17.synonyms)}
_STANDS = {spelling(name) for name in _SOFT_17.opposites}


def value_shown(axis: SweepAxis, value: str) -> str:
    """A value beside the name of its axis: `H17` or `S17` for what the dealer does with a soft 17, else `yes`, `no` or as it is."""
    answer = {"true": True, "false": False, "yes": True, "no": False}.get(value.lower())
    if answer is None:
        return value
    rule = spelling(axis.path.removeprefix("/casino/"))
    if rule in _HITS | _STANDS:
        return "H17" if answer is (rule in _HITS) else "S17"
    return "yes" if answer else "no"


def heading(axis: SweepAxis, value: str) -> str:
    """A value that stands by itself, over a column or beside a row: `DAS: yes`."""
    shown = value_shown(axis, value)
    return f"{axis.label}: {shown}" if shown in {"yes", "no"} else shown
