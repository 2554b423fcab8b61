"""Pages: an ASGI app on Hypercorn inside the trio loop of a daemon."""

import logging
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio import serve

ENDLESS_REQUESTS = 10**9  # Hypercorn closes a busy connection after 1000 and trips over it
MAX_HEADER_BYTES = 16 * 1024
KEEP_ALIVE_S = 15.0  # an idle browser
HANDSHAKE_S = 15  # of TLS: until it is done a stranger holds 50 KB here
GRACE_S = 2.0  # what is being answered at the end may be finished

log = logging.getLogger(__name__)


async def serve_web(
    app: Any,
    bind: str,
    shutdown: trio.Event,
    tls: tuple[str, str] | None = None,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves an ASGI `app` on "host:port" (port 0: any) until `shutdown` is set.

    Started with `nursery.start` it returns the URLs it listens on. Raises OSError where it
    cannot bind. `tls`: files of a certificate chain and of its key (PEM).
    """
    config = Config()
    config.bind = [bind]
    config.keep_alive_max_requests = ENDLESS_REQUESTS
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.h11_max_incomplete_size = MAX_HEADER_BYTES
    config.graceful_timeout = GRACE_S
    config.ssl_handshake_timeout = HANDSHAKE_S
    config.include_server_header = False
    config.errorlog = log
    if tls is not None:
        config.certfile, config.keyfile = tls
    await serve(app, config, shutdown_trigger=shutdown.wait, task_status=task_status, mode="asgi")
