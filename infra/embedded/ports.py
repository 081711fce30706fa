"""Ports for children, chosen so that they can be had again after a restart."""

from __future__ import annotations

import random
import socket
import sys

__all__ = ["LOOPBACK", "free_port", "is_free"]

LOOPBACK = "127.0.0.1"

# Below the range the kernel takes outgoing ports from: a client that keeps reconnecting to a dead port of that range
# can be given the very same port as its own, connect to itself, and block the restarted server.
_LOWEST, _HIGHEST = (20_000, 32_000) if sys.platform == "linux" else (20_000, 49_000)

_random = random.SystemRandom()


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A loopback port nobody listens on at this moment."""
    for _ in range(1000):
        port = _random.randint(_LOWEST, _HIGHEST)
        if is_free(port):
            return port
    raise OSError("no free port was found on the loopback interface")
