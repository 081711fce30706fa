"""The documents as the tests read them: pages, links, and shell blocks with the reasons of those that are not run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["PAGES", "ROOT", "Block", "anchors", "blocks", "links"]

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_MARK = re.compile(r"\s*<!-- not run: (.+) -->\s*")
_FENCE = re.compile(r"(\s*)```(\w*)\s*")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A fenced shell block; `reason` says why the tests do not run it."""

    line: int
    text: str
    reason: str | None


def blocks(page: Path) -> Iterator[Block]:
    """The ```sh blocks of a page. The line before one may be `<!-- not run: reason -->`."""
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        fence = _FENCE.fullmatch(lines[number])
        if fence is None:
            number += 1
            continue
        indent, language, start = fence[1], fence[2], number + 1
        number = next(place for place in range(start, len(lines)) if lines[place].strip() == "```")
        if language == "sh":
            mark = _MARK.fullmatch(lines[start - 2])
            text = "\n".join(line.removeprefix(indent) for line in lines[start:number])
            yield Block(start, text, mark[1] if mark else None)
        number += 1


def links(page: Path) -> list[str]:
    """Where a page's links lead, those in code left out."""
    return _LINK.findall(_prose(page))


def anchors(page: Path) -> set[str]:
    """The names under which a forge lets one link to a page's headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", _prose(page, inline_code=True), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        found.add(re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-"))
    return found


def _prose(page: Path, *, inline_code: bool = False) -> str:
    text = re.sub(r"^\s*```.*?^\s*```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    # The text of a link may be code; code that looks like a link is none.
    return text if inline_code else re.sub(r"(?<!\[)`[^`\n]*`", "", text)
