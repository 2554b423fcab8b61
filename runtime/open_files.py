"""How many files and sockets a daemon may have open.

The limit that shells and systemd hand on, 1024, is meant for programs that use `select`. Strangers
who hold connections open must not take the last descriptor from the database or from a neighbour.
"""

import resource
from typing import Final

# Idle strangers are closed after a quarter of a minute: by then some have to make 1,000 a second.
# Each holds 10 KB, or 50 KB behind TLS: 0.9 GB in all. More would take the memory of the daemon
# itself, and whoever has no file left refuses, while whoever has no memory left ends.
MAX_OPEN_FILES: Final = 16_384


def raise_open_files() -> int:
    """As many as the system lets this process have, up to MAX_OPEN_FILES: how many these are.

    Called once, before anything listens. What the operator allows is never lowered.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= MAX_OPEN_FILES:
        return soft
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
