from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_reached_from_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    reached, open_pages = {index}, [index]
    while open_pages:
        page = open_pages.pop()
        found = {(page.parent / link.partition("#")[0]).resolve() for link in links(page) if link.endswith(".md")}
        open_pages += found - reached
        reached |= found
    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} - reached == set()
