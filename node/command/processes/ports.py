"""Free ports on loopback that no outgoing connection of this machine will take meanwhile."""

import socket
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

HOST: Final = "127.0.0.1"
LOWEST: Final = 20_000  # below are the ports of services that people know by heart
HIGHEST: Final = 60_000
TRIES: Final = 2000
LINUX_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


class NoPort(Exception):
    """One line: this machine has no free port on loopback."""


def free_ports(random: Random) -> Iterator[int]:
    """Ports that nobody listened on a moment ago, each once. NoPort.

    They lie outside the range of outgoing connections where that is known: a daemon that is killed
    and comes back finds its port free.
    """
    low, high = _outgoing()
    given: set[int] = set()
    for _ in range(TRIES):
        port = random.randrange(LOWEST, HIGHEST)
        if not low <= port <= high and port not in given and _is_free(port):
            given.add(port)
            yield port
    while True:
        port = _any_port()
        if port not in given:
            given.add(port)
            yield port


def _outgoing() -> tuple[int, int]:
    try:
        low, high = LINUX_RANGE.read_text().split()
        return int(low), int(high)
    except (OSError, ValueError):
        return (49_152, 65_535)  # RFC 6335, section 6: the dynamic ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _any_port() -> int:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, 0))
        except OSError as error:
            raise NoPort(f"no free port on {HOST}: {error.strerror}") from error
        port: int = probe.getsockname()[1]
        return port
