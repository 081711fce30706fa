"""What a socket asks for, read from its scope."""

from __future__ import annotations

import pytest

from services.gateway.live.admission import read_request


@pytest.mark.parametrize("query", [b"after=1&" + b"&".join([b"x=1"] * 20), b"after=", b"after=-1", b"after=1e3"])
def test_a_cursor_that_cannot_be_read_is_not_taken_for_none(query: bytes) -> None:
    request = read_request({"path": "/ws/jobs/x/", "headers": [], "query_string": query})
    assert not request.after_valid
