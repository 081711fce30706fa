"""Garbage collection while sockets are served."""

from __future__ import annotations

import gc

from services.gateway.live.pauses import rare_collections


def test_full_collections_are_rare_only_while_the_block_runs() -> None:
    before = gc.get_threshold()
    with rare_collections():
        within = gc.get_threshold()
    assert (within > before, gc.get_threshold(), gc.get_freeze_count()) == (True, before, 0)
