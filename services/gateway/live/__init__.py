"""The live half of the gateway: WebSockets and server-sent events out of what EVENTS republishes, for watched jobs only.

It reads `live.>` and `delta.>` by core NATS, gaps and history from log and read models; it writes commands of clients and claims on tickets.
It promises each connection every event exactly once, in order, from its cursor on, and that a slow or malicious client disturbs nobody else.
"""

from services.gateway.live.factory import Live, LiveSettings, create_live
from services.gateway.live.protocol import SERVER_OPTIONS

__all__ = ["SERVER_OPTIONS", "Live", "LiveSettings", "create_live"]
