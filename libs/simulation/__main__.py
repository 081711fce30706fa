"""`python -m libs.simulation < result.json > report.html`: the report of a result, in a process that ends with it.

For callers that must stay small: drawing takes a hundred megabytes and about a second of one core.
"""

from __future__ import annotations

import sys

import msgspec

from libs.simulation.report import to_html

if __name__ == "__main__":
    sys.stdout.buffer.write(to_html(msgspec.json.decode(sys.stdin.buffer.read())).encode())
