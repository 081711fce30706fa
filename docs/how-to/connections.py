"""Print, as shell exports, how one user of a running `./jobstream up` connects to its servers.

    eval "$(.venv/bin/python docs/how-to/connections.py projector .jobstream)"

For looking on, `./jobstream nats` and `./jobstream postgres` are enough. The first argument is a user of NATS (`operator`, `admin`, or a
service); for those who have a role in Postgres, too, the database's URL is printed, with `gateway` also the secret of access tokens. The
second is the data folder.
Reads secrets: only who owns the folder can.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path


def exports(user: str, data: Path) -> Iterator[tuple[str, str]]:
    """Names and values."""
    secrets = json.loads((data / "secrets.json").read_text())
    if user not in secrets["nats"]:
        raise SystemExit(f"no user {user!r}; there are: {', '.join(secrets['nats'])}")
    yield "NATS_URL", (data / "run" / "nats-url").read_text().strip()
    yield "NATS_USER", user
    yield "NATS_PASSWORD", secrets["nats"][user]
    if user == "gateway":
        yield "JWT_SECRET", secrets["jwt"]
    password = secrets["postgres"].get(f"jobstream_{user}")
    if password is not None:
        place = (data / "run" / "postgres-url").read_text().rpartition("@")[2]
        yield "DATABASE_URL", f"postgresql://jobstream_{user}:{password}@{place}"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    for name, value in exports(sys.argv[1], Path(sys.argv[2])):
        print(f"export {name}={shlex.quote(value)}")
